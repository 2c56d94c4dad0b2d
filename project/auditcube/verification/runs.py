"""Check the runs of one directory: plan, events, and that the task made all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditcube.errors import AuditCubeError, EvidenceRejected, SetupFailed
from auditcube.evidence import chunks as chunk_times
from auditcube.evidence import outputs
from auditcube.job import WARMUP, Plan, runs_of
from auditcube.load.schedule import RunSpec
from auditcube.manifest import canonical, codec
from auditcube.metrics import Run
from auditcube.plan_check import all_planned, check_against_plan, too_long
from auditcube.results import broke, read_run
from auditcube.verification.checked import Checked

_CLOCK_STEP = timedelta(seconds=5)  # the wall clock may be set while a task runs


def check_run(checked: Checked, plan: Plan, spec: RunSpec) -> None:
    """Check one run's plan and events, if it was made here."""
    if not made(checked, spec):
        return
    files = checked.store.run(spec.label)
    name = f"runs/{spec.label}"
    schedule = plan.schedule(spec)
    try:
        told, _ = codec.read_json(files.schedule)
    except EvidenceRejected as problem:
        checked.find("schedule", f"{name}/schedule.json", str(problem).split(": ", 1)[1])
        return
    run, unreadable = _events(checked, plan, spec)
    events = 0 if run is None else len(run.events)
    if too_long(schedule, events):
        text = f"plans {spec.queries} queries, too many to be made again for a run with {events} events"
        checked.find("schedule", f"{name}/schedule.json", text)
        return
    expected = schedule.to_json()
    if not canonical.same(told, json.loads(json.dumps(expected))):
        checked.find("schedule", f"{name}/schedule.json", "is not the plan that follows from config.yaml")
    if run is None:
        checked.find("events", name, unreadable)
        return
    checked.runs[spec.label] = run
    for start in run.events.starts:
        if (start.run_id, start.label) != (checked.manifest["run_id"], spec.label):
            checked.find("run_id", name, f"its events say run {start.run_id}, {start.label}")
        if start.schedule_sha256 != expected["schedule_sha256"]:
            checked.find("schedule", name, "its events were made by another schedule")
        if start.config_sha256 != plan.config_sha256:
            _other_config(checked, name)
        if not _within(checked.manifest, start.origin_utc):
            checked.find("time_order", name, f"its events start at {start.origin_utc}, outside of the task's times")
    chunks = chunk_times.contradictions(files.chunks, run.events) if plan.config.endpoint.chunk_times else []
    kept = outputs.contradictions(files.outputs, run.events, schedule.captures) if spec.capture else []
    if spec.media:
        _check_media(checked, files.outputs, name)
    for problem_text in [*check_against_plan(run, schedule), *_shares(run), *chunks, *kept]:
        checked.find("events", name, problem_text)
    checked.checks.append(f"run {spec.label}: {len(run.events)} events follow the schedule {_name_of(expected)}")


def _check_media(checked: Checked, kept: list[Path], run: str) -> None:
    """Each answer's digest against that of its video, as the sidecar lists it, which was compared with the file."""
    before = f"{run}/media/"
    entries = [entry for entry in checked.manifest["artifacts"] if entry["path"].startswith(before)]
    if any(checked.withheld(entry["path"]) for entry in entries):
        checked.limits.append(f"{run}/media: videos are withheld; the answers tell their digests")
        return
    listed = {entry["path"].removeprefix(before): entry["digest"]["sha256"] for entry in entries}
    for text in outputs.media_contradictions(kept, listed):
        checked.find("events", run, text)


def _other_config(checked: Checked, name: str) -> None:
    text = "its events were made by another config than config.yaml"
    if checked.withheld("config.yaml"):
        checked.limits.append(f"{name}: {text}, in which parts are withheld")
    else:
        checked.find("config_hash", name, text)


def _events(checked: Checked, plan: Plan, spec: RunSpec) -> tuple[Run | None, str]:
    """The run, or None and why its events cannot be read."""
    try:
        return read_run(checked.store, plan, spec), ""
    except SetupFailed:  # a disk without room says nothing about the evidence
        raise
    except AuditCubeError as problem:
        return None, str(problem)


def made(checked: Checked, spec: RunSpec) -> bool:
    """Whether the directory has this run."""
    return checked.store.run(spec.label).directory.is_dir()


def _name_of(schedule: Mapping[str, Any]) -> str:
    """A short name for a schedule."""
    return f"sha256:{schedule['schedule_sha256'][:12]}"


def _shares(run: Run) -> list[str]:
    """What is wrong with the number of workers' files, and with the end that they tell of."""
    workers = sorted(start.worker for start in run.events.starts)
    problems = [] if workers == list(range(run.load.workers)) else [f"there are events of workers {workers}"]
    if not all_planned(run):
        problems.append("it ended as completed without all of its planned queries")
    return problems


def check_complete(checked: Checked, plan: Plan) -> None:
    """The runs there are those that the task makes: all, or up to one that broke off."""
    task = checked.manifest["mlcube_task"]
    due = [spec.label for spec in runs_of(task, plan)]
    for label in (spec.label for spec in plan.runs):
        if checked.store.run(label).directory.is_dir() != (label in due):
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
