"""The pacer on a virtual clock: which query may go when, in every scenario."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.load.pacing import End, Pacer
from auditcube.load.schedule import Schedule
from auditcube.scenario import Scenario
from builders import Query, S, load_of, planned, queries, schedule_of

PATIENCE = 100_000


@dataclass
class Played:
    """What a pacer did on the virtual clock."""

    issued: list[tuple[int, int]] = field(default_factory=list)
    most_in_flight: int = 0
    end: End | None = None
    ended_ns: int = 0

    @property
    def times(self) -> list[int]:
        return [now for now, _ in self.issued]

    @property
    def ordinals(self) -> list[int]:
        return [ordinal for _, ordinal in self.issued]


def play(schedule: Schedule, service_ns: int, worker: int = 0) -> Played:
    """Drive a pacer as the engine does, against an endpoint that takes `service_ns` for every query."""
    pacer, played, now = Pacer(schedule, worker), Played(), 0
    under_way: list[int] = []
    for _ in range(PATIENCE):
        while (taken := pacer.take(now)) is not None:
            played.issued.append((now, taken[0]))
            heapq.heappush(under_way, now + service_ns)
            played.most_in_flight = max(played.most_in_flight, pacer.in_flight)
        played.end, played.ended_ns = pacer.ended(now), now
        if played.end is not None:
            return played
        wake = pacer.wake_ns(now)
        assert wake > now, "the engine would spin"
        now = min([wake, *under_way[:1]])
        while under_way and under_way[0] <= now:
            heapq.heappop(under_way)
            pacer.in_flight -= 1
    raise AssertionError("the run does not end")


@pytest.mark.parametrize("scenario", [Scenario.OFFLINE, Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM])
@pytest.mark.parametrize("together", [1, 3])
def test_a_run_may_say_how_many_go_together_whatever_the_load_says(scenario: Scenario, together: int) -> None:
    played = play(schedule_of(9, load_of(scenario), together=together), S)
    assert played.times == [n // together * S for n in range(9)]
    assert (played.most_in_flight, played.end) == (together, End.COMPLETED)


def test_single_stream_has_one_query_in_flight() -> None:
    played = play(schedule_of(4, load_of(Scenario.SINGLE_STREAM)), S)
    assert played.times == [0, S, 2 * S, 3 * S]
    assert played.most_in_flight == 1
    assert (played.end, played.ended_ns) == (End.COMPLETED, 4 * S)


def test_offline_is_all_at_once_up_to_the_bound() -> None:
    played = play(schedule_of(7, load_of(max_in_flight=3)), S)
    assert played.times == [0, 0, 0, S, S, S, 2 * S]
    assert played.most_in_flight == 3
    assert (played.end, played.ended_ns) == (End.COMPLETED, 3 * S)


def test_multi_stream_sends_a_query_whole_and_the_next_when_all_of_it_is_answered() -> None:
    schedule, now = schedule_of(20, load_of(Scenario.MULTI_STREAM)), 0
    pacer = Pacer(schedule)
    assert [pacer.take(now) is not None for _ in range(9)] == [True] * 8 + [False]
    for left in range(7, 0, -1):
        pacer.in_flight -= 1
        assert pacer.take(now) is None, f"{left} samples of the first query are still under way"
    pacer.in_flight -= 1
    taken = [pacer.take(now) for _ in range(8)]
    assert [query[0] for query in taken if query is not None] == list(range(8, 16))


@pytest.mark.parametrize(("min_duration_s", "issued"), [(0.0, 12), (3.5, 16)])
def test_multi_stream_tears_no_query_apart(min_duration_s: float, issued: int) -> None:
    """Behind the plan the duration counts, but what has begun to go out goes out."""
    load = load_of(Scenario.MULTI_STREAM, max_in_flight=4)
    played = play(schedule_of(12, load, min_duration_s=min_duration_s), S)
    assert len(played.issued) == issued
    assert played.end is End.COMPLETED


def test_multi_stream_keeps_its_bound_full() -> None:
    played = play(schedule_of(20, load_of(Scenario.MULTI_STREAM)), S)
    assert played.most_in_flight == 8
    assert played.times == [0] * 8 + [S] * 8 + [2 * S] * 4


def test_server_issues_at_the_due_times_however_slow_the_answers_are() -> None:
    schedule = schedule_of(50, load_of(Scenario.SERVER, target_qps=10.0))
    due = [query.due_ns for query in planned(schedule)]
    played = play(schedule, 1000 * S)
    assert played.times == due
    assert played.most_in_flight == 50
    assert (played.end, played.ended_ns) == (End.COMPLETED, due[-1] + 1000 * S)


def test_server_with_a_bound_waits_for_room_but_not_longer() -> None:
    schedule = schedule_of(20, load_of(Scenario.SERVER, target_qps=1000.0, max_in_flight=1))
    due = [query.due_ns for query in planned(schedule)]
    expected, free = [], 0
    for ns in due:
        expected.append(max(ns, free))
        free = expected[-1] + S
    assert play(schedule, S).times == expected


@pytest.mark.parametrize("scenario", list(Scenario))
def test_queries_go_in_order_and_each_once(scenario: Scenario) -> None:
    assert play(schedule_of(40, load_of(scenario)), S // 10).ordinals == list(range(40))


@pytest.mark.parametrize(
    ("queries", "min_duration_s", "issued"),
    [
        (3, 0.0, 3),  # the count alone
        (3, 2.5, 3),  # the count lasts longer
        (3, 3.0, 3),  # both at the same moment: enough
        (3, 3.000000001, 4),
        (3, 9.5, 10),  # the duration lasts longer
        (1, 0.5, 1),
    ],
)
def test_a_run_has_both_the_count_and_the_duration(queries: int, min_duration_s: float, issued: int) -> None:
    schedule = schedule_of(queries, load_of(Scenario.SINGLE_STREAM), min_duration_s=min_duration_s)
    played = play(schedule, S)
    assert len(played.issued) == issued
    assert played.end is End.COMPLETED
    assert played.ended_ns == max(issued * S, int(min_duration_s * S))


def test_server_sends_on_until_the_minimum_duration_and_then_ends_without_waiting_for_the_next_due_time() -> None:
    schedule = schedule_of(2, load_of(Scenario.SERVER, target_qps=1.0), min_duration_s=30.0)
    played = play(schedule, 1)
    endless = queries(schedule)
    due = [ns for ns in (next(endless).due_ns for _ in range(100)) if ns < 30 * S]
    assert played.times == due
    assert (played.end, played.ended_ns) == (End.COMPLETED, 30 * S)


def test_the_maximum_duration_ends_a_run_with_queries_in_flight() -> None:
    played = play(schedule_of(10, load_of(Scenario.SINGLE_STREAM, max_duration_s=3.5)), S)
    assert played.times == [0, S, 2 * S, 3 * S]
    assert (played.end, played.ended_ns) == (End.MAX_DURATION, int(3.5 * S))


def test_nothing_is_issued_at_the_maximum_duration_itself() -> None:
    played = play(schedule_of(10, load_of(Scenario.SINGLE_STREAM, max_duration_s=3.0)), S)
    assert played.times == [0, S, 2 * S]
    assert (played.end, played.ended_ns) == (End.MAX_DURATION, 3 * S)


def test_a_run_that_completes_at_the_maximum_duration_is_complete() -> None:
    played = play(schedule_of(3, load_of(Scenario.SINGLE_STREAM, max_duration_s=3.0)), S)
    assert (played.end, played.ended_ns) == (End.COMPLETED, 3 * S)


@pytest.mark.parametrize(
    "schedule",
    [
        schedule_of(5, load_of(max_duration_s=2.0)),
        schedule_of(5, load_of(max_duration_s=2.0), min_duration_s=600.0),
        schedule_of(5, load_of(Scenario.SERVER, target_qps=0.001, max_duration_s=2.0)),
        schedule_of(5, load_of(Scenario.SERVER, target_qps=100.0, max_duration_s=2.0)),
    ],
    ids=["stalled", "before the minimum duration", "before the first due time", "stalled and paced"],
)
def test_the_maximum_duration_holds_whatever_else_is_waited_for(schedule: Schedule) -> None:
    played = play(schedule, 10_000 * S)
    assert (played.end, played.ended_ns) == (End.MAX_DURATION, 2 * S)


def test_a_worker_without_a_share_ends_at_once() -> None:
    assert play(schedule_of(2, load_of(workers=4)), S, worker=3) == Played(end=End.COMPLETED)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    scenario = draw(st.sampled_from(list(Scenario)))
    workers = draw(st.integers(1, 5))
    bound = draw(st.integers(workers, 20)) if scenario is not Scenario.SINGLE_STREAM else 1
    load = load_of(
        scenario,
        workers=1 if scenario in (Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM) else workers,
        max_in_flight=draw(st.just(bound) | st.none()) if scenario.paced else bound,
        max_duration_s=draw(st.floats(0.001, 20)),
    )
    return schedule_of(draw(st.integers(1, 60)), load, min_duration_s=draw(st.sampled_from([0.0, 0.0, 0.25, 1.0])))


@given(schedules(), st.integers(2 * 10**7, 10**10))
def test_every_run_ends_by_its_maximum_and_keeps_its_bound_and_its_due_times(s: Schedule, service_ns: int) -> None:
    due = queries(s)
    plan: list[Query] = []
    in_flight = 0
    for worker in range(s.load.workers):
        played = play(s, service_ns, worker)
        assert played.end is not None
        assert played.ended_ns <= int(s.load.max_duration_s * S)
        while len(plan) <= max(played.ordinals, default=0):
            plan.append(next(due))
        assert all(now >= plan[ordinal].due_ns for now, ordinal in played.issued)
        in_flight += played.most_in_flight
        if played.end is End.COMPLETED:
            assert played.ended_ns >= int(s.spec.min_duration_s * S)
    if s.load.max_in_flight is not None:
        assert in_flight <= s.load.max_in_flight


@given(st.integers(1, 8), st.integers(1, 100), st.sampled_from([Scenario.OFFLINE, Scenario.SERVER]))
def test_the_shares_of_all_workers_add_up_to_the_schedule(workers: int, queries: int, scenario: Scenario) -> None:
    load = load_of(scenario, workers=workers, max_in_flight=max(8, workers))
    shares = [play(schedule_of(queries, load), 1, worker).ordinals for worker in range(workers)]
    assert sorted(ordinal for share in shares for ordinal in share) == list(range(queries))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(st.integers(1, 50), st.integers(1, 8))
def test_the_shares_of_the_bound_add_up_and_leave_no_worker_without(bound: int, workers: int) -> None:
    if workers > bound:
        return  # the config refuses it
    schedule = schedule_of(1000, load_of(workers=workers, max_in_flight=bound))
    parts = []
    for worker in range(workers):
        pacer = Pacer(schedule, worker)
        while pacer.take(0) is not None:
            pass
        parts.append(pacer.in_flight)
    assert sum(parts) == bound
    assert min(parts) >= 1


@given(schedules(), st.integers(0, 30 * S))
def test_the_time_to_wake_up_is_never_in_the_past(schedule: Schedule, now: int) -> None:
    pacer = Pacer(schedule)
    while pacer.take(now) is not None:
        pass
    if pacer.ended(now) is None:
        assert pacer.wake_ns(now) > now
    assert pacer.wake_ns(now) >= now


def test_what_is_taken_counts_as_in_flight_until_it_has_finished() -> None:
    pacer = Pacer(schedule_of(3, load_of(Scenario.SINGLE_STREAM)))
    assert pacer.take(0) is not None
    assert pacer.take(0) is None
    assert pacer.in_flight == 1
    pacer.in_flight -= 1
    assert pacer.in_flight == 0
    assert pacer.take(0) is not None
