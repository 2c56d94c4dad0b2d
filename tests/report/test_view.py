"""What the page says: each fact of the manifest and of the runs, in the right words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from auditcube.load.order import Salted, Single
from auditcube.report.view import Page, view
from auditcube.scenario import Scenario
from report.cases import CONFIG, MS, SHA256, artifact, make_manifest, make_run, verdict


def page(*verdicts: dict[str, Any], runs: tuple[Any, ...] = (), **members: Any) -> Page:
    return view(make_manifest(*verdicts, **members), CONFIG, {run.spec.label: run for run in runs})


@pytest.mark.parametrize(
    ("outcome", "tone"),
    [("PASS", "pass"), ("FAIL", "fail"), ("INCONCLUSIVE", "unsure"), ("pass", "none"), ("<b>", "none")],
)
def test_a_verdict_is_a_word_and_a_colour(outcome: str, tone: str) -> None:
    (badge,) = page(verdict(outcome), runs=(make_run([MS]),)).badges
    assert (badge.word, badge.tone, badge.subject) == (outcome, tone, "test04")
    assert badge.sentence == "One sample repeated ran 4.0% faster than distinct samples; the limit is 10%."


def test_every_verdict_has_its_badge() -> None:
    both = page(verdict("PASS"), verdict("FAIL", test="cache_probe"))
    assert [(badge.word, badge.subject) for badge in both.badges] == [("PASS", "test04"), ("FAIL", "cache_probe")]
    assert [audit.test for audit in both.audits] == ["test04", "cache_probe"]


def test_a_run_without_audits_is_measured_not_audited() -> None:
    (badge,) = page(runs=(make_run([100 * MS] * 4),)).badges
    assert (badge.word, badge.tone, badge.subject) == ("MEASURED", "none", "measured, not audited")
    assert badge.sentence == "Reference completed 4 of 4 planned queries at 10.00/s."


@pytest.mark.parametrize(
    ("slip_ns", "bound_s", "word", "tone", "told"),
    [
        (5 * MS, None, "MEASURED", "none", "4 of 4"),
        (5 * MS, 0.2, "MEASURED", "none", "too few queries to show it"),
        (5 * MS, 0.1, "FAIL", "fail", "4 of 4 queries exceed the bound of 0.1 s on latency"),
        (11 * MS, 0.1, "INCONCLUSIVE", "unsure", "11.0 ms late or more"),
    ],
)
def test_a_measured_run_says_what_it_is_worth(
    slip_ns: int, bound_s: float | None, word: str, tone: str, told: str
) -> None:
    run = make_run([100 * MS] * 4, slip_ns=slip_ns, scenario=Scenario.SERVER)
    run = replace(run, load=replace(run.load, target_latency_s=bound_s))
    (badge,) = page(runs=(run,)).badges
    assert (badge.word, badge.tone) == (word, tone)
    assert told in badge.sentence


@pytest.mark.parametrize("verdicts", [(), (verdict("INCONCLUSIVE"),)])
def test_a_task_that_broke_off_says_so_first(verdicts: tuple[dict[str, Any], ...]) -> None:
    run = make_run([100 * MS] * 4, failed=range(4), planned=64)
    first, *rest = page(*verdicts, runs=(run,), task_status={"state": "failed", "exit_code": 4}).badges
    assert (first.word, first.tone) == ("BROKE OFF", "fail")
    assert first.sentence == "The task broke off or is partial: reference completed 0 of 64 planned queries."
    assert [badge.word for badge in rest] == [each["outcome"] for each in verdicts]


def test_an_empty_manifest_claims_nothing() -> None:
    empty = view({}, {}, {})
    assert [(badge.word, badge.tone) for badge in empty.badges] == [("BROKE OFF", "fail")]
    assert not any((empty.runs, empty.audits, empty.artifacts, empty.parents, empty.non_claims))


def test_the_numbers_of_a_verdict() -> None:
    (audit,) = page(verdict()).audits
    assert audit.numbers == (
        ("reference", "100.0/s"),
        ("audit", "104.0/s"),
        ("gain", "+4%"),
        ("limit", "110.0/s"),
        ("threshold", "10%"),
        ("threshold source", "MLPerf"),
        ("reference completed", "64"),
    )
    assert audit.remarks == (("short run", "the run was short"),)


@pytest.mark.parametrize(("outcome", "kind"), [("PASS", "ok"), ("FAIL", "bad"), ("INCONCLUSIVE", "ok")])
def test_two_throughputs_are_compared_in_a_picture(outcome: str, kind: str) -> None:
    chart = page(verdict(outcome)).audits[0].chart
    assert chart is not None
    assert chart.bars == (("reference", 100.0, "100.0/s", "ok"), ("audit", 104.0, "104.0/s", kind))
    assert chart.limit == (110.0, "limit 110.0/s")
    assert chart.x.high > 110.0
    assert chart.description == "Reference 100.0/s, audit 104.0/s, limit 110.0/s."


@pytest.mark.parametrize(
    ("numbers", "drawn", "limited"),
    [
        ({}, False, False),
        ({"pairs": 32}, False, False),
        ({"reference_per_s": 1.0, "audit_per_s": None, "limit_per_s": None}, False, False),
        ({"reference_per_s": 1.0, "audit_per_s": "2", "limit_per_s": 1.1}, False, False),
        ({"reference_per_s": 1.0, "audit_per_s": float("nan"), "limit_per_s": 1.1}, False, False),
        ({"reference_per_s": 1.0, "audit_per_s": 2.0, "limit_per_s": None}, True, False),
        ({"reference_per_s": 0, "audit_per_s": 0.0, "limit_per_s": 0.0}, True, True),
    ],
)
def test_only_what_can_be_compared_is_drawn(numbers: dict[str, Any], drawn: bool, limited: bool) -> None:
    chart = page(verdict(numbers=numbers)).audits[0].chart
    assert (chart is not None) is drawn
    assert (chart is not None and chart.limit is not None) is limited


def test_the_counts_of_a_run() -> None:
    run = make_run([100 * MS] * 8, failed=[0, 3], planned=10, errors=tuple(f"error {n}" for n in range(7)))
    (shown,) = page(runs=(run,)).runs
    assert shown.counts == (
        ("planned", "10"),
        ("issued", "8"),
        ("completed", "6 (75%)"),
        ("failed: timeout", "2 (25%)"),
        ("distinct samples", "8"),
        ("throughput", "7.500/s"),
        ("duration", "800.0 ms"),
        ("client's event loop late by", "p99.9 400.0 µs, at most 1.200 ms"),
        ("its own code at a stretch", "p99.9 200.0 µs, at most 900.0 µs"),
        ("client's CPU time", "350.0 ms, and 20.00 ms of waiting for a CPU"),
        ("end", "complete: queries and duration as planned"),
        ("started", "2026-01-02T03:04:05.000000Z"),
        ("schedule sha256", SHA256),
    )
    assert shown.errors == ("error 0", "error 1", "error 2", "error 3", "error 4")
    assert shown.more_errors == 2


def test_long_errors_are_cut() -> None:
    (error,) = page(runs=(make_run([MS], errors=("x" * 4000,)),)).runs[0].errors
    assert error == "x" * 300 + "… (4,000 characters)"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("max_duration", "cut off at the maximum duration"),
        ("interrupted", "interrupted"),
        (None, "killed: its end was never recorded"),
    ],
)
def test_how_a_run_ended(end: str | None, words: str) -> None:
    assert dict(page(runs=(make_run([MS], end=end),)).runs[0].counts)["end"] == words


def test_the_times_of_a_plain_run() -> None:
    times = page(runs=(make_run([n * MS for n in range(1, 101)]),)).runs[0].times
    assert times == (
        ("", "latency"),
        ("min", "1.000 ms"),
        ("mean", "50.50 ms"),
        ("p50", "50.00 ms"),
        ("p90", "90.00 ms"),
        ("p95", "95.00 ms"),
        ("p97", "97.00 ms"),
        ("p99", "99.00 ms"),
        ("p99.9", "100.0 ms"),
        ("max", "100.0 ms"),
    )


def test_a_paced_streamed_run_has_slip_first_chunk_and_tokens() -> None:
    run = make_run([100 * MS] * 10, slip_ns=5 * MS, streamed=True, scenario=Scenario.SERVER)
    (shown,) = page(runs=(run,)).runs
    assert shown.times[0] == ("", "latency", "first token", "per token", "schedule slip")
    assert dict((row[0], row[1:]) for row in shown.times)["p50"] == ("105.0 ms", "30.00 ms", "5.000 ms", "5.000 ms")
    assert dict(shown.counts)["output tokens"] == "160 (160.0/s)"
    assert dict(shown.counts)["input tokens"] == "1,000"
    assert shown.latency is not None
    assert shown.latency.x.title == "latency from the due time [ms]"


def test_the_charts_of_a_run() -> None:
    (shown,) = page(runs=(make_run([n * MS for n in range(1, 101)], failed=[99]),)).runs
    assert shown.throughput is not None
    assert shown.latency is not None
    assert shown.throughput.level == pytest.approx(99 / 4.95)
    assert shown.throughput.description.startswith("99 queries completed and 1 failed within 5.050 s; 20.00/s from")
    assert shown.interval == "420.8 ms"
    assert [label for _, label in shown.latency.marks] == ["p50 50.00 ms", "p90 90.00 ms", "p99 99.00 ms"]
    assert [value for value, _ in shown.latency.marks] == [50 * MS, 90 * MS, 99 * MS]


def test_a_run_without_a_completed_query_has_no_latency() -> None:
    (shown,) = page(runs=(make_run([MS] * 3, failed=range(3)),)).runs
    assert shown.latency is None
    assert shown.throughput is not None
    assert shown.throughput.level is None
    assert dict(shown.counts)["throughput"] == dict(shown.counts)["duration"] == "–"
    assert shown.times == ()


def test_a_run_without_events_has_neither_chart() -> None:
    (shown,) = page(runs=(make_run([], started=False, end=None),)).runs
    assert shown.latency is shown.throughput is None
    assert dict(shown.counts)["issued"] == "0"
    assert "started" not in dict(shown.counts)


def test_a_warm_up_has_no_charts_and_counts_nowhere() -> None:
    runs = (make_run([MS] * 4, "warmup", order=Salted()), make_run([MS] * 4))
    whole = page(runs=runs)
    warmup, reference = whole.runs
    assert warmup.throughput is warmup.latency is None
    assert warmup.note == "Order: salted; never counted in any result"
    assert reference.throughput is not None
    assert "warmup" not in whole.badges[0].sentence


def test_a_parents_run_is_told_apart() -> None:
    parent = {"task": "run_reference", "run_id": "1", "manifest_sha256": SHA256}
    whole = page(
        runs=(make_run([MS]), make_run([MS], "test04", order=Single(3))),
        parents=[parent],
        artifacts=[artifact("runs/test04/summary.json")],
        result_paths=["runs/test04/summary.json"],
    )
    reference, audit = whole.runs
    assert reference.note == "Order: without replacement; made by the task that this one started from"
    assert audit.note == "Order: single, index 3"
    assert reference.measured
    assert audit.measured
    assert whole.parents == ((("task", "run_reference"), ("run id", "1"), ("manifest sha256", SHA256)),)


def test_where_it_comes_from() -> None:
    whole = page(verdict())
    origin, dataset = dict(whole.origin), dict(whole.datasets[0])
    assert origin["tool"] == "auditcube 0.1.0"
    assert origin["changed since the commit"] == "yes"
    assert origin["state"] == "completed, exit code 0"
    assert origin["duration"] == "60.00 s"
    assert origin["environment"] == "python 3.11.7, cpu_count 2"
    assert origin["sha256 of effective config"] == SHA256
    assert dataset["provenance"] == "written for a test"
    assert (dataset["rows"], dataset["samples"], dataset["sha256"]) == ("100", "64", SHA256)
    assert whole.seeds == (("order", "10487924139932647040"),)
    assert whole.non_claims == ("Nothing here is signed.",)
    assert whole.config.startswith("benchmark: wan2.2-t2v-a14b\nscenario: Offline\nendpoint:\n  url: http://")


def test_the_report_does_not_list_itself() -> None:
    listed = page(artifacts=[artifact("report.html", "report"), artifact("config.yaml", "config")]).artifacts
    assert [(each.path, each.size, each.sha256) for each in listed] == [("config.yaml", "1.234 kB", SHA256)]
