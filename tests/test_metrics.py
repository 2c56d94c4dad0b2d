"""Numbers from events: what counts, from when to when, and what never counts."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from auditcube.evidence import spool, table
from auditcube.evidence.events import Status, to_lines
from auditcube.evidence.table import read_events
from auditcube.load.pacing import End
from auditcube.report import series
from auditcube.scenario import Scenario
from auditcube.summary import summarize
from builders import S, end_of, event, load_of, run_of, start_of, steady

FAILURES = [status for status in Status if status is not Status.OK]


def test_throughput_is_from_the_first_issue_to_the_last_completion() -> None:
    run = run_of([event(0, issued=S, done=3 * S), event(1, issued=2 * S, done=6 * S)])
    assert run.duration_s == 5.0
    assert run.throughput_per_s == 2 / 5


@pytest.mark.parametrize("status", FAILURES)
def test_a_failed_query_is_in_no_rate_and_in_no_percentile(status: Status) -> None:
    good = [event(0, done=S), event(1, issued=S, done=2 * S)]
    bad = [event(2, issued=S, done=50 * S, status=status, error="x"), event(3, issued=3, done=4, status=status)]
    run = run_of([*good, *bad])
    assert (run.completed, run.failed) == (2, 2)
    assert run.throughput_per_s == 1.0  # the last completion, not the last failure
    assert [*map(list, run.latencies_ns.parts())] == [[S, S]]
    summary = summarize(run)
    assert summary["queries"]["completed"] == 2
    assert summary["queries"]["failed"] == {status.value: 2}
    assert summary["latency_ns"]["max"] == S
    assert summary["errors"] == ["x"]


def test_a_run_of_failures_has_no_throughput_rather_than_zero() -> None:
    run = run_of([event(0, status=Status.TIMEOUT), event(1, status=Status.CANCELLED)])
    assert (run.completed, run.failed, run.duration_s, run.throughput_per_s) == (0, 2, 0.0, None)
    assert run.half_throughputs_per_s() is None
    assert summarize(run)["latency_ns"] is None


def test_a_run_without_events() -> None:
    run = run_of([], queries=5)
    assert (run.completed, run.failed, run.throughput_per_s) == (0, 0, None)
    assert summarize(run)["queries"]["issued"] == 0
    json.dumps(summarize(run), allow_nan=False)


def test_a_run_that_takes_no_time_has_no_throughput() -> None:
    assert run_of([event(0, issued=5, done=5)]).throughput_per_s is None


@pytest.mark.parametrize(
    ("scenario", "latency", "slip"),
    [(Scenario.SERVER, 90, 10), (Scenario.OFFLINE, 80, None), (Scenario.SINGLE_STREAM, 80, None)],
)
def test_latency_counts_from_the_due_time_where_there_is_one(
    scenario: Scenario, latency: int, slip: int | None
) -> None:
    run = run_of([event(0, due_ns=10, issued=20, done=100)], load=load_of(scenario))
    assert [*map(list, run.latencies_ns.parts())] == [[latency]]
    told = summarize(run)["schedule_slip_ns"]
    assert (told and told["max"]) == slip


def test_half_throughputs() -> None:
    # The first three complete in 3 s, the other three in 1.5 s.
    done = [S, 2 * S, 3 * S, int(3.5 * S), 4 * S, int(4.5 * S)]
    assert run_of([event(n, done=ns) for n, ns in enumerate(done)]).half_throughputs_per_s() == (1.0, 2.0)
    odd = run_of([event(n, done=ns) for n, ns in enumerate([S, 2 * S, 3 * S, 4 * S, 5 * S])])
    assert odd.half_throughputs_per_s() == (1.0, 1.0)


@pytest.mark.parametrize("done", [[S, 2 * S, 3 * S], [0, 0, S, S], [S, S, S, S]])
def test_half_throughputs_of_too_little(done: list[int]) -> None:
    assert run_of([event(n, done=ns) for n, ns in enumerate(done)]).half_throughputs_per_s() is None


def test_the_latency_of_a_row_is_told_relative_to_those_issued_around_it() -> None:
    """Eight on either side count: not the slow ones further off, not a failed one, whatever order they ended in."""
    rows = [event(n, issued=0, done=100 if 11 <= n <= 29 else 9999) for n in range(41)]
    rows[20] = event(20, issued=0, done=250)
    rows[19] = event(19, issued=0, done=7777, status=Status.TIMEOUT)
    run = run_of(rows[::-1], load=load_of(max_in_flight=1))
    assert run.relative_latency(20) == 2.5
    assert run.relative_latency(19) is None
    assert run.relative_latency(99) is None
    assert run_of([event(3, issued=0, done=5)]).relative_latency(3) is None


@pytest.mark.parametrize(
    ("workers", "reasons", "end"),
    [
        (1, ["completed"], End.COMPLETED),
        (1, ["max_duration"], End.MAX_DURATION),
        (1, ["interrupted"], End.INTERRUPTED),
        (1, [], None),
        (2, ["completed", "completed"], End.COMPLETED),
        (2, ["completed"], None),  # the other was killed
        (2, ["interrupted"], None),
        (3, ["completed", "max_duration", "completed"], End.MAX_DURATION),
        (3, ["max_duration", "interrupted", "completed"], End.INTERRUPTED),
        (2, ["completed", "completed", "completed"], None),
        (1, ["finished"], None),  # a word that no version of ours writes says nothing
        (2, ["completed", ""], None),
    ],
)
def test_the_end_of_a_run_is_the_worst_that_happened_to_a_worker(
    workers: int, reasons: list[str], end: End | None
) -> None:
    run = run_of(
        [event()], load=load_of(workers=workers), ends=[end_of(1, reason, n) for n, reason in enumerate(reasons)]
    )
    assert run.end is end
    assert summarize(run)["end"] == (end.value if end else None)


def test_first_chunks_and_tokens_are_of_completed_answers_that_have_them() -> None:
    rows = [
        event(0, issued=10, done=S, first_ns=30, last_ns=90, chunks=3, tokens_in=5, tokens_out=7),
        event(1, issued=10, done=S, tokens_out=1),
        event(2, issued=10, done=S),
        event(3, issued=10, first_ns=15, last_ns=16, chunks=1, tokens_out=99, status=Status.DECODE_ERROR),
    ]
    summary = summarize(run_of(rows))
    assert summary["time_to_first_token_ns"]["count"] == 1
    assert summary["time_to_first_token_ns"]["max"] == 20
    seconds = (S - 10) / 1e9
    counts = {"answers": 2, "in": 5, "out": 8, "out_per_s": 8 / seconds}
    assert summary["tokens"] == {"source": "usage", "tokenizer_sha256": None, **counts}
    counted = summarize(run_of(rows, load=load_of(tokenizer_sha256="ab" * 32)))["tokens"]
    assert counted == {"source": "tokenizer", "tokenizer_sha256": "ab" * 32, **counts}
    assert summarize(run_of([event(0)]))["tokens"] is None


def test_the_order_of_the_events_changes_no_number() -> None:
    rows = steady(9, 7 * S, failed=1)
    assert summarize(run_of(rows[::-1])) == summarize(run_of(rows))


@pytest.mark.parametrize("in_flight", [1, 20])
@pytest.mark.parametrize("scenario", [Scenario.OFFLINE, Scenario.SERVER])
def test_numbers_do_not_depend_on_the_parts_that_events_are_read_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: Scenario, in_flight: int
) -> None:
    chance = random.Random(in_flight)
    rows = []
    for n in range(500):
        first = n + chance.randrange(1, 50)
        done = first + chance.randrange(1000)
        status = chance.choice([Status.OK] * 9 + [Status.TIMEOUT])
        told: dict[str, Any] = {
            "first_ns": first,
            "last_ns": done,
            "chunks": chance.randrange(5),
            "tokens_out": chance.randrange(9),
        }
        told |= {"tokens_in": 3} if n % 3 else {}
        rows.append(event(n, sample=n % 37, due_ns=n // 2, issued=n, done=done, status=status, **told))
    chance.shuffle(rows)
    path = tmp_path / "events.jsonl"
    path.write_bytes(
        b"".join(
            [
                orjson.dumps({"start": start_of()}) + b"\n",
                to_lines(rows),
                orjson.dumps({"end": end_of(len(rows))}) + b"\n",
            ]
        )
    )
    load = load_of(scenario, max_in_flight=in_flight, target_latency_s=6e-7, ttft_latency_s=3e-8, tpot_latency_s=1e-7)
    runs = []
    for size in (7, 100_000):
        for name, value in (("_ROWS", size), ("_HELD", size)):
            monkeypatch.setattr(spool, name, value)
        monkeypatch.setattr(table, "_BLOCK_BYTES", 500)
        runs.append(replace(run_of(rows, load=load), events=read_events([path])))
    one, other = runs
    assert len([*one.events.parts()]) > 20
    assert len([*other.events.parts()]) == 1
    assert summarize(one) == summarize(other)
    assert one.half_throughputs_per_s() == other.half_throughputs_per_s()
    assert [one.relative_latency(n) for n in range(40)] == [other.relative_latency(n) for n in range(40)]
    assert series.completions(one) == series.completions(other)
    assert series.latencies(one) == series.latencies(other)
