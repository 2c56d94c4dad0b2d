"""What follows from a plan and the events of its runs: summaries, verdicts, headline numbers, exit code.

A live task calls this to write its files; `verify` calls it again to see whether the files say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from auditcube.audits.contract import Outcome, Verdict
from auditcube.errors import ExitCode
from auditcube.evidence.expected import read_expected
from auditcube.evidence.outputs import read_answers
from auditcube.evidence.store import Store
from auditcube.evidence.table import read_events
from auditcube.job import WARMUP, Plan
from auditcube.load.pacing import End
from auditcube.load.schedule import RunSpec
from auditcube.manifest.build import NON_CLAIMS
from auditcube.metrics import Run
from auditcube.scoring import files as score_files
from auditcube.summary import summarize

_WHOLE_SHARE = 0.99  # of a run's queries must complete for the run to stand without a verdict about it


@dataclass(frozen=True)
class Results:
    """Everything derived; `files` maps paths relative to the output directory to their JSON or text."""

    files: Mapping[str, Any]
    verdicts: tuple[dict[str, Any], ...]
    headline: tuple[dict[str, Any], ...]
    result_paths: tuple[str, ...]
    exit_code: ExitCode

    @property
    def durations_ns(self) -> dict[str, int]:
        """How long each run lasted that was measured here, by its label."""
        summaries = {path.split("/")[1]: value for path, value in self.files.items() if path.endswith("/summary.json")}
        return {label: round(summary["duration_s"] * 1e9) for label, summary in summaries.items() if label != WARMUP}


@dataclass(frozen=True)
class Performed:
    """What a task did: its exit code, its directory, its sidecar, and the runs it judged or measured."""

    exit_code: ExitCode
    store: Store
    manifest: Mapping[str, Any]
    runs: Mapping[str, Run]
    refused: tuple[str, ...] = ()  # why the claim that the config asks for was not granted


def read_run(store: Store, plan: Plan, spec: RunSpec) -> Run:
    """A run as its event files tell it. Raises EvidenceRejected if they are not events."""
    files = store.run(spec.label)
    events = read_events(files.events)
    expected = read_expected(store.expected, plan.dataset_size) if plan.config.dataset.expected and spec.capture else {}
    kept = partial(read_answers, files.outputs, events, expected)
    return Run(spec, plan.load, events, kept, parameters=plan.parameters)


def derive(plan: Plan, runs: Mapping[str, Run], here: Iterable[str], judged: bool) -> Results:
    """The results of `runs`, of which those with a label in `here` belong to this directory.

    `judged` says whether the task gives verdicts; a run that was not made is absent from `runs`.
    """
    own = [label for label in here if label in runs]
    files: dict[str, Any] = {f"runs/{label}/summary.json": summarize(runs[label]) for label in own}
    verdicts = []
    files |= score_files(plan, runs) if judged else {}
    for audit in plan.audits if judged else ():
        verdict = _late(runs) or audit.test.judge(audit.params, runs)
        entry = {"test": audit.test_id, **verdict.to_json()}
        verdicts.append(entry)
        passed = verdict.outcome is Outcome.PASS
        files[f"audit/audit_{audit.test_id}.json"] = {"test": audit.test_id, "passed": passed, "verdict": entry}
        files[f"audit/verify_{audit.test_id.upper()}.txt"] = _text(audit.test_id, verdict)
    measured = [label for label in own if label != WARMUP]
    return Results(
        files,
        tuple(verdicts),
        tuple(entry for label in measured for entry in _headline(label, files[f"runs/{label}/summary.json"])),
        tuple(path for path in files if not path.startswith(f"runs/{WARMUP}/")),
        _exit_code(verdicts, [runs[label] for label in measured], judged),
    )


def broke(run: Run) -> bool:
    """The run says nothing at all about the endpoint: to go on would only load, or wait for, something that is gone."""
    return run.completed == 0 or run.end in (None, End.INTERRUPTED)


def members(plan: Plan, results: Results, mlcube_config_hash: str) -> dict[str, Any]:
    """The members of the sidecar that follow from the config and the results."""
    hashes = {"effective_config": plan.config_sha256}
    if mlcube_config_hash.startswith("sha256:"):
        hashes["mlcube_yaml"] = mlcube_config_hash.removeprefix("sha256:")
    broken = results.exit_code is ExitCode.RUN_BROKEN
    return {
        "benchmark": plan.config.benchmark,
        "claim_status": plan.config.claim_status,
        "result_paths": list(results.result_paths),
        "task_status": {"state": "failed" if broken else "completed", "exit_code": int(results.exit_code)},
        "config_hashes": hashes,
        "seeds": {name: str(seed) for name, seed in asdict(plan.load.seeds).items()},
        "verdicts": list(results.verdicts),
        "headline": list(results.headline),
        "run_durations_ns": results.durations_ns,
        "non_claims": list(NON_CLAIMS),
    }


def _late(runs: Mapping[str, Run]) -> Verdict | None:
    """No verdict on runs in which the client was the bottleneck, whatever the audit."""
    for label, run in runs.items():
        if (slip_s := run.late_s) is not None and label != WARMUP:
            told = f"the client issued 1 % of the {label} run's queries {slip_s * 1e3:.1f} ms late or more"
            text = f"{told}, and load.max_slip_s allows {run.load.max_slip_s * 1e3:g} ms"
            return Verdict(Outcome.INCONCLUSIVE, "schedule_slip", text, {"slip_p99_s": slip_s})
    return None


def _text(test_id: str, verdict: Verdict) -> str:
    passed = verdict.outcome is Outcome.PASS
    return f"{test_id.upper()}: {verdict.outcome.value}: {verdict.reason}\nPerformance check pass: {passed}\n"


def _headline(label: str, summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A run's throughput and its scenario's own result, as decimal strings that parse back to the same numbers."""
    found = [("throughput", summary["throughput_per_s"], "queries/s", "/throughput_per_s")]
    found.append(("completed", summary["completed_per_s"], "queries/s", "/completed_per_s"))
    for number, entry in enumerate(summary["early_stopping"]):
        name = f"latency_p{entry['percentile']:g}_early_stopping"
        found.append((name, entry["estimate_ns"], "ns", f"/early_stopping/{number}/estimate_ns"))
    return [
        {
            "metric": f"{label}.{name}",
            "value": repr(value),
            "unit": unit,
            "source": {"path": f"runs/{label}/summary.json", "json_pointer": pointer},
        }
        for name, value, unit, pointer in found
        if value is not None
    ]


def _exit_code(verdicts: list[dict[str, Any]], runs: list[Run], judged: bool) -> ExitCode:
    """The worst that happened, FAIL before INCONCLUSIVE; a task without verdicts wants whole runs."""
    if any(broke(run) for run in runs) or not runs:
        return ExitCode.RUN_BROKEN
    outcomes = {verdict["outcome"] for verdict in verdicts}
    if "FAIL" in outcomes:
        return ExitCode.FAIL
    if "INCONCLUSIVE" in outcomes:
        return ExitCode.INCONCLUSIVE
    if any(run.late_s is not None for run in runs):
        return ExitCode.INCONCLUSIVE
    if not judged and any(not bound["met"] for run in runs for bound in run.latency_bounds):
        return ExitCode.FAIL
    if not judged and any(
        run.end is not End.COMPLETED or run.completed < _WHOLE_SHARE * len(run.events) for run in runs
    ):
        return ExitCode.RUN_BROKEN
    return ExitCode.PASS
