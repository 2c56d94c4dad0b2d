"""How a task that made runs ends: everything that follows from them is written, and last of all the sidecar."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from auditcube.errors import ExitCode
from auditcube.evidence.files import file_bytes, write_atomically
from auditcube.evidence.store import Store
from auditcube.job import Plan
from auditcube.manifest import build, claim, provenance, publication
from auditcube.manifest.sealing import artifacts_of, seal
from auditcube.metrics import Run
from auditcube.report import render
from auditcube.results import Performed, derive, members
from auditcube.scoring import scored
from auditcube.verification.checked import Checked

_JUDGING = ("audit", "run_audit")


@dataclass(frozen=True)
class Done:
    """What is known of a task that has made its runs; `started_ns` is of the monotonic clock.

    `environ` holds secrets too: a scorer's command may be given of it, and only what is allowed by name is written.
    """

    task: str
    run_id: str
    identity: build.Identity
    started_on: str
    started_ns: int
    dataset_ref: Mapping[str, Any]
    endpoint_identity: Mapping[str, Any]
    reference: Checked | None
    environ: Mapping[str, str] = field(repr=False)


def conclude(done: Done, store: Store, plan: Plan, made: Mapping[str, Run]) -> Performed:
    """Write summaries, verdicts, report and sidecar of the runs that a task made."""
    reference = done.reference
    runs = {**(reference.runs if reference is not None else {}), **made}
    if done.task in _JUDGING:
        runs = scored(plan, runs, store, done.environ)
    results = derive(plan, runs, made, done.task in _JUDGING)
    for path, content in results.files.items():
        write_atomically(store.root / path, file_bytes(content))
    timing = build.Timing(done.started_on, provenance.utc_now(), time.monotonic_ns() - done.started_ns)
    manifest = build.manifest(
        task=done.task,
        run_id=done.run_id,
        identity=done.identity,
        timing=timing,
        dataset_refs=[done.dataset_ref],
        artifacts=artifacts_of(store),
        parents=[] if reference is None else [build.parent(reference.manifest, reference.data)],
        derived=members(plan, results, done.identity.mlcube_config_hash),
        provenance=provenance.provenance(timing.finished_on),
        environment=provenance.environment(done.environ),
        endpoint_identity=done.endpoint_identity,
    )
    claims = [] if reference is None else [reference.manifest["claim_status"]]
    wanted = manifest["claim_status"]
    clean = {**manifest, "redaction_status": publication.SAFE}
    manifest["claim_status"] = claim.granted(wanted, clean, claims)
    performed = _with_report(store, manifest, plan, runs, results.exit_code, claims)
    if (status := performed.manifest["claim_status"]) != manifest["claim_status"]:  # the scan was not clean
        performed = _with_report(store, {**manifest, "claim_status": status}, plan, runs, results.exit_code, claims)
    refused = [message for _, message in claim.unmet(performed.manifest)] if status != wanted else []
    return replace(performed, refused=tuple(refused))


def _with_report(
    store: Store, manifest: dict[str, Any], plan: Plan, runs: Mapping[str, Run], code: ExitCode, claims: list[str]
) -> Performed:
    """Draw the report, which says what is claimed, and seal."""
    write_atomically(store.report, render(manifest, plan.effective(), runs))
    manifest["artifacts"] = artifacts_of(store)
    return Performed(code, store, seal(store, manifest, claims=claims), runs)
