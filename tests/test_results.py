"""What follows from a plan and its events: files, verdicts, headline, exit code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from auditcube.config import load_config
from auditcube.errors import EvidenceRejected, ExitCode
from auditcube.evidence.events import Event, Status, to_lines
from auditcube.evidence.files import file_bytes
from auditcube.evidence.store import Store
from auditcube.job import Plan, make_plan
from auditcube.manifest import schema
from auditcube.metrics import Run
from auditcube.results import broke, derive, members, read_run
from auditcube.scenario import Scenario
from builders import S, end_of, event, start_of, steady, table_of
from manifest.examples import FULL, HASH

CONFIG: dict[str, Any] = {
    "benchmark": "b",
    "scenario": "Offline",
    "endpoint": {"url": "http://h", "api": "videogen"},
    "dataset": {"path": "p.jsonl"},
    "load": {"min_queries": 100, "warmup_queries": 2, "seeds": {"order": 2**64 - 1}},
    "audits": [{"test": "test04"}],
    "claim_status": "internal",
}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return planned(tmp_path)


def planned(tmp_path: Path, **changes: Any) -> Plan:
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(CONFIG | changes))
    config, document = load_config(path, {})
    return make_plan(config, document, 200)


def run(plan: Plan, label: str, rows: Sequence[Event], end: str | None = "completed") -> Run:
    spec = next(spec for spec in plan.runs if spec.label == label)
    ends = [] if end is None else [end_of(len(rows), end)]
    return Run(spec, plan.load, table_of(rows, ends=ends))


def runs(plan: Plan, reference_s: float = 1.0, audit_s: float = 1.0) -> dict[str, Run]:
    return {
        "warmup": run(plan, "warmup", steady(2, S)),
        "reference": run(plan, "reference", steady(100, round(reference_s * S))),
        "test04": run(plan, "test04", steady(100, round(audit_s * S), sample=3)),
    }


ALL = ["warmup", "reference", "test04"]


def test_the_files_of_an_audit(plan: Plan) -> None:
    results = derive(plan, runs(plan), ALL, judged=True)
    assert list(results.files) == [
        "runs/warmup/summary.json", "runs/reference/summary.json", "runs/test04/summary.json",
        "audit/audit_test04.json", "audit/verify_TEST04.txt",
    ]  # fmt: skip
    assert results.result_paths == tuple(results.files)[1:], "the warm-up is no result"
    assert results.files["audit/audit_test04.json"] == {
        "test": "test04", "passed": True, "verdict": results.verdicts[0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("audit_s", "outcome", "line"),
    [(1.0, "PASS", "Performance check pass: True"), (0.5, "FAIL", "Performance check pass: False")],
)
def test_the_text_of_a_verdict_has_mlperfs_line(plan: Plan, audit_s: float, outcome: str, line: str) -> None:
    text = derive(plan, runs(plan, audit_s=audit_s), ALL, judged=True).files["audit/verify_TEST04.txt"]
    assert text.splitlines()[0].startswith(f"TEST04: {outcome}: one sample repeated ran ")
    assert text.splitlines()[1:] == [line]
    assert text.endswith("\n")


def test_an_inconclusive_verdict_has_not_passed(plan: Plan) -> None:
    made = runs(plan)
    del made["test04"]
    results = derive(plan, made, ALL, judged=True)
    assert results.files["audit/audit_test04.json"]["passed"] is False
    assert "Performance check pass: False" in results.files["audit/verify_TEST04.txt"]


def test_only_what_was_made_here_has_files_and_numbers_here(plan: Plan) -> None:
    results = derive(plan, runs(plan), ["test04"], judged=True)
    assert list(results.files) == ["runs/test04/summary.json", "audit/audit_test04.json", "audit/verify_TEST04.txt"]
    assert [entry["metric"] for entry in results.headline] == ["test04.throughput"]
    assert results.verdicts[0]["outcome"] == "PASS", "the reference of another directory is judged with it"


def test_a_reference_alone_has_no_verdict(plan: Plan) -> None:
    results = derive(plan, runs(plan), ["warmup", "reference"], judged=False)
    assert list(results.files) == ["runs/warmup/summary.json", "runs/reference/summary.json"]
    assert results.verdicts == ()
    assert results.exit_code is ExitCode.PASS


@pytest.mark.parametrize("seconds", [0.3, 1.0, 7.0, 1e-6, 123456.789])
def test_the_headline_says_the_same_number_as_the_summary(plan: Plan, seconds: float) -> None:
    results = derive(plan, runs(plan, reference_s=seconds), ["reference"], judged=False)
    (entry,) = results.headline
    summary = json.loads(file_bytes(results.files[entry["source"]["path"]]))
    assert float(entry["value"]) == summary[entry["source"]["json_pointer"].removeprefix("/")]
    assert entry["metric"] == "reference.throughput"
    assert schema.problems(FULL | {"headline": [entry]}) == []


def test_without_a_throughput_there_is_no_headline(plan: Plan) -> None:
    made = {"reference": run(plan, "reference", [event(n, status=Status.TIMEOUT) for n in range(9)])}
    assert derive(plan, made, ["reference"], judged=False).headline == ()


OK = steady(100, S)
REPEATED = steady(100, S, sample=3)
FASTER = steady(100, S // 2, sample=3)
FAILED = steady(100, S, failed=100)


@pytest.mark.parametrize(
    ("reference", "audit", "code"),
    [
        ((OK, "completed"), (REPEATED, "completed"), ExitCode.PASS),
        ((OK, "completed"), (FASTER, "completed"), ExitCode.FAIL),
        ((OK, "max_duration"), (REPEATED, "completed"), ExitCode.PASS),
        ((OK, "completed"), (steady(100, S, failed=2), "completed"), ExitCode.INCONCLUSIVE),
        ((steady(100, S, failed=50), "completed"), (REPEATED, "completed"), ExitCode.INCONCLUSIVE),
        ((OK[:50], "max_duration"), (REPEATED, "completed"), ExitCode.INCONCLUSIVE),
        ((OK, "completed"), (FAILED, "completed"), ExitCode.RUN_BROKEN),
        ((FAILED, "completed"), (REPEATED, "completed"), ExitCode.RUN_BROKEN),
        ((OK, "completed"), (FASTER, None), ExitCode.RUN_BROKEN),
        ((OK, "completed"), (FASTER, "interrupted"), ExitCode.RUN_BROKEN),
        ((OK, None), (REPEATED, "completed"), ExitCode.RUN_BROKEN),
        (([], "completed"), (REPEATED, "completed"), ExitCode.RUN_BROKEN),
        ((OK, "completed"), None, ExitCode.INCONCLUSIVE),
        (None, None, ExitCode.RUN_BROKEN),
    ],
)
def test_the_exit_code_of_an_audit(plan: Plan, reference: Any, audit: Any, code: ExitCode) -> None:
    parts = {"reference": reference, "test04": audit}
    made = {label: run(plan, label, *part) for label, part in parts.items() if part is not None}
    assert derive(plan, made, ALL, judged=True).exit_code is code


@pytest.mark.parametrize(
    ("rows", "end", "code"),
    [
        (OK, "completed", ExitCode.PASS),
        (steady(100, S, failed=1), "completed", ExitCode.PASS),
        (steady(100, S, failed=2), "completed", ExitCode.RUN_BROKEN),
        (OK, "max_duration", ExitCode.RUN_BROKEN),
        (OK, "interrupted", ExitCode.RUN_BROKEN),
        (OK, None, ExitCode.RUN_BROKEN),
        (FAILED, "completed", ExitCode.RUN_BROKEN),
        ([], "completed", ExitCode.RUN_BROKEN),
    ],
)
def test_the_exit_code_of_a_reference_alone(plan: Plan, rows: list[Event], end: str | None, code: ExitCode) -> None:
    made = {"reference": run(plan, "reference", rows, end)}
    assert derive(plan, made, ["reference"], judged=False).exit_code is code


def test_a_warm_up_that_fails_breaks_nothing(plan: Plan) -> None:
    made = runs(plan) | {"warmup": run(plan, "warmup", steady(2, S, failed=2), None)}
    assert derive(plan, made, ALL, judged=True).exit_code is ExitCode.PASS


def test_a_broken_reference_of_another_directory_is_judged_not_counted(plan: Plan) -> None:
    made = runs(plan) | {"reference": run(plan, "reference", OK, None)}
    assert derive(plan, made, ["test04"], judged=True).exit_code is ExitCode.INCONCLUSIVE


@pytest.mark.parametrize(
    ("rows", "end", "expected"),
    [
        (OK, "completed", False), (OK, "max_duration", False), (steady(100, S, failed=99), "completed", False),
        (OK, "interrupted", True), (OK, None, True), (FAILED, "completed", True), ([], "completed", True),
    ],
)  # fmt: skip
def test_when_a_run_broke_off(plan: Plan, rows: list[Event], end: str | None, expected: bool) -> None:
    assert broke(run(plan, "reference", rows, end)) is expected


@pytest.mark.parametrize("audit_s", [1.0, 0.5])
def test_the_members_of_the_sidecar(plan: Plan, audit_s: float) -> None:
    results = derive(plan, runs(plan, audit_s=audit_s), ALL, judged=True)
    found = members(plan, results, f"sha256:{HASH}")
    assert schema.problems(FULL | json.loads(json.dumps(found))) == []
    assert found["seeds"] == {"order": str(2**64 - 1), "arrival": "42", "capture": "42"}
    assert found["claim_status"] == "internal"
    assert found["task_status"] == {"state": "completed", "exit_code": int(results.exit_code)}
    assert found["config_hashes"] == {
        "effective_config": hashlib.sha256(plan.effective_yaml()).hexdigest(), "mlcube_yaml": HASH,
    }  # fmt: skip


def test_a_broken_run_is_a_failed_task(plan: Plan) -> None:
    results = derive(plan, {"reference": run(plan, "reference", FAILED)}, ["reference"], judged=True)
    found = members(plan, results, "none")
    assert found["task_status"] == {"state": "failed", "exit_code": 4}
    assert "mlcube_yaml" not in found["config_hashes"]


def test_everything_derived_can_be_written(plan: Plan) -> None:
    for made in (runs(plan), {}, {"reference": run(plan, "reference", [])}):
        for content in derive(plan, made, ALL, judged=True).files.values():
            assert file_bytes(content).endswith(b"\n")


def test_no_file_ever_holds_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        file_bytes({"a": float("nan")})


def test_a_run_is_read_from_the_files_of_all_its_workers(plan: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "reference"
    folder.mkdir(parents=True)
    for worker in range(2):
        lines = [
            orjson.dumps({"start": start_of(worker, 2)}) + b"\n",
            to_lines([event(worker)]),
            orjson.dumps({"end": end_of(1)}) + b"\n",
        ]
        (folder / f"events.{worker}.jsonl").write_bytes(b"".join(lines))
    spec = plan.runs[1]
    found = read_run(Store(tmp_path), plan, spec)
    assert (found.spec, found.load, found.completed) == (spec, plan.load, 2)
    (folder / "events.1.jsonl").write_bytes(b"x\n")
    with pytest.raises(EvidenceRejected, match=r"events\.1\.jsonl, line 1"):
        read_run(Store(tmp_path), plan, spec)
    assert len(read_run(Store(tmp_path / "empty"), plan, spec).events) == 0


def paced(tmp_path: Path, *, slip_ns: int = 0, took_ns: int = S // 2, count: int = 500, **load: Any) -> Any:
    """The results of a performance run in Server, each query this late and this long."""
    settings = {"min_queries": count, "target_qps": 1.0, **load}
    plan = planned(tmp_path, scenario="Server", audits=[], load=settings)
    rows = [event(n, due_ns=n * S, issued=n * S + slip_ns, done=n * S + took_ns) for n in range(count)]
    return plan, derive(plan, {"reference": run(plan, "reference", rows)}, ["reference"], judged=False)


@pytest.mark.parametrize(
    ("slip_ns", "bound_s", "code"),
    [
        (0, None, ExitCode.PASS),
        (0, 0.5, ExitCode.PASS),
        (0, 0.499, ExitCode.FAIL),
        (10_000_000, 0.5, ExitCode.PASS),
        (10_000_001, None, ExitCode.INCONCLUSIVE),
        (10_000_001, 0.499, ExitCode.INCONCLUSIVE),  # who was too slow himself accuses nobody
    ],
)
def test_a_measured_run_ends_by_its_bounds_unless_the_client_was_late(
    tmp_path: Path, slip_ns: int, bound_s: float | None, code: ExitCode
) -> None:
    assert paced(tmp_path, slip_ns=slip_ns, target_latency_s=bound_s)[1].exit_code is code


def test_no_audit_gives_a_verdict_on_a_late_run(plan: Plan) -> None:
    made = runs(plan)
    late = made["reference"]
    server = replace(late.load, scenario=Scenario.SERVER)
    events = late.events.whole()
    made["reference"] = Run(late.spec, server, replace(events, due_ns=events.issued_ns - 20_000_000))
    results = derive(plan, made, ALL, judged=True)
    (verdict,) = results.verdicts
    assert (verdict["outcome"], verdict["code"]) == ("INCONCLUSIVE", "schedule_slip")
    assert "20.0 ms late or more, and load.max_slip_s allows 10 ms" in verdict["reason"]
    assert results.exit_code is ExitCode.INCONCLUSIVE


def test_each_scenario_has_its_own_headline(tmp_path: Path) -> None:
    _, results = paced(tmp_path)
    assert [entry["metric"] for entry in results.headline] == ["reference.throughput", "reference.completed"]
    plan = planned(tmp_path, scenario="SingleStream", audits=[], load={"min_queries": 64})
    made = {"reference": run(plan, "reference", steady(64, 64 * S))}
    results = derive(plan, made, ["reference"], judged=False)
    estimate = results.headline[1]
    assert (estimate["metric"], estimate["value"], estimate["unit"]) == (
        "reference.latency_p90_early_stopping", str(S), "ns",
    )  # fmt: skip
    assert estimate["source"]["json_pointer"] == "/early_stopping/0/estimate_ns"
    assert len(results.headline) == 2, "64 queries show no 99th percentile"
