"""The summary: what each scenario's result is, and when the client was to blame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from auditcube.evidence.events import Event, Status
from auditcube.metrics import Run, mean
from auditcube.scenario import Scenario
from auditcube.summary import remarks, summarize
from builders import S, end_of, event, load_of, run_of

MS = 1_000_000


def taking(latencies: list[int], **more: Any) -> list[Event]:
    """Queries one after the other with these latencies."""
    rows, now = [], 0
    for ordinal, latency in enumerate(latencies):
        rows.append(event(ordinal, issued=now, done=now + latency, **more))
        now += latency
    return rows


def single(count: int) -> Run:
    return run_of(taking([(n + 1) * MS for n in range(count)]), load=load_of(Scenario.SINGLE_STREAM))


def test_single_stream_is_estimated_with_early_stopping() -> None:
    ninety, ninety_nine = summarize(single(81))["early_stopping"]
    assert (ninety["percentile"], ninety["queries"], ninety["least_queries"]) == (90.0, 81, 64)
    assert ninety["estimate_ns"] == 80 * MS  # one may be discarded
    assert (ninety_nine["least_queries"], ninety_nine["estimate_ns"]) == (662, None)
    assert summarize(single(64))["early_stopping"][0]["estimate_ns"] == 64 * MS
    assert summarize(single(63))["early_stopping"][0]["estimate_ns"] is None
    assert remarks(single(63))[0] == (
        "63 queries do not show the 90th percentile of latency with 99 % confidence: 64 would do"
    )


@pytest.mark.parametrize(("failed", "estimate"), [(0, 80 * MS), (1, 80 * MS), (2, None), (40, None)])
def test_a_query_without_an_answer_took_longer_than_any_other(failed: int, estimate: int | None) -> None:
    rows = taking([(n + 1) * MS for n in range(81)])
    for row in rows[81 - failed :]:
        row["status"], row["error"] = Status.TIMEOUT.value, "late"
    told = summarize(run_of(rows, load=load_of(Scenario.SINGLE_STREAM)))["early_stopping"][0]
    assert (told["queries"], told["estimate_ns"]) == (81, estimate)


def multi(rows: list[Event]) -> Run:
    return run_of(rows, load=load_of(Scenario.MULTI_STREAM, max_in_flight=2))


def test_a_query_of_multi_stream_lasts_until_its_last_answer() -> None:
    rows = [
        event(0, issued=0, done=5),
        event(1, issued=1, done=9),
        event(2, issued=9, done=12),
        event(3, issued=9, done=10),
        event(4, issued=12, done=13),  # the other half of it failed
        event(5, issued=12, done=99, status=Status.TIMEOUT),
    ]
    run = multi(rows)
    assert run.query_latencies_ns.tolist() == [9, 3]
    summary = summarize(run)
    assert summary["query_latency_ns"]["count"] == 2
    assert summary["latency_ns"]["count"] == 5
    assert summary["early_stopping"] == [{"percentile": 99.0, "queries": 3, "least_queries": 662, "estimate_ns": None}]


def server(latencies: list[int], *, failed: int = 0, slip: int = 0, **load: Any) -> Run:
    rows = [event(n, due_ns=n * S, issued=n * S + slip, done=n * S + ns) for n, ns in enumerate(latencies)]
    rows += [
        event(len(rows) + n, due_ns=0, issued=slip, done=slip + 1, status=Status.TIMEOUT, error="late")
        for n in range(failed)
    ]
    return run_of(rows, load=load_of(Scenario.SERVER, **load))


@pytest.mark.parametrize(
    ("over", "failed", "met", "shown"),
    [(0, 0, True, True), (4, 0, True, False), (5, 0, False, False), (3, 1, True, False), (0, 5, False, False)],
)
def test_the_bound_of_server(over: int, failed: int, met: bool, shown: bool) -> None:
    """At the bound itself a query keeps it; one without an answer does not."""
    run = server([5 * MS] * (500 - over - failed) + [5 * MS + 1] * over, failed=failed, target_latency_s=0.005)
    (bound,) = run.latency_bounds
    assert (bound["of"], bound["queries"], bound["over"]) == ("latency", 500, over + failed)
    assert (bound["met"], bound["shown"]) == (met, shown)


def test_loadgen_counts_one_query_less_in_server() -> None:
    run = server([S // 2] * 11)
    assert summarize(run)["completed_per_s"] == pytest.approx(10 / 10.5)
    assert summarize(single(5))["completed_per_s"] is None


def streamed(ordinal: int, first: int, last: int, *, chunks: int, tokens: int | None) -> Event:
    return event(ordinal, due_ns=0, issued=10, done=S, first_ns=first, last_ns=last, chunks=chunks, tokens_out=tokens)


def test_times_of_a_stream() -> None:
    rows = [streamed(0, 30, 90, chunks=4, tokens=7), streamed(1, 30, 30, chunks=1, tokens=1)]
    summary = summarize(run_of(rows))
    assert summary["time_to_first_token_ns"]["max"] == 20
    per = summary["time_per_output_token_ns"]
    assert (per["count"], per["max"]) == (1, (S - 30) // 6)  # from the first token to the end of the answer
    assert (summary["inter_chunk_ns"]["count"], summary["inter_chunk_ns"]["max"]) == (1, 20)
    paced = summarize(run_of(rows, load=load_of(Scenario.SERVER)))
    assert paced["time_to_first_token_ns"]["max"] == 30  # from the due time


def test_bounds_on_tokens() -> None:
    load = load_of(Scenario.SERVER, ttft_latency_s=3e-8, tpot_latency_s=0.15)
    rows = [streamed(0, 30, 90, chunks=4, tokens=7), streamed(1, 31, 94, chunks=4, tokens=8)]
    first, per = run_of(rows, load=load).latency_bounds
    assert (first["of"], first["over"], first["queries"]) == ("time_to_first_token", 1, 2)
    assert (per["of"], per["over"], per["queries"]) == ("time_per_output_token", 1, 2)


def test_an_answer_that_does_not_tell_keeps_no_bound() -> None:
    load = load_of(Scenario.SERVER, ttft_latency_s=1.0, tpot_latency_s=1.0)
    rows = [
        streamed(0, 30, 90, chunks=4, tokens=7),
        streamed(1, 30, 30, chunks=1, tokens=1),  # its one token has no further one
        event(2, due_ns=0, issued=10, done=S),  # not streamed, not counted
        streamed(3, 30, 90, chunks=4, tokens=None),
    ]
    first, per = run_of(rows, load=load).latency_bounds
    assert (first["over"], first["queries"]) == (1, 4)
    assert (per["over"], per["queries"]) == (2, 3)


@pytest.mark.parametrize(("slip", "late"), [(10 * MS, False), (10 * MS + 1, True)])
def test_a_client_that_is_late(slip: int, late: bool) -> None:
    run = server([S // 2] * 10, slip=slip)
    assert (run.late_s is not None) == late
    assert summarize(run)["schedule_kept"] == (not late)
    assert any("we were too slow" in remark for remark in remarks(run)) == late


def test_only_paced_runs_can_be_late() -> None:
    run = run_of([event(0, due_ns=0, issued=10 * S, done=11 * S)])
    assert run.late_s is None
    assert summarize(run)["schedule_kept"] is None


def test_the_times_of_the_loop_are_those_of_the_worker_with_most() -> None:
    mild, bad = end_of(1, worker=0), end_of(1, worker=1)
    bad = replace(bad, lag_ns={**bad.lag_ns, "p99.9": 77, "max": 99}, turn_ns={**bad.turn_ns, "p99": 66})
    told = summarize(run_of([event(0), event(1)], load=load_of(workers=2), ends=[mild, bad]))
    assert told["client_lag_ns"] == {"p50": 1, "p99": 2, "p99.9": 77, "max": 99}
    assert told["client_turn_ns"] == {"p50": 5, "p99": 66, "p99.9": 7, "max": 8}


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"used": 3, "waited": 8}, {"used": 4, "waited": 7}, {"used": 7, "waited": 8}),
        ({"used": 3, "waited": 8}, {"used": 4}, {"used": 7, "waited": None}),
        ({"used": 0}, {"used": 4}, {"used": 4, "waited": None}),
    ],
)
def test_cpu_time_is_that_of_all_workers_and_the_wait_of_one(
    first: dict[str, int], second: dict[str, int], told: dict[str, int | None]
) -> None:
    ends = [replace(end_of(1, worker=worker), cpu_ns=cpu) for worker, cpu in enumerate((first, second))]
    assert summarize(run_of([event(0), event(1)], load=load_of(workers=2), ends=ends))["client_cpu_ns"] == told


def test_a_run_without_an_end_tells_nothing_of_the_client() -> None:
    told = summarize(run_of([event(0)], ends=[]))
    assert [told[f"client_{name}_ns"] for name in ("lag", "turn", "cpu")] == [None] * 3


def test_retried_queries_are_counted() -> None:
    assert summarize(run_of([event(0), event(1, tries=3)]))["queries"]["retried"] == 1


def test_requested_and_effective_settings() -> None:
    run = server([S // 2] * 11, target_qps=1.0)
    told = summarize(run)["settings"]
    assert told["requested"]["target_qps"] == 1.0
    assert told["effective"]["issued_per_s"] == pytest.approx(1.0)
    assert told["effective"]["queries"] == 11


@pytest.mark.parametrize("values", [[0], [2**62, 2**62, 2**62], [1, 2**40, 2**50 + 1]])
def test_the_mean_is_exact_whatever_the_sum(values: list[int]) -> None:
    assert mean(np.array(values, dtype=np.int64)) == sum(values) / len(values)
