"""How a task that made runs ends: everything that follows from them is written, and last of all the sidecar."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from auditcube.errors import ExitCode
from auditcube.evidence.files import file_bytes, write_atomically
from auditcube.evidence.store import Store
from auditcube.evidence.table import FileRead
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
    claims = [] if reference is None else [reference.manifest["claim_status"]]
    ending = _Ending(
        store, plan, runs, results.exit_code, claims, tuple(f for run in made.values() for f in run.events.files)
    )
    timing = build.Timing(done.started_on, provenance.utc_now(), time.monotonic_ns() - done.started_ns)
    manifest = build.manifest(
        task=done.task,
        run_id=done.run_id,
        identity=done.identity,
        timing=timing,
        dataset_refs=[done.dataset_ref],
        artifacts=ending.artifacts(),
        parents=[] if reference is None else [build.parent(reference.manifest, reference.data)],
        derived=members(plan, results, done.identity.mlcube_config_hash),
        provenance=provenance.provenance(timing.finished_on),
        environment=provenance.environment(done.environ),
        endpoint_identity=done.endpoint_identity,
    )
    wanted = manifest["claim_status"]
    clean = {**manifest, "redaction_status": publication.SAFE}
    manifest["claim_status"] = claim.granted(wanted, clean, claims)
    performed = ending.sealed(manifest)
    if (status := performed.manifest["claim_status"]) != manifest["claim_status"]:  # the scan was not clean
        performed = ending.sealed({**manifest, "claim_status": status})
    refused = [message for _, message in claim.unmet(performed.manifest)] if status != wanted else []
    return replace(performed, refused=tuple(refused))


@dataclass(frozen=True)
class _Ending:
    """What is left to do when all results are written. `read` are files that were read whole: what they hold is known,
    and is listed as it was read, so that the digest is of exactly what was judged."""

    store: Store
    plan: Plan
    runs: Mapping[str, Run]
    code: ExitCode
    claims: Sequence[str]
    read: Sequence[FileRead]

    def artifacts(self) -> list[dict[str, Any]]:
        return artifacts_of(self.store, {self._name(file): (file.size, file.sha256) for file in self.read})

    def sealed(self, manifest: Mapping[str, Any]) -> Performed:
        """Draw the report, which says what is claimed, and seal."""
        write_atomically(self.store.report, render(manifest, self.plan.effective(), self.runs))
        others = {self._name(file): file.others for file in self.read if file.others is not None}
        whole = seal(self.store, {**manifest, "artifacts": self.artifacts()}, claims=self.claims, others=others)
        return Performed(self.code, self.store, whole, self.runs)

    def _name(self, file: FileRead) -> str:
        return file.path.relative_to(self.store.root).as_posix()
