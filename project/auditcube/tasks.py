"""The MLCube tasks that make runs: a composition root, where config, plan, engine and files come together.

`audit` is every phase in one process; `run_reference` and `run_audit` are the same functions as tasks that meet only in
files. What follows from the runs is in `conclusion`, which is imported once they are made: it brings NumPy, a validator
and Jinja2, for which no query should wait, and without which this process is small while it measures.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditcube.audits.contract import REFERENCE
from auditcube.errors import EvidenceRejected, InvalidInput, RunBroken
from auditcube.evidence.expected import expected_bytes
from auditcube.evidence.files import write_atomically
from auditcube.evidence.store import Store, keep_apart
from auditcube.job import WARMUP, Job, described, read_job, runs_of
from auditcube.load.crew import Crew
from auditcube.load.engine import execute
from auditcube.load.schedule import RunSpec
from auditcube.manifest import build, endpoint, provenance, surroundings
from auditcube.manifest.differences import differing_keys
from auditcube.progress import Progress

if TYPE_CHECKING:
    from auditcube.metrics import Run
    from auditcube.results import Performed
    from auditcube.verification.checked import Checked


@dataclass(frozen=True)
class Options:
    """What every task that makes runs is told."""

    config: Path
    output_dir: Path
    dataset: Path | None = None
    mlcube_config: Path | None = None
    overwrite: bool = False
    progress: bool = False


def audit(options: Options, environ: Mapping[str, str], crew: Crew) -> Performed:
    """All runs that the audits need, back to back against the same endpoint, then the verdicts."""
    job = read_job(options.config, options.dataset, environ)
    _need_audits(job, options)
    return _Task("audit", options, job, environ, runs_of("audit", job.plan), crew).perform()


def run_reference(options: Options, environ: Mapping[str, str], crew: Crew) -> Performed:
    """The reference run alone."""
    job = read_job(options.config, options.dataset, environ)
    return _Task("run_reference", options, job, environ, runs_of("run_reference", job.plan), crew).perform()


def run_audit(options: Options, reference_dir: Path, environ: Mapping[str, str], crew: Crew) -> Performed:
    """The audit runs, against the same config, data set and endpoint as the reference in `reference_dir`."""
    from auditcube.verification import check

    job = read_job(options.config, options.dataset, environ)
    _need_audits(job, options)
    keep_apart(options.output_dir, reference_dir)
    reference = check(Store(reference_dir))
    _require_pair(job, reference)
    return _Task("run_audit", options, job, environ, runs_of("run_audit", job.plan), crew, reference).perform()


def _need_audits(job: Job, options: Options) -> None:
    from auditcube import scoring

    scoring.check(job.plan)
    if not job.plan.audits:
        raise InvalidInput(f"{options.config}: audits: lists no audit; name one, or use run_reference to only measure")


def _require_pair(job: Job, reference: Checked) -> None:
    """Raises unless the reference is intact and was made by this very job."""
    from auditcube.results import broke

    where = reference.store.root
    if reference.findings:
        raise EvidenceRejected("\n".join(map(str, reference.findings)))
    run = reference.runs.get(REFERENCE)
    if run is None or reference.plan is None:
        raise InvalidInput(f"{where}: holds no reference run; make one with run_reference")
    differing = differing_keys(job.plan.effective(), reference.plan.effective())
    if list(map(build.without_status, reference.manifest["dataset_refs"])) != [build.without_status(_dataset_ref(job))]:
        differing.append("the data set")
    if _endpoint_identity(job, reference) != reference.manifest.get("endpoint_identity"):
        differing.append("endpoint.url")
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
    crew: Crew
    reference: Checked | None = None

    def perform(self) -> Performed:
        """Make the runs and write everything that follows; the sidecar comes last, so without it nothing counts."""
        self.crew.call_up(self.job.plan.load.workers)
        store = Store(self.options.output_dir)
        identity = surroundings.identity(self.options.mlcube_config, self.environ)
        store.check_usable(self.options.overwrite)
        self._check_reachable()
        store.clear()
        started_on, started_ns = provenance.utc_now(), time.monotonic_ns()
        run_id = provenance.new_run_id()
        write_atomically(store.config, self.job.plan.effective_yaml())
        if self.job.plan.config.dataset.expected:
            write_atomically(store.expected, expected_bytes(s.expected for s in self.job.dataset.samples))
        made = self._make_runs(store, run_id)
        from auditcube.conclusion import Done, conclude

        asked, ref = _endpoint_identity(self.job, self.reference), _dataset_ref(self.job)
        done = Done(self.name, run_id, identity, started_on, started_ns, ref, asked, self.reference, self.environ)
        return conclude(done, store, self.job.plan, made)

    def _check_reachable(self) -> None:
        from auditcube.readiness import check_reachable  # `requests` is imported while the workers start

        check_reachable(self.job.endpoint)

    def _make_runs(self, store: Store, run_id: str) -> dict[str, Run]:
        plan = self.job.plan
        progress = Progress(self.options.progress, len(self.specs))
        samples = {sample.index: sample for sample in self.job.dataset.samples}
        made: dict[str, Run] = {}
        for spec in self.specs:
            directory = store.run(spec.label).directory
            with progress.phase(spec.label, spec.queries, self._about_s(spec, made)) as watch:
                execute(plan.schedule(spec), self.job.endpoint, samples, run_id, directory, watch, self.crew)
            from auditcube.results import broke, read_run

            made[spec.label] = read_run(store, plan, spec)
            if spec.label != WARMUP and broke(made[spec.label]):
                break  # whatever comes next would meet an endpoint that is gone
        return made

    def _about_s(self, spec: RunSpec, made: Mapping[str, Run]) -> float | None:
        """How long a run will last at the reference's latency; None without one."""
        from auditcube.forecast import seconds_of

        before = {} if self.reference is None else self.reference.runs
        reference = {**before, **made}.get(REFERENCE)
        latency_ns = None if reference is None else reference.median_latency_ns
        return None if latency_ns is None else seconds_of(self.job.plan.load, spec, latency_ns / 1e9)


def _endpoint_identity(job: Job, reference: Checked | None) -> dict[str, object]:
    """Under the reference's salt, where there is one."""
    asked = job.plan.config.endpoint
    salt = endpoint.salt_of(reference.manifest) if reference is not None else None
    return endpoint.identity(asked.urls, asked.path, salt or endpoint.new_salt(), asked.publish_url)


def _dataset_ref(job: Job) -> dict[str, object]:
    dataset, config = job.dataset, job.plan.config.dataset
    measured = {
        "digest": {"sha256": dataset.sha256},
        "size": dataset.size_bytes,
        "format": dataset.format,
        "rows": dataset.rows,
        "samples": len(dataset.samples),
    }
    return build.dataset_ref(config.id, config.provenance, described(config), measured)
