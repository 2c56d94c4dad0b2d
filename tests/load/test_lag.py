"""The event loop's lag: percentiles from buckets, pauses that count as long as they last, and waits for a CPU."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from auditcube.load import lag
from auditcube.load.alarm import Alarm
from auditcube.load.lag import LagProbe, Times
from auditcube.values import place_of


def counted(durations: list[int]) -> Times:
    times = Times()
    for each in durations:
        times.add(each)
    return times


class Unset(LagProbe):
    """A probe whose alarm never rings by itself."""

    def __init__(self, due_ns: int, alarm: Alarm) -> None:
        self._due_ns, self._alarm = due_ns, alarm
        self.lags = Times()


@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=300))
def test_percentiles_are_within_three_percent_and_never_too_small(lags: list[int]) -> None:
    told = counted(lags).summary()
    assert (told["count"], told["max"]) == (len(lags), max(lags))
    for name in ("p50", "p99", "p99.9"):
        exact = sorted(lags)[place_of(float(name[1:]), len(lags))]
        assert exact <= told[name] <= max(exact * 1.04, exact)


class Silent(Alarm):
    """An alarm that is only told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def set(self, at_ns: int) -> None:
        self.told.append(at_ns)


@pytest.mark.parametrize(
    ("late_ms", "lags_ms", "next_ms"),
    [
        (0, [0], 10),
        (9.999999, [9.999999], 10),
        (10, [10, 0], 20),
        (29, [29, 19, 9], 30),
        (30, [30, 20, 10, 0], 40),
    ],
)
def test_a_late_ring_counts_once_for_each_period(
    monkeypatch: pytest.MonkeyPatch, late_ms: float, lags_ms: list[float], next_ms: int
) -> None:
    due_ns = 10**12
    probe = Unset(due_ns, alarm := Silent())
    monkeypatch.setattr(time, "monotonic_ns", lambda: due_ns + round(late_ms * 1e6))
    probe._rang()
    assert probe.lags.summary() == (expected := counted([round(ms * 1e6) for ms in lags_ms])).summary()
    assert probe.lags._counts == expected._counts
    assert alarm.told == [due_ns + next_ms * 10**6]


@given(st.integers(0, 2**50))
def test_a_bucket_holds_what_is_put_into_it(ns: int) -> None:
    (bucket,) = counted([ns])._counts
    assert ns <= lag._largest_in(bucket)
    assert bucket == 0 or lag._largest_in(bucket - 1) < ns


def test_nothing_probed() -> None:
    assert Times().summary() == {"count": 0, "p50": 0, "p99": 0, "p99.9": 0, "max": 0}


@pytest.mark.parametrize("pause_s", [0.06, 0.12])
def test_a_pause_weighs_as_much_as_on_queries_that_arrive_all_the_time(pause_s: float) -> None:
    async def paused() -> dict[str, int]:
        probe = LagProbe(asyncio.get_running_loop())
        await asyncio.sleep(0.05)
        time.sleep(pause_s)  # noqa: ASYNC251 - the very thing that the probe is to see
        await asyncio.sleep(0.05)
        probe.close()
        return probe.lags.summary()

    told = uvloop.run(paused())
    assert told["max"] >= (pause_s - 0.015) * 1e9  # one period is over before the next ring is due
    assert told["count"] >= (pause_s + 0.1 - 0.03) * 100


def test_cpu_time_is_counted() -> None:
    before = lag.cpu_ns()
    until = time.process_time_ns() + 20_000_000
    while time.process_time_ns() < until:
        pass
    after = lag.cpu_ns()
    assert after["used"] - before["used"] >= 20_000_000
    assert before.keys() == after.keys()
    assert after.get("waited", 0) >= before.get("waited", 0)


@pytest.mark.parametrize(
    ("told", "waited"), [("20 7 3\n", {"waited": 7}), ("20\n", {}), ("", {}), (None, {})], ids=repr
)
def test_a_wait_for_a_cpu_is_told_where_the_system_tells_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: str | None, waited: dict[str, int]
) -> None:
    if told is not None:
        (tmp_path / "schedstat").write_text(told)
    monkeypatch.setattr(lag, "_SCHEDSTAT", tmp_path / "schedstat")
    found = lag.cpu_ns()
    assert found.pop("used") > 0
    assert found == waited
