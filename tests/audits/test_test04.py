"""TEST04: the plan, the exact boundary of the verdict, and everything about which it says nothing."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from auditcube.audits import test04
from auditcube.audits.contract import Outcome, Refusal, Verdict
from auditcube.audits.test04 import Params
from auditcube.evidence.events import EndRecord, Status
from auditcube.load.order import Single, WithoutReplacement
from auditcube.load.schedule import Load, RunSpec, Schedule
from auditcube.metrics import Run
from auditcube.scenario import Scenario
from builders import S, end_of, event, load_of, run_of, steady
from builders import planned as queries_of

UNPACED = [scenario for scenario in Scenario if not scenario.paced]


def pair(
    reference: tuple[int, float],
    audit: tuple[int, float],
    scenario: Scenario = Scenario.OFFLINE,
    **load: Any,
) -> dict[str, Run]:
    """Two runs of so many queries in so many seconds."""
    shared = load_of(scenario, **load)
    (count, seconds), (repeats, audit_seconds) = reference, audit
    return {
        "reference": run_of(steady(count, round(seconds * S)), load=shared),
        "test04": run_of(steady(repeats, round(audit_seconds * S), sample=3), label="test04", load=shared),
    }


def judged(runs: dict[str, Run], **params: Any) -> Verdict:
    verdict = test04.judge(Params(**params), runs)
    json.dumps(verdict.to_json(), allow_nan=False)
    return verdict


# The boundary. Source: MLPerf's own script on the same numbers (facts/compliance.md, F1).
@pytest.mark.parametrize(
    ("reference", "audit", "threshold", "outcome"),
    [
        ((1000, 1.0), (1100, 1.0), None, "FAIL"),  # 1000 * 1.1 is 1100.0: not less
        ((1000, 1.0), (1099, 1.0), None, "PASS"),
        ((1000, 1.0), (1101, 1.0), None, "FAIL"),
        ((100, 1.0), (110, 1.0), None, "PASS"),  # 100 * 1.1 is 110.00000000000001
        ((100, 1.0), (111, 1.0), None, "FAIL"),
        ((10, 1.0), (11, 1.0), None, "FAIL"),
        ((113, 100.0), (1243, 1000.0), None, "FAIL"),  # 1.13 * 1.1 is 1.2429999999999999
        ((101, 100.0), (1111, 1000.0), None, "PASS"),  # 1.01 * 1.1 is 1.1110000000000002
        ((5, 0.006), (10, 0.01), 0.2, "FAIL"),  # 833.33 * 1.2 is 1000.0
        ((1000, 1.0), (1200, 1.0), 0.2, "FAIL"),
        ((1000, 1.0), (1199, 1.0), 0.2, "PASS"),
        ((1000, 1.0), (1000, 1.0), None, "PASS"),
        ((1000, 1.0), (100, 1.0), None, "PASS"),  # slower is no caching
        ((1000, 1.0), (2000, 0.001), None, "FAIL"),
        ((4, 400.0), (4, 0.000000004), 0.99, "FAIL"),
    ],
)
def test_the_boundary(
    reference: tuple[int, float], audit: tuple[int, float], threshold: float | None, outcome: str
) -> None:
    verdict = judged(pair(reference, audit), threshold=threshold)
    assert verdict.outcome.value == outcome
    assert verdict.code == {"PASS": "no_caching", "FAIL": "caching"}[outcome]


def test_the_numbers_of_a_verdict() -> None:
    verdict = judged(pair((1000, 1.0), (1100, 1.0)))
    assert verdict.numbers == {
        "reference_per_s": 1000.0,
        "audit_per_s": 1100.0,
        "reference_completed": 1000,
        "reference_requested": 1000,
        "audit_completed": 1100,
        "audit_requested": 1100,
        "limit_per_s": 1100.0,
        "gain": pytest.approx(0.1),
        "threshold": 0.1,
        "threshold_source": "MLPerf",
    }
    assert verdict.reason == "one sample repeated ran 10.0% faster than distinct samples; 10% or more is caching"


def test_the_reason_of_a_pass() -> None:
    verdict = judged(pair((1000, 1.0), (900, 1.0)), threshold=0.2)
    assert verdict.reason == "one sample repeated ran 10.0% slower than distinct samples; the limit is 20%"
    assert verdict.numbers["threshold_source"] == "config"


@given(st.integers(4, 400), st.integers(4, 400), st.floats(0.001, 0.999), st.sampled_from(UNPACED))
def test_the_verdict_is_the_comparison_that_mlperf_makes(
    reference: int, audit: int, threshold: float, scenario: Scenario
) -> None:
    verdict = judged(pair((reference, 1.0), (audit, 1.0), scenario), threshold=threshold)
    assert (verdict.outcome is Outcome.PASS) == (float(audit) < float(reference) * (1 + threshold))


# Where MLPerf relaxes its threshold: up to 200,000/s in SingleStream, 1,600,000/s in MultiStream.
@pytest.mark.parametrize(
    ("scenario", "rate_per_s", "threshold"),
    [
        (Scenario.OFFLINE, 1, 0.10),
        (Scenario.OFFLINE, 4_000_000, 0.10),
        (Scenario.SINGLE_STREAM, 1, 0.20),
        (Scenario.SINGLE_STREAM, 200_000, 0.20),
        (Scenario.SINGLE_STREAM, 200_001, 0.10),
        (Scenario.MULTI_STREAM, 1_600_000, 0.20),
        (Scenario.MULTI_STREAM, 1_700_000, 0.10),
    ],
)
def test_the_threshold_without_one_in_the_config(scenario: Scenario, rate_per_s: int, threshold: float) -> None:
    runs = pair((1000, 1000 / rate_per_s), (1000, 1000 / rate_per_s), scenario)
    verdict = judged(runs)
    assert verdict.numbers["threshold"] == threshold
    assert verdict.outcome is Outcome.PASS
    assert judged(runs, threshold=0.05).numbers["threshold"] == 0.05


def test_fifteen_percent_are_caching_in_offline_and_none_in_single_stream() -> None:
    assert judged(pair((100, 1.0), (115, 1.0))).outcome is Outcome.FAIL
    assert judged(pair((100, 1.0), (115, 1.0), Scenario.SINGLE_STREAM)).outcome is Outcome.PASS


# About what nothing is said.
def inconclusive(runs: dict[str, Run], code: str, **params: Any) -> str:
    verdict = judged(runs, **params)
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, code)
    assert verdict.reason.endswith("; nothing can be said about caching")
    return verdict.reason


@pytest.mark.parametrize("present", [[], ["reference"], ["test04"]])
def test_a_run_that_was_not_made(present: list[str]) -> None:
    runs = {label: run for label, run in pair((10, 1.0), (10, 1.0)).items() if label in present}
    missing = "test04" if "reference" in present else "reference"
    assert f"the {missing} run was not made" in inconclusive(runs, "run_missing")


def with_failures(queries: int, failed: int, **changes: Any) -> Run:
    return run_of(steady(queries, S, failed=failed), **changes)


@pytest.mark.parametrize("which", ["reference", "test04"])
@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ([], "broke off"),  # killed: no end record
        ([end_of(100, "interrupted")], "broke off"),
        ([end_of(100, "something")], "broke off"),
        ([end_of(50), end_of(50)], "broke off"),  # of two workers where one was planned
    ],
)
def test_a_run_that_did_not_end(which: str, ends: list[EndRecord], reason: str) -> None:
    runs = pair((100, 1.0), (100, 1.0))
    runs[which] = run_of(steady(100, S), label=which, ends=ends)
    assert f"the {which} run {reason}" in inconclusive(runs, "run_broken")


@pytest.mark.parametrize("which", ["reference", "test04"])
@pytest.mark.parametrize(
    ("threshold", "requested", "completed", "enough"),
    [
        (0.1, 100, 90, True),  # exactly requested * (1 - threshold)
        (0.1, 100, 89, False),
        (0.2, 10, 8, True),
        (0.2, 10, 7, False),
        (0.5, 2, 1, True),
        (0.5, 4, 1, False),
        (0.1, 100, 0, False),
    ],
)
def test_how_many_must_have_completed(
    which: str, threshold: float, requested: int, completed: int, enough: bool
) -> None:
    """A run at its maximum duration has answers missing, but none failed."""
    runs = pair((100, 1.0), (100, 1.0))
    rows = steady(completed, S) if completed else []
    runs[which] = run_of(rows, label=which, queries=requested, ends=[end_of(completed, "max_duration")])
    if enough:
        assert judged(runs, threshold=threshold).outcome is not Outcome.INCONCLUSIVE
    else:
        reason = inconclusive(runs, "too_few_completed", threshold=threshold)
        assert f"only {completed} of {requested} queries of the {which} run completed" in reason


@pytest.mark.parametrize("which", ["reference", "test04"])
@pytest.mark.parametrize(
    ("share", "failed", "usable"),
    [(0.01, 1, True), (0.01, 2, False), (0.05, 5, True), (0.05, 6, False), (0.0, 0, True), (0.0, 1, False)],
)
def test_how_many_may_have_failed(which: str, share: float, failed: int, usable: bool) -> None:
    runs = pair((100, 1.0), (100, 1.0))
    runs[which] = with_failures(100, failed, label=which)
    if usable:
        assert judged(runs, max_error_share=share).outcome is Outcome.PASS
    else:
        reason = inconclusive(runs, "too_many_errors", max_error_share=share)
        assert f"{failed} of 100 queries of the {which} run failed" in reason


def test_failures_are_never_taken_for_caching() -> None:
    """A server that dies in the audit run answers errors faster than any cache."""
    runs = pair((100, 100.0), (100, 100.0))
    rows = steady(100, S, failed=99)
    runs["test04"] = run_of(rows, label="test04")
    inconclusive(runs, "too_few_completed")
    runs = pair((100, 100.0), (100, 100.0))
    runs["reference"] = run_of([event(n, status=Status.TIMEOUT) for n in range(100)])
    inconclusive(runs, "too_few_completed")


@pytest.mark.parametrize("which", ["reference", "test04"])
def test_a_run_that_took_no_time(which: str) -> None:
    runs = pair((4, 1.0), (4, 1.0))
    runs[which] = run_of([event(n, issued=0, done=0) for n in range(4)], label=which)
    assert f"the {which} run took no measurable time" in inconclusive(runs, "no_throughput")


@pytest.mark.parametrize("which", ["reference", "test04"])
def test_an_empty_run(which: str) -> None:
    runs = pair((4, 1.0), (4, 1.0))
    runs[which] = run_of([], label=which, queries=4)
    inconclusive(runs, "too_few_completed")


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(Status)), max_size=12),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(Status)), max_size=12),
    st.sampled_from(UNPACED),
)
def test_whatever_the_events_a_verdict_holds_no_nan_and_a_pass_has_evidence(
    reference: list[tuple[int, int, Status]], audit: list[tuple[int, int, Status]], scenario: Scenario
) -> None:
    runs = {
        label: run_of(
            [event(n, issued=at, done=at + took, status=status) for n, (at, took, status) in enumerate(rows)],
            label=label,
            queries=max(len(rows), 2),
            load=load_of(scenario),
        )
        for label, rows in (("reference", reference), ("test04", audit))
    }
    verdict = judged(runs, max_error_share=0.5)
    numbers = [value for value in verdict.numbers.values() if isinstance(value, float)]
    assert all(math.isfinite(value) for value in numbers)
    if verdict.outcome is not Outcome.INCONCLUSIVE:
        assert all(run.completed >= 1 and run.throughput_per_s for run in runs.values())


# Remarks.
def remarks(runs: dict[str, Run], **params: Any) -> dict[str, str]:
    return {remark.code: remark.text for remark in judged(runs, **params).remarks}


@pytest.mark.parametrize(
    ("second_half_s", "text", "advice"),
    [
        (1.0, "second half ran at 50/s, its first at 50/s (+0.0%)", False),
        (0.5, "second half ran at 100/s, its first at 50/s (+100.0%)", True),
        (2.0, "second half ran at 25/s, its first at 50/s (-50.0%)", False),
        (0.9, "(+11.1%)", True),
        (0.92, "(+8.7%)", False),
    ],
)
def test_a_drift_of_the_reference_is_told(second_half_s: float, text: str, advice: bool) -> None:
    first = [event(n, issued=n * S // 50, done=(n + 1) * S // 50) for n in range(50)]
    step = round(second_half_s * S / 50)
    second = [event(50 + n, issued=S + n * step, done=S + (n + 1) * step) for n in range(50)]
    runs = pair((100, 1.0), (10, 1.0)) | {"reference": run_of([*first, *second])}
    told = remarks(runs)["reference_drift"]
    assert text in told
    assert ("misleads TEST04: see load.warmup_queries" in told) == advice


@pytest.mark.parametrize(
    ("fixed_ns", "text", "warned"),
    [
        (100, "sample 3 took 1.00 times as long as those around it", False),
        (10, "sample 3 took 0.10 times", True),
        (300, "sample 3 took 3.00 times", True),
        (109, "sample 3 took 1.09 times", False),
        (91, "sample 3 took 0.91 times", False),
    ],
)
def test_the_cost_of_the_fixed_sample_is_told(fixed_ns: int, text: str, warned: bool) -> None:
    rows = [event(n, issued=0, done=fixed_ns if n == 3 else 100) for n in range(10)]
    told = remarks(pair((10, 1.0), (10, 1.0)) | {"reference": run_of(rows)})["fixed_sample_cost"]
    assert text in told
    assert ("unequal cost moves the gain by itself" in told) == warned


def test_a_fixed_sample_that_never_completed_has_no_cost() -> None:
    rows = [event(n, done=S + n, status=Status.TIMEOUT if n == 3 else Status.OK) for n in range(200)]
    assert "fixed_sample_cost" not in remarks(pair((10, 1.0), (10, 1.0)) | {"reference": run_of(rows)})


@pytest.mark.parametrize(("min_duration_s", "short"), [(0.0, []), (2.0, ["test04"]), (2.1, ["reference", "test04"])])
def test_short_runs_are_told(min_duration_s: float, short: list[str]) -> None:
    runs = pair((20, 2.0), (10, 1.0), min_duration_s=min_duration_s)
    told = [remark.text for remark in judged(runs).remarks if remark.code == "short_run"]
    assert [text.split()[1] for text in told] == short
    assert all("less than load.min_duration_s" in text for text in told)


def test_remarks_change_no_verdict() -> None:
    calm = pair((100, 1.0), (100, 1.0))
    wild = pair((100, 1.0), (100, 1.0), min_duration_s=600.0)
    assert judged(calm).outcome is judged(wild).outcome is Outcome.PASS


# The plan.
def planned(params: Params, size: int = 248, load: Load | None = None) -> tuple[RunSpec, ...]:
    return test04.plan(params, size, load or load_of())


def test_the_plan() -> None:
    assert planned(Params(samples=144, audit_samples=20)) == (
        RunSpec("reference", WithoutReplacement(middle=(3,)), 144),
        RunSpec("test04", Single(3), 20),
    )
    assert [spec.queries for spec in planned(Params())] == [100, 100]
    assert [spec.queries for spec in planned(Params(samples=7))] == [7, 7]
    assert [spec.queries for spec in planned(Params(audit_samples=5))] == [100, 5]


@given(st.data(), st.integers(2, 60), st.integers(0, 2**64 - 1))
def test_the_reference_asks_for_distinct_rows_and_the_fixed_one(data: st.DataObject, size: int, seed: int) -> None:
    samples = data.draw(st.integers(2, size))
    index = data.draw(st.integers(0, size - 1))
    load = load_of()
    reference, audit = planned(Params(samples=samples, sample_index=index), size, load)
    asked = [query.sample for query in queries_of(Schedule(reference, load, size))]
    assert len(asked) == len(set(asked)) == samples
    assert index in asked
    assert {query.sample for query in queries_of(Schedule(audit, load, size))} == {index}


@pytest.mark.parametrize(
    ("params", "size", "load", "message", "key"),
    [
        ({}, 248, load_of(Scenario.SERVER), "Server paces its arrivals, which hides caching", None),
        ({"sample_index": 248}, 248, load_of(), "is 248, but the data set has rows 0 to 247", "sample_index"),
        ({"sample_index": 3}, 3, load_of(), "is 3, but the data set has rows 0 to 2", "sample_index"),
        ({"samples": 249}, 248, load_of(), "249 distinct samples are more than the data set's 248 rows", "samples"),
        ({}, 99, load_of(), "100 distinct samples are more than the data set's 99 rows", "samples"),
        ({}, 5, load_of(min_queries=1), "load.min_queries is 1, and one sample cannot be compared", "samples"),
        ({"sample_index": 0}, 1, load_of(min_queries=1), "one sample cannot be compared", "samples"),
    ],
)
def test_a_plan_that_cannot_show_the_effect_is_refused(
    params: dict[str, Any], size: int, load: Load, message: str, key: str | None
) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        planned(Params(**params), size, load)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("params", "size", "load"),
    [
        ({"sample_index": 247}, 248, load_of()),
        ({"samples": 248}, 248, load_of()),
        ({}, 100, load_of()),
        ({"samples": 2, "sample_index": 1}, 2, load_of()),
        ({"sample_index": 0}, 2, load_of(min_queries=2)),
        ({}, 248, load_of(Scenario.SINGLE_STREAM)),
        ({}, 248, load_of(Scenario.MULTI_STREAM)),
        ({"audit_samples": 5000}, 248, load_of()),  # repetitions need no rows
    ],
)
def test_a_plan_at_the_boundary_is_made(params: dict[str, Any], size: int, load: Load) -> None:
    assert [spec.label for spec in planned(Params(**params), size, load)] == ["reference", "test04"]


@pytest.mark.parametrize(
    "params",
    [
        {"samples": 1}, {"samples": True}, {"samples": 2.0}, {"audit_samples": 1}, {"sample_index": -1},
        {"threshold": 0.0}, {"threshold": 1.0}, {"threshold": -0.1}, {"threshold": float("nan")}, {"threshold": "0.1"},
        {"max_error_share": 1.0}, {"max_error_share": -0.01}, {"max_error_share": float("nan")}, {"treshold": 0.1},
    ],
)  # fmt: skip
def test_bad_settings(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Params(**params)
