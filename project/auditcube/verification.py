"""Re-enter at the events: recompute from files alone everything that an output directory claims.

Each check adds findings and goes on as far as it can; nothing is believed because the sidecar says so. The same
functions that made the files make them again here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditcube.config import DatasetConfig, load_config
from auditcube.errors import AuditCubeError, EvidenceRejected, ExitCode, InvalidInput
from auditcube.evidence.store import SIDECAR, Store
from auditcube.job import WARMUP, Plan, make_plan
from auditcube.load.pacing import End
from auditcube.load.schedule import RunSpec
from auditcube.manifest import build, codec, validator
from auditcube.manifest.finding import Finding
from auditcube.metrics import Run, check_against_plan
from auditcube.results import Results, broke, derive, file_bytes, members, read_run, runs_of

_CLOCK_STEP = timedelta(seconds=5)  # the wall clock may be set while a task runs
_FULL = ("run_id", "task_status", "started_on", "finished_on", "config_hashes", "artifacts", "manifest_digest")
_BYTES_PER_QUERY = 2  # at least, in schedule.json: a config that asks for more cannot make us expand it
_JUDGED = {"audit", "run_audit"}


@dataclass
class Checked:
    """One output directory, as far as it could be recomputed, and what is wrong with it."""

    store: Store
    findings: list[Finding] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    data: bytes = b""
    plan: Plan | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    results: Results | None = None

    def find(self, code: str, path: str, message: str, pointer: str = "") -> None:
        self.findings.append(Finding(code, str(self.store.root / path), message, pointer))


def check(store: Store, reference: Checked | None = None) -> Checked:
    """Check one directory; `reference` is the directory it started from, checked before.

    Raises InvalidInput if there is no such directory.
    """
    if not store.root.is_dir():
        raise InvalidInput(f"{store.root}: no such directory")
    checked = Checked(store)
    if not _sidecar(checked):
        return checked
    if checked.manifest["mlcube_task"] == "verify":
        _verification(checked)
        return checked
    if not _plan(checked):
        return checked
    assert checked.plan is not None
    for spec in checked.plan.runs:
        _run(checked, checked.plan, spec)
    _parents(checked, reference)
    _complete(checked, checked.plan)
    unread = [spec for spec in checked.plan.runs if spec.label not in checked.runs and _made(checked, spec)]
    if not unread and not any(f.code in ("events", "parent_missing", "artifact_missing") for f in checked.findings):
        _derived(checked, checked.plan, reference)
    return checked


def _sidecar(checked: Checked) -> bool:
    """Read the sidecar; whether the rest can be checked."""
    sidecar = validator.read_sidecar(checked.store.sidecar)
    checked.data = sidecar.data
    checked.findings += sidecar.findings
    for name in _FULL if sidecar.manifest else ():
        if name not in sidecar.manifest:
            checked.find("schema", SIDECAR, f"{name} is missing; without it nothing can be recomputed")
    if checked.findings:
        return False
    checked.manifest = sidecar.manifest
    checked.checks.append("the sidecar follows its schema and its own digest")
    found = validator.file_findings(sidecar)
    checked.findings += found
    if not found:
        count = len(checked.manifest["artifacts"])
        checked.checks.append(f"{count} files have the digests listed, and no other file is there")
    return not any(f.code == "artifact_special" for f in found)  # a pipe or a device must not be read


def _verification(checked: Checked) -> None:
    """Check the output of `verify`: one file, and a sidecar that says the same."""
    name = checked.store.verification.name
    try:
        told, _ = codec.read_json(checked.store.verification)
        status = {"state": "completed", "exit_code": told["exit_code"]}
        expected = {"result_paths": [name], "task_status": status, "verdicts": told["verdicts"]}
    except (EvidenceRejected, LookupError, TypeError) as problem:
        checked.find("derived", name, f"is no output of verify: {problem}")
        return
    _members(checked, expected)
    _listed(checked, {name})


def _plan(checked: Checked) -> bool:
    """Make the plan again from config.yaml."""
    manifest = checked.manifest
    try:
        config, document = load_config(checked.store.config, None)
        size = manifest["dataset_refs"][0]["samples"]
        checked.plan = make_plan(config, document, size)
        effective = checked.plan.effective_yaml()
    except (InvalidInput, LookupError) as problem:
        checked.find("config", "config.yaml", f"no plan follows from it: {problem}")
        return False
    if manifest["dataset_refs"] != [_expected_ref(config.dataset, manifest["dataset_refs"][0])]:
        checked.find("derived", SIDECAR, "does not follow from config.yaml", "/dataset_refs")
    if effective != checked.store.config.read_bytes():
        checked.find("config", "config.yaml", "is not the effective configuration as auditcube writes it")
    return True


def _expected_ref(config: DatasetConfig, told: Mapping[str, Any]) -> dict[str, Any] | None:
    """The reference to the data set as the task wrote it; what it measured of the file cannot be measured again."""
    if any(name not in told for name in build.MEASURED) or told["samples"] != (config.samples or told["rows"]):
        return None
    return build.dataset_ref(config.id, config.provenance, told)


def _run(checked: Checked, plan: Plan, spec: RunSpec) -> None:
    """Check one run's plan and events, if it was made here."""
    if not _made(checked, spec):
        return
    files = checked.store.run(spec.label)
    name = f"runs/{spec.label}"
    schedule = plan.schedule(spec)
    try:
        told, data = codec.read_json(files.schedule)
        if len(data) < _BYTES_PER_QUERY * spec.queries:
            raise EvidenceRejected(f"{files.schedule}: too short for {spec.queries} queries")
    except EvidenceRejected as problem:
        checked.find("schedule", f"{name}/schedule.json", str(problem).split(": ", 1)[1])
        return
    expected = schedule.to_json()
    if told != json.loads(json.dumps(expected)):
        checked.find("schedule", f"{name}/schedule.json", "is not the plan that follows from config.yaml")
    try:
        run = read_run(checked.store, plan, spec)
    except AuditCubeError as problem:
        checked.find("events", name, str(problem))
        return
    checked.runs[spec.label] = run
    for start in run.events.starts:
        if (start.run_id, start.label) != (checked.manifest["run_id"], spec.label):
            checked.find("run_id", name, f"its events say run {start.run_id}, {start.label}")
        if start.schedule_sha256 != expected["schedule_sha256"]:
            checked.find("schedule", name, "its events were made by another schedule")
        if not _within(checked.manifest, start.origin_utc):
            checked.find("time_order", name, f"its events start at {start.origin_utc}, outside of the task's times")
    for problem_text in [*check_against_plan(run, schedule), *_shares(run)]:
        checked.find("events", name, problem_text)
    checked.checks.append(f"run {spec.label}: {len(run.events)} events follow the schedule {start_of(expected)}")


def _made(checked: Checked, spec: RunSpec) -> bool:
    return checked.store.run(spec.label).directory.is_dir()


def start_of(schedule: Mapping[str, Any]) -> str:
    """A short name for a schedule."""
    return f"sha256:{schedule['schedule_sha256'][:12]}"


def _shares(run: Run) -> list[str]:
    """What is wrong with the number of workers' files, and with the number of events in them."""
    workers = sorted(start.worker for start in run.events.starts)
    problems = [] if workers == list(range(run.load.workers)) else [f"there are events of workers {workers}"]
    told = sum(end.events for end in run.events.ends)
    if run.end is not None and told != len(run.events):
        problems.append(f"its end tells of {told} events, but there are {len(run.events)}")
    if run.end is End.COMPLETED and not {*range(run.spec.queries)} <= {*run.events.ordinal.tolist()}:
        problems.append("it ended as completed without all of its planned queries")
    return problems


def _complete(checked: Checked, plan: Plan) -> None:
    """The runs there are those that the task makes: all, or up to one that broke off."""
    task = checked.manifest["mlcube_task"]
    due = [spec.label for spec in runs_of(task, plan)]
    for label in (spec.label for spec in plan.runs):
        made = checked.store.run(label).directory.is_dir()
        if made != (label in due):
            told = "was not made, although none before it broke off" if label in due else "is none that the task makes"
            checked.find("run_set", f"runs/{label}", f"the {label} run {told}")
        if label in checked.runs and label != WARMUP and broke(checked.runs[label]):
            due = []


def _within(manifest: Mapping[str, Any], moment: str) -> bool:
    try:
        started, at, finished = (
            datetime.fromisoformat(text.replace("Z", "+00:00"))
            for text in (manifest["started_on"], moment, manifest["finished_on"])
        )
        return started - _CLOCK_STEP <= at <= finished + _CLOCK_STEP
    except (TypeError, ValueError):  # no time, or one without a zone
        return False


def _parents(checked: Checked, reference: Checked | None) -> None:
    """Follow the chain to the reference, if this task had one."""
    parents = checked.manifest.get("parents", [])
    if not parents and checked.manifest["mlcube_task"] == "run_audit":
        checked.find("parent_missing", SIDECAR, "names no reference that it started from", "/parents")
    if reference is None:
        for number, entry in enumerate(parents):
            told = f"started from {entry['task']} {entry['run_id']}"
            checked.find("parent_missing", SIDECAR, told, f"/parents/{number}")
        return
    if not reference.manifest or parents != [build.parent(reference.manifest, reference.data)]:
        checked.find(
            "parent_digest", SIDECAR, f"started from another sidecar than {reference.store.sidecar}", "/parents"
        )
    for problem in differences(checked, reference):
        checked.find("pair_mismatch", SIDECAR, problem)
    if not checked.findings:
        checked.checks.append(f"the reference is {parents[0]['run_id']}, with the same config and data set")


def differences(one: Checked, other: Checked) -> list[str]:
    """Why two directories are no pair."""
    if one.plan is None or other.plan is None:
        return ["one of the two has no readable config"]
    found = [f"{name} differs" for name in differing_keys(one.plan.effective(), other.plan.effective())]
    if one.manifest["dataset_refs"] != other.manifest["dataset_refs"]:
        found.append("the data set differs")
    return found


def differing_keys(one: Any, other: Any, at: str = "") -> list[str]:
    """Dotted paths at which two configs differ; the data set's file name is no difference."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted({*one, *other})
        return [d for name in names for d in differing_keys(one.get(name), other.get(name), f"{at}.{name}".lstrip("."))]
    return [] if one == other or at == "dataset.path" else [at]


def _derived(checked: Checked, plan: Plan, reference: Checked | None) -> None:
    """Compute summaries, verdicts and the sidecar's own members again, and compare them whole."""
    own = list(checked.runs)
    runs = {**(reference.runs if reference is not None else {}), **checked.runs}
    judged = checked.manifest["mlcube_task"] in _JUDGED
    checked.results = results = derive(plan, runs, own, judged)
    for name, content in results.files.items():
        if _read(checked.store.root / name) != file_bytes(content):
            code = "summary" if name.endswith("summary.json") else "audit_file"
            checked.find(code, name, "does not follow from the events")
    _members(checked, members(plan, results, checked.manifest["mlcube_config_hash"]))
    _listed(checked, {checked.store.config.name, checked.store.report.name, *results.files, *_run_files(checked)})
    checked.checks.append(f"{len(own)} summaries and {len(results.verdicts)} verdicts follow from the events")


def _members(checked: Checked, expected: Mapping[str, Any]) -> None:
    """Compare members of the sidecar whole."""
    for member, value in json.loads(json.dumps(expected)).items():
        if checked.manifest.get(member) != value:
            code = "config_hash" if member == "config_hashes" else "derived"
            checked.find(code, SIDECAR, "does not follow from the files", f"/{member}")


def _run_files(checked: Checked) -> list[str]:
    """What a run leaves beside its summary, relative to the output directory."""
    found: list[Path] = []
    for label, run in checked.runs.items():
        files = checked.store.run(label)
        found += [files.schedule, *files.events, *(files.outputs if run.spec.capture else [])]
    return [path.relative_to(checked.store.root).as_posix() for path in found]


def _listed(checked: Checked, written: Set[str]) -> None:
    """The sidecar lists what its task writes, each file as what it is, and nothing else."""
    listed = {entry["path"]: entry for entry in checked.manifest["artifacts"]}
    for path in sorted(listed.keys() ^ written):
        told = "lists a file that its task does not write" if path in listed else "does not list a file of its task"
        checked.find("artifact_list", SIDECAR, f"{told}: {path}", "/artifacts")
    for path in sorted(listed.keys() & written):
        entry = listed[path]
        if entry != build.artifact(path, entry["size"], entry["digest"]["sha256"]):
            checked.find("artifact_list", SIDECAR, f"describes {path} as something that it is not", "/artifacts")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


@dataclass(frozen=True)
class Verification:
    """What `verify` found in the directories it was given, the reference first."""

    parts: Sequence[Checked]

    @property
    def findings(self) -> list[Finding]:
        return [finding for part in self.parts for finding in part.findings]

    @property
    def verdicts(self) -> tuple[dict[str, Any], ...]:
        """The recomputed verdicts; none unless everything holds."""
        last = self.parts[-1].results
        return last.verdicts if last is not None and not self.findings else ()

    @property
    def exit_code(self) -> ExitCode:
        """Rejected evidence, or what the evidence says."""
        if self.findings:
            return ExitCode.EVIDENCE_REJECTED
        last = self.parts[-1].results
        return last.exit_code if last is not None else ExitCode.PASS

    def to_json(self) -> dict[str, Any]:
        return {
            "exit_code": int(self.exit_code),
            "verified": [part.manifest.get("run_id") for part in self.parts],
            "checks": [check for part in self.parts for check in part.checks],
            "findings": [finding.to_json() for finding in self.findings],
            "verdicts": list(self.verdicts),
        }
