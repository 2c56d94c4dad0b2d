"""How a task ends: everything that follows from its runs is written, and last of all the sidecar."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditcube.errors import ExitCode
from auditcube.evidence.files import write_atomically
from auditcube.evidence.store import Store
from auditcube.job import Plan
from auditcube.manifest import build, codec, digest, provenance, publication, schema
from auditcube.metrics import Run
from auditcube.report import render
from auditcube.results import Performed, derive, file_bytes, members
from auditcube.scoring import scored
from auditcube.verification.checked import Checked

_JUDGING = ("audit", "run_audit")


@dataclass(frozen=True)
class Done:
    """What is known of a task that has made its runs.

    `started_ns` is of the monotonic clock; `environ` is what a scorer's command may be given of.
    """

    task: str
    run_id: str
    identity: build.Identity
    started_on: str
    started_ns: int
    dataset_ref: Mapping[str, Any]
    reference: Checked | None
    environ: Mapping[str, str]


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
        environment=provenance.environment(),
    )
    write_atomically(store.report, render(manifest, plan.effective(), runs))
    manifest["artifacts"] = artifacts_of(store)
    return finish(store, manifest, results.exit_code, runs)


def artifacts_of(store: Store) -> list[dict[str, Any]]:
    """The entries for every file in a directory of ours."""
    return [build.artifact(path.relative_to(store.root).as_posix(), *digest.of_file(path)) for path in store.files()]


def finish(
    store: Store, manifest: dict[str, Any], exit_code: ExitCode, runs: Mapping[str, Run], *, scan: bool = True
) -> Performed:
    """Scan what is to be published, and write the sidecar, after our own schema has accepted it.

    Without `scan` nothing is claimed of what is in the files.
    """
    data = codec.encode(publication.declare(store.root, manifest, store.sidecar.name) if scan else manifest)
    whole = json.loads(data)
    if problems := schema.problems(whole):
        raise RuntimeError(f"our own sidecar violates the schema: {problems}")
    write_atomically(store.sidecar, data)
    return Performed(exit_code, store, whole, runs)
