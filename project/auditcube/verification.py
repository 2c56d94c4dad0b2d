"""Re-enter at the events: recompute from files alone everything that an output directory claims.

Each check adds findings and goes on as far as it can; nothing is believed because the sidecar says so. The same
functions that made the files make them again here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditcube.config import DatasetConfig, load_config
from auditcube.errors import AuditCubeError, ExitCode, InvalidInput
from auditcube.evidence.store import SIDECAR, Store
from auditcube.job import Plan, make_plan
from auditcube.load.schedule import RunSpec
from auditcube.manifest import build, codec, validator
from auditcube.manifest.finding import Finding
from auditcube.metrics import Run, check_against_plan
from auditcube.results import Results, derive, file_bytes, members, read_run

_CLOCK_STEP = timedelta(seconds=5)  # the wall clock may be set while a task runs
_FULL = ("run_id", "task_status", "started_on", "finished_on", "config_hashes", "artifacts", "manifest_digest")
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
    if checked.manifest["mlcube_task"] == "verify" or not _plan(checked):
        return checked
    assert checked.plan is not None
    for spec in checked.plan.runs:
        _run(checked, checked.plan, spec)
    _parents(checked, reference)
    if not any(f.code in ("events", "parent_missing", "artifact_missing") for f in checked.findings):
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
    return True


def _plan(checked: Checked) -> bool:
    """Make the plan again from config.yaml."""
    manifest = checked.manifest
    try:
        config, document = load_config(checked.store.config, None)
        size = manifest["dataset_refs"][0]["samples"]
        checked.plan = make_plan(config, document, size)
    except (InvalidInput, LookupError) as problem:
        checked.find("config", "config.yaml", f"no plan follows from it: {problem}")
        return False
    if manifest["dataset_refs"] != [_expected_ref(config.dataset, manifest["dataset_refs"][0])]:
        checked.find("derived", SIDECAR, "does not follow from config.yaml", "/dataset_refs")
    if checked.plan.effective_yaml() != checked.store.config.read_bytes():
        checked.find("config", "config.yaml", "is not the effective configuration as auditcube writes it")
    return True


def _expected_ref(config: DatasetConfig, told: Mapping[str, Any]) -> dict[str, Any] | None:
    """The reference to the data set as the task wrote it; what it measured of the file cannot be measured again."""
    if any(name not in told for name in build.MEASURED) or told["samples"] != (config.samples or told["rows"]):
        return None
    return build.dataset_ref(config.id, config.provenance, told)


def _run(checked: Checked, plan: Plan, spec: RunSpec) -> None:
    """Check one run's plan and events, if it was made here."""
    files = checked.store.run(spec.label)
    if not files.directory.is_dir():
        return
    name = f"runs/{spec.label}"
    schedule = plan.schedule(spec)
    expected = schedule.to_json()
    try:
        if codec.read_json(files.schedule)[0] != json.loads(json.dumps(expected)):
            checked.find("schedule", f"{name}/schedule.json", "is not the plan that follows from config.yaml")
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


def start_of(schedule: Mapping[str, Any]) -> str:
    """A short name for a schedule."""
    return f"sha256:{schedule['schedule_sha256'][:12]}"


def _shares(run: Run) -> list[str]:
    """What is wrong with the number of workers' files."""
    workers = sorted(start.worker for start in run.events.starts)
    return [] if workers == list(range(run.load.workers)) else [f"there are events of workers {workers}"]


def _within(manifest: Mapping[str, Any], moment: str) -> bool:
    try:
        started, at, finished = (
            datetime.fromisoformat(text.replace("Z", "+00:00"))
            for text in (manifest["started_on"], moment, manifest["finished_on"])
        )
    except ValueError:
        return False
    return started - _CLOCK_STEP <= at <= finished + _CLOCK_STEP


def _parents(checked: Checked, reference: Checked | None) -> None:
    """Follow the chain to the reference, if this task had one."""
    parents = checked.manifest.get("parents", [])
    if not parents:
        return
    if reference is None:
        checked.find(
            "parent_missing", SIDECAR, f"started from {parents[0]['task']} {parents[0]['run_id']}", "/parents/0"
        )
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
    expected = json.loads(json.dumps(members(plan, results, checked.manifest["mlcube_config_hash"])))
    for member, value in expected.items():
        if checked.manifest.get(member) != value:
            code = "config_hash" if member == "config_hashes" else "derived"
            checked.find(code, SIDECAR, "does not follow from the files", f"/{member}")
    checked.checks.append(f"{len(own)} summaries and {len(results.verdicts)} verdicts follow from the events")


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
