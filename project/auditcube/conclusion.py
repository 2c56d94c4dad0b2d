"""How a task ends: everything that follows from its runs is written, and last of all the sidecar."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from auditcube.errors import ExitCode
from auditcube.evidence.files import write_atomically
from auditcube.evidence.store import Store
from auditcube.job import Plan
from auditcube.manifest import attestation, build, claim, codec, digest, provenance, publication, schema
from auditcube.metrics import Run
from auditcube.report import render
from auditcube.results import Performed, derive, file_bytes, members
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
    """Draw the report, which says what is claimed, and finish."""
    write_atomically(store.report, render(manifest, plan.effective(), runs))
    manifest["artifacts"] = artifacts_of(store)
    return finish(store, manifest, code, runs, claims=claims)


def artifacts_of(store: Store, measured: Mapping[str, tuple[int, str]] | None = None) -> list[dict[str, Any]]:
    """The entries for every file in a directory of ours. `measured`: sizes and digests that are known, by name."""
    names = {path.relative_to(store.root).as_posix(): path for path in store.files()}
    return [artifact_of(path, name, (measured or {}).get(name)) for name, path in names.items()]


def artifact_of(path: Path, name: str, measured: tuple[int, str] | None = None) -> dict[str, Any]:
    """The entry for one file, under the name that it is listed by."""
    size, sha256 = measured or digest.of_file(path)
    small_json = name.endswith(".json") and size <= codec.MAX_CANONICAL_BYTES
    return build.artifact(name, size, sha256, codec.json_sha256(path.read_bytes()) if small_json else None)


def finish(
    store: Store,
    manifest: dict[str, Any],
    exit_code: ExitCode,
    runs: Mapping[str, Run],
    *,
    scan: bool = True,
    claims: Iterable[str] = (),
) -> Performed:
    """Scan what is to be published, and write the statement and last the sidecar, after our own schema has accepted it.

    Without `scan` nothing is claimed of what is in the files. `claim_status` is what is wanted, and becomes what is
    granted; `claims` are those of the sidecars that the task started from.
    """
    manifest = {**manifest, "directory_digest": build.directory_digest(manifest["artifacts"])}
    if scan:
        manifest = publication.declare(store.root, manifest, store.sidecar.name)
    manifest["claim_status"] = claim.granted(manifest["claim_status"], manifest, claims)
    data = codec.encode(manifest)
    whole = json.loads(data)
    if problems := schema.problems(whole):
        raise RuntimeError(f"our own sidecar violates the schema: {problems}")
    write_atomically(store.statement, attestation.encode(whole, data, store.sidecar.name))
    write_atomically(store.sidecar, data)
    return Performed(exit_code, store, whole, runs)
