"""Events against the schedule that they claim to follow."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from auditcube import plan_check
from auditcube.evidence import spool, table
from auditcube.evidence.events import Event, to_lines
from auditcube.evidence.table import read_events
from auditcube.load.order import Salted
from auditcube.load.schedule import BLOCK, RunSpec, Schedule
from auditcube.metrics import Run
from auditcube.plan_check import all_planned, check_against_plan, too_long
from auditcube.scenario import Scenario
from builders import end_of, event, load_of, planned, queries, schedule_of, start_of, table_of


def followed(schedule: Schedule, count: int, **changes: object) -> Run:
    """A run whose events are exactly what the schedule says."""
    rows = [
        event(q.ordinal, sample=q.sample, due_ns=q.due_ns, salt=q.salt, issued=q.due_ns, done=q.due_ns + 5)
        for q, _ in zip(queries(schedule), range(count), strict=False)
    ]
    return changed(schedule, rows)


def changed(schedule: Schedule, rows: list[Event]) -> Run:
    return Run(schedule.spec, schedule.load, table_of(rows))


SCHEDULES = {
    "offline": schedule_of(10, min_duration_s=9.0),
    "server": schedule_of(10, load_of(Scenario.SERVER), min_duration_s=9.0),
    "salted": Schedule(RunSpec("warmup", Salted(), 10, 9.0), load_of(), 10),
}


@pytest.mark.parametrize("count", [0, 3, 10, 25])
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_events_that_follow_their_schedule_are_no_problem(schedule: Schedule, count: int) -> None:
    assert check_against_plan(followed(schedule, count), schedule) == []


CONTRADICTIONS = [
    ("repeated", {"ordinal": 1}, "more than one event"),
    ("negative", {"ordinal": -1}, "negative ordinal"),
    ("a gap", {"ordinal": 20}, "query 2 has no event, although later ones of its worker have"),
    ("far away", {"ordinal": 10**15}, "query 1000000000000000 cannot have been reached with 10 events"),
    ("sample", {"sample": 99}, "query 2 asked for sample 99"),
    ("due", {"due_ns": 1}, "due 1; the plan says otherwise"),
    ("salt", {"salt": "0" * 12}, "the plan says otherwise"),
    ("early", {"issued_ns": -1}, "before it was due"),
    ("backwards", {"done_ns": -1}, "ended before it was issued"),
]


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize(
    ("change", "message"), [case[1:] for case in CONTRADICTIONS], ids=[c[0] for c in CONTRADICTIONS]
)
def test_events_that_contradict_their_schedule_are_found(
    schedule: Schedule, change: dict[str, object], message: str
) -> None:
    rows = [
        event(q.ordinal, sample=q.sample, due_ns=q.due_ns, salt=q.salt, issued=q.due_ns, done=q.due_ns + 5)
        for q in planned(schedule)
    ]
    rows[2] = cast(Event, rows[2] | change)
    problems = check_against_plan(changed(schedule, rows), schedule)
    assert any(message in problem for problem in problems), problems


@pytest.mark.parametrize("told", [9, 11])
def test_an_end_record_that_tells_of_another_number_of_events_is_found(told: int) -> None:
    schedule = SCHEDULES["offline"]
    run = followed(schedule, 10)
    forged = Run(run.spec, run.load, replace(run.events.whole(), ends=(end_of(told),)))
    assert check_against_plan(forged, schedule) == [f"there are 10 events, but the end records tell of {told}"]


def test_a_killed_run_tells_of_no_number_and_its_events_are_still_checked() -> None:
    schedule = SCHEDULES["offline"]
    run = followed(schedule, 4)
    assert check_against_plan(Run(run.spec, run.load, replace(run.events.whole(), ends=())), schedule) == []


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("count", [BLOCK - 1, BLOCK, 2 * BLOCK + 1])
def test_every_block_of_a_plan_is_compared(workers: int, count: int) -> None:
    schedule = schedule_of(count, load_of(workers=workers), size=100)
    run = followed(schedule, count)
    assert check_against_plan(run, schedule) == []
    wrong = run.events.whole().sample.copy()
    wrong[-1] += 1
    problems = check_against_plan(Run(run.spec, run.load, replace(run.events.whole(), sample=wrong)), schedule)
    assert problems == [f"query {count - 1} asked for sample {wrong[-1]}, due 0; the plan says otherwise"]


def test_a_salt_that_is_left_out_is_found() -> None:
    schedule = SCHEDULES["salted"]
    run = followed(schedule, 10)
    salts = {ordinal: salt for ordinal, salt in run.events.salts.items() if ordinal != 4}
    problems = check_against_plan(Run(run.spec, run.load, replace(run.events.whole(), salts=salts)), schedule)
    assert [problem.split(" asked")[0] for problem in problems] == ["query 4"]


def test_workers_may_be_apart_but_none_may_leave_out_a_query() -> None:
    schedule = schedule_of(9, load_of(workers=3), min_duration_s=9.0)
    rows = [
        event(q.ordinal, sample=q.sample, due_ns=q.due_ns, issued=q.due_ns, done=q.due_ns + 5)
        for q in islice(queries(schedule), 12)
        if q.ordinal % 3 == 0 or q.ordinal < 6
    ]
    ends = [end_of(4, worker=0), end_of(2, worker=1), end_of(2, worker=2)]
    run = Run(schedule.spec, schedule.load, table_of(rows, ends=ends))
    assert check_against_plan(run, schedule) == []
    assert not all_planned(run)
    left_out = Run(schedule.spec, schedule.load, table_of([row for row in rows if row["ordinal"] != 3], ends=ends))
    assert "query 3 has no event, although later ones of its worker have" in check_against_plan(left_out, schedule)


@pytest.mark.parametrize(("count", "enough"), [(9, False), (10, True), (25, True)])
def test_a_completed_run_has_all_planned_queries(count: int, enough: bool) -> None:
    assert all_planned(followed(SCHEDULES["offline"], count)) == enough


def test_a_run_that_says_that_it_did_not_complete_may_have_fewer() -> None:
    run = followed(SCHEDULES["offline"], 3)
    events = replace(run.events.whole(), ends=(end_of(3, "max_duration"),))
    assert all_planned(Run(run.spec, run.load, events))


@pytest.mark.parametrize(
    ("queries", "events", "expected"),
    [(2**24, 0, False), (2**24 + 1, 0, True), (2**24 + 16, 1, False), (2**24 + 17, 1, True), (10**18, 10**6, True)],
)
def test_a_plan_that_no_run_reached_is_not_made_again(queries: int, events: int, expected: bool) -> None:
    assert too_long(schedule_of(queries), events) == expected


@pytest.mark.parametrize(("count", "problems"), [(10, 0), (11, 1)])
def test_a_run_without_a_duration_to_fill_has_no_query_beyond_its_plan(count: int, problems: int) -> None:
    schedule = schedule_of(10)
    found = check_against_plan(followed(schedule, count), schedule)
    assert found == ["query 10 was not planned: the run has 10, and no duration to fill"][:problems]


def in_parts(folder: Path, schedule: Schedule, rows: list[Event]) -> Run:
    """The same events read from a file for each worker, each in the order of completion."""
    workers = schedule.load.workers
    for worker in range(workers):
        mine = sorted((row for row in rows if row["ordinal"] % workers == worker), key=lambda row: row["done_ns"])
        head = orjson.dumps({"start": start_of(worker, workers)}) + b"\n"
        foot = orjson.dumps({"end": end_of(len(mine), worker=worker)}) + b"\n"
        (folder / f"{worker}.jsonl").write_bytes(head + to_lines(mine) + foot)
    return Run(schedule.spec, schedule.load, read_events(sorted(folder.glob("*.jsonl"))))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, None),
        ({"ordinal": 12}, "a query has more than one event"),
        ({"ordinal": 4 * BLOCK + 3}, "query 3000 has no event, although later ones of its worker have"),
        ({"sample": 101}, "query 3000 asked for sample 101, due 0; the plan says otherwise"),
    ],
)
def test_a_plan_is_followed_through_all_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, change: dict[str, int] | None, message: str | None
) -> None:
    """Hundreds in flight, one that takes the whole run, and parts that share no edge with the blocks of the plan."""
    monkeypatch.setattr(table, "_BLOCK_BYTES", 20_000)
    monkeypatch.setattr(spool, "_ROWS", 300)
    monkeypatch.setattr(spool, "_HELD", 300)
    schedule = schedule_of(4 * BLOCK + 17, load_of(workers=workers), size=100)
    chance = random.Random(1)
    rows = [
        event(q.ordinal, sample=q.sample, issued=q.ordinal, done=q.ordinal + chance.randrange(500))
        for q in planned(schedule)
    ]
    rows[5]["done_ns"] = 10**9
    if change is not None:
        rows[3000] = cast(Event, rows[3000] | change)
    run = in_parts(tmp_path, schedule, rows)
    assert len([*run.events.parts()]) >= 10
    found = check_against_plan(run, schedule)
    assert found == [] if message is None else message in found


def test_of_the_plan_only_what_is_missing_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_ROWS", 300)
    monkeypatch.setattr(spool, "_HELD", 300)
    monkeypatch.setattr(table, "_BLOCK_BYTES", 20_000)
    schedule = schedule_of(20 * BLOCK, load_of(workers=2), size=100)
    rows = [event(q.ordinal, sample=q.sample, issued=q.ordinal, done=q.ordinal + 1) for q in planned(schedule)]
    rows[7]["done_ns"] = 10**9
    run = in_parts(tmp_path, schedule, [row for row in rows if row["ordinal"] % 2 == 0 or row["ordinal"] < 100])
    assert all_planned(run) is False  # the other worker has ended early, and nobody waits for its share
    followed = plan_check._Followed(run, schedule, plan_check._reached(run)[0])
    most = 0
    compare = followed._compare

    def counted(*arguments: Any) -> None:
        nonlocal most
        compare(*arguments)
        most = max(most, len(followed._open))

    monkeypatch.setattr(followed, "_compare", counted)
    assert followed.problems() == []
    assert most <= 4


@pytest.mark.parametrize(("events", "far"), [(10, 10 + 2**16 - 1), (10, 10 + 2**16), (1, 2**16)])
def test_a_worker_lacks_no_more_than_could_be_in_flight(events: int, far: int) -> None:
    """The other worker has many events: that does not help the one that claims to have come so far."""
    schedule = schedule_of(10, load_of(workers=2), min_duration_s=9.0)
    rows = [event(2 * n, sample=0) for n in range(200)] + [event(2 * n + 1, sample=0) for n in range(events - 1)]
    problems = check_against_plan(changed(schedule, [*rows, event(2 * far + 1, sample=0)]), schedule)
    refused = f"query {2 * far + 1} cannot have been reached with {199 + events + 1} events" in problems
    assert refused == (far >= events + 2**16)
