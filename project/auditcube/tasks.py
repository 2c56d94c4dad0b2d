"""The MLCube tasks: the composition root, where config, plan, engine, audits and manifest come together.

`audit` is every phase in one process; `run_reference`, `run_audit` and `verify` are the same functions as tasks that
meet only in files.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.audits.contract import REFERENCE
from auditcube.errors import EvidenceRejected, ExitCode, InvalidInput, RunBroken
from auditcube.evidence.files import write_atomically
from auditcube.evidence.store import Store
from auditcube.job import WARMUP, Job, read_job
from auditcube.load.engine import execute
from auditcube.load.schedule import RunSpec
from auditcube.manifest import build, codec, digest, provenance, schema, surroundings
from auditcube.manifest.identity import NONE, identify, told
from auditcube.metrics import Run
from auditcube.progress import Progress
from auditcube.readiness import check_reachable
from auditcube.report import render
from auditcube.results import NON_CLAIMS, Performed, Results, broke, derive, file_bytes, members, read_run, runs_of
from auditcube.verification import check
from auditcube.verification.checked import Checked, Verification
from auditcube.verification.pair import differing_keys


@dataclass(frozen=True)
class Options:
    """What every task that makes runs is told."""

    config: Path
    output_dir: Path
    dataset: Path | None = None
    mlcube_config: Path | None = None
    overwrite: bool = False
    progress: bool = False


def audit(options: Options, environ: Mapping[str, str]) -> Performed:
    """All runs that the audits need, back to back against the same endpoint, then the verdicts."""
    job = read_job(options.config, options.dataset, environ)
    _need_audits(job, options)
    return _Task("audit", options, job, environ, runs_of("audit", job.plan)).perform()


def run_reference(options: Options, environ: Mapping[str, str]) -> Performed:
    """The reference run alone."""
    job = read_job(options.config, options.dataset, environ)
    return _Task("run_reference", options, job, environ, runs_of("run_reference", job.plan)).perform()


def run_audit(options: Options, reference_dir: Path, environ: Mapping[str, str]) -> Performed:
    """The audit runs, against the same config, data set and endpoint as the reference in `reference_dir`."""
    job = read_job(options.config, options.dataset, environ)
    _need_audits(job, options)
    _keep_apart(options.output_dir, reference_dir)
    reference = check(Store(reference_dir))
    _require_pair(job, reference)
    return _Task("run_audit", options, job, environ, runs_of("run_audit", job.plan), reference).perform()


def _keep_apart(output_dir: Path, *sources: Path) -> None:
    """Raises InvalidInput if writing to `output_dir` would change the evidence that is read from `sources`."""
    output = output_dir.resolve()
    for source in sources:
        evidence = source.resolve()
        if output == evidence or output in evidence.parents or evidence in output.parents:
            raise InvalidInput(f"{output_dir}: overlaps {source}, which is read here; choose another place to write to")


def _need_audits(job: Job, options: Options) -> None:
    if not job.plan.audits:
        raise InvalidInput(f"{options.config}: audits: lists no audit; name one, or use run_reference to only measure")


def _require_pair(job: Job, reference: Checked) -> None:
    """Raises unless the reference is intact and was made by this very job."""
    where = reference.store.root
    if reference.findings:
        raise EvidenceRejected("\n".join(map(str, reference.findings)))
    run = reference.runs.get(REFERENCE)
    if run is None or reference.plan is None:
        raise InvalidInput(f"{where}: holds no reference run; make one with run_reference")
    differing = differing_keys(job.plan.effective(), reference.plan.effective())
    if reference.manifest["dataset_refs"] != [_dataset_ref(job)]:
        differing.append("the data set")
    if differing:
        raise InvalidInput(f"{where}: the reference was made with another {', '.join(differing)}; make it anew")
    if broke(run):
        raise RunBroken(f"{where}: the reference run broke off, so there is nothing to compare with; make it anew")


@dataclass(frozen=True)
class _Task:
    """One task that makes runs: from an empty directory to a sidecar."""

    name: str
    options: Options
    job: Job
    environ: Mapping[str, str]
    specs: tuple[RunSpec, ...]
    reference: Checked | None = None

    def perform(self) -> Performed:
        """Make the runs and write everything that follows; the sidecar comes last, so without it nothing counts."""
        store = Store(self.options.output_dir)
        identity = _identity(self.options.mlcube_config, self.environ)
        store.check_usable(self.options.overwrite)
        check_reachable(self.job.endpoint)
        store.clear()
        started_on, started_ns = provenance.utc_now(), time.monotonic_ns()
        run_id = provenance.new_run_id()
        write_atomically(store.config, self.job.plan.effective_yaml())
        made = self._make_runs(store, run_id)
        runs = {**(self.reference.runs if self.reference is not None else {}), **made}
        results = derive(self.job.plan, runs, made, self.name in ("audit", "run_audit"))
        for path, content in results.files.items():
            write_atomically(store.root / path, file_bytes(content))
        timing = build.Timing(started_on, provenance.utc_now(), time.monotonic_ns() - started_ns)
        manifest = self._manifest(store, run_id, identity, timing, results)
        write_atomically(store.report, render(manifest, self.job.plan.effective(), runs))
        manifest["artifacts"] = artifacts_of(store)
        return finish(store, manifest, results.exit_code, runs)

    def _make_runs(self, store: Store, run_id: str) -> dict[str, Run]:
        plan = self.job.plan
        progress = Progress(self.options.progress, len(self.specs))
        samples = {sample.index: sample for sample in self.job.dataset.samples}
        made: dict[str, Run] = {}
        for spec in self.specs:
            directory = store.run(spec.label).directory
            with progress.phase(spec.label, spec.queries) as watch:
                execute(plan.schedule(spec), self.job.endpoint, samples, run_id, directory, watch)
            made[spec.label] = read_run(store, plan, spec)
            if spec.label != WARMUP and broke(made[spec.label]):
                break  # whatever comes next would meet an endpoint that is gone
        return made

    def _manifest(
        self, store: Store, run_id: str, identity: build.Identity, timing: build.Timing, results: Results
    ) -> dict[str, Any]:
        reference = self.reference
        return build.manifest(
            task=self.name,
            run_id=run_id,
            identity=identity,
            timing=timing,
            dataset_refs=[_dataset_ref(self.job)],
            artifacts=artifacts_of(store),
            parents=[] if reference is None else [build.parent(reference.manifest, reference.data)],
            derived=members(self.job.plan, results, identity.mlcube_config_hash),
            provenance=provenance.provenance(timing.finished_on),
            environment=provenance.environment(),
        )


def _identity(mlcube_config: Path | None, environ: Mapping[str, str], otherwise: str = NONE) -> build.Identity:
    """What runs this task; `otherwise` stands for the hash of mlcube.yaml where that is not given."""
    mlcube = otherwise
    if mlcube_config is not None:
        try:
            mlcube = f"sha256:{hashlib.sha256(mlcube_config.read_bytes()).hexdigest()}"
        except OSError as problem:
            raise InvalidInput(f"{mlcube_config}: {problem.strerror}; see --mlcube_config") from problem
    return identify(told(environ), surroundings.look(environ), mlcube)


def verify(
    directories: Sequence[Path], output_dir: Path | None, overwrite: bool, mlcube_config: Path | None,
    environ: Mapping[str, str],
) -> Verification:  # fmt: skip
    """Recompute everything in one directory, or in a reference and an audit that started from it.

    With `output_dir` the findings and a sidecar, whose parents are what was verified, are written there.
    """
    started_on, started_ns = provenance.utc_now(), time.monotonic_ns()
    _identity(mlcube_config, environ)
    if output_dir is not None:
        _keep_apart(output_dir, *directories)
    *before, last = map(Store, directories)
    reference = check(before[0]) if before else None
    checked = check(last, reference)
    parts = [part for part in (reference, checked) if part is not None]
    verification = Verification(parts)
    if output_dir is not None:
        store = Store(output_dir)
        store.check_usable(overwrite)
        store.clear()
        write_atomically(store.verification, file_bytes(verification.to_json()))
        timing = build.Timing(started_on, provenance.utc_now(), time.monotonic_ns() - started_ns)
        before_it = verification.parts[-1].manifest.get("mlcube_config_hash", NONE)
        identity = _identity(mlcube_config, environ, before_it)
        finish(store, _verification_manifest(store, verification, timing, identity), verification.exit_code, {})
    return verification


def report(directory: Path, reference_dir: Path | None, output: Path | None) -> Path:
    """Where the report of an intact output directory is; with `output`, written there anew.

    Raises EvidenceRejected if the directory is not intact: nobody should look at a picture of it. Raises InvalidInput
    if `output` is a place in it: it would not be intact any more.
    """
    if output is not None:
        _keep_apart(output, *([directory] if reference_dir is None else [directory, reference_dir]))
    reference = check(Store(reference_dir)) if reference_dir is not None else None
    checked = check(Store(directory), reference)
    findings = [finding for part in (reference, checked) if part is not None for finding in part.findings]
    if findings:
        raise EvidenceRejected("\n".join(map(str, findings)))
    if checked.plan is None:
        raise InvalidInput(f"{directory}: is the output of verify, which has no report")
    if output is None:
        return checked.store.report
    artifacts = [entry for entry in checked.manifest["artifacts"] if entry["role"] != "report"]
    runs = {**(reference.runs if reference is not None else {}), **checked.runs}
    write_atomically(output, render({**checked.manifest, "artifacts": artifacts}, checked.plan.effective(), runs))
    return output


def _verification_manifest(
    store: Store, verification: Verification, timing: build.Timing, identity: build.Identity
) -> dict[str, Any]:
    last = verification.parts[-1].manifest
    parents = [build.parent(part.manifest, part.data) for part in verification.parts if part.manifest]
    derived = {
        "benchmark": last.get("benchmark", provenance.UNKNOWN),
        "claim_status": last.get("claim_status", "diagnostic"),
        "redaction_status": "not_scanned",
        "non_claims": list(NON_CLAIMS),
        "result_paths": [store.verification.name],
        "task_status": {"state": "completed", "exit_code": int(verification.exit_code)},
        "config_hashes": last.get("config_hashes", {}),
        "verdicts": list(verification.verdicts),
    }
    return build.manifest(
        task="verify",
        run_id=provenance.new_run_id(),
        identity=identity,
        timing=timing,
        dataset_refs=last.get("dataset_refs", []),
        artifacts=artifacts_of(store),
        parents=parents,
        derived=derived,
        provenance=provenance.provenance(timing.finished_on),
        environment=provenance.environment(),
    )


def artifacts_of(store: Store) -> list[dict[str, Any]]:
    """The entries for every file in a directory of ours."""
    return [build.artifact(path.relative_to(store.root).as_posix(), *digest.of_file(path)) for path in store.files()]


def finish(store: Store, manifest: dict[str, Any], exit_code: ExitCode, runs: Mapping[str, Run]) -> Performed:
    """Write the sidecar, after our own schema has accepted it."""
    data = codec.encode(manifest)
    whole = json.loads(data)
    if problems := schema.problems(whole):
        raise RuntimeError(f"our own sidecar violates the schema: {problems}")
    write_atomically(store.sidecar, data)
    return Performed(exit_code, store, whole, runs)


def _dataset_ref(job: Job) -> dict[str, Any]:
    dataset, config = job.dataset, job.plan.config.dataset
    measured = {
        "digest": {"sha256": dataset.sha256},
        "size": dataset.size_bytes,
        "format": dataset.format,
        "rows": dataset.rows,
        "samples": len(dataset.samples),
    }
    return build.dataset_ref(config.id, config.provenance, measured)
