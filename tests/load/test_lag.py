"""The event loop's lag: percentiles from buckets, and pauses that count as long as they last."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from auditcube.load import lag
from auditcube.load.alarm import Alarm
from auditcube.load.lag import LagProbe
from auditcube.metrics import percentile


class Counted(LagProbe):
    """A probe that is told its lags."""

    def __init__(self, lags: list[int]) -> None:
        self._counts, self._probes, self._max_ns = {}, 0, 0
        for each in lags:
            self._count(each)


@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=300))
def test_percentiles_are_within_three_percent_and_never_too_small(lags: list[int]) -> None:
    told = Counted(lags).summary()
    assert (told["probes"], told["max"]) == (len(lags), max(lags))
    for name in ("p50", "p99", "p99.9"):
        exact = percentile(np.sort(np.array(lags, dtype=np.int64)), float(name[1:]))
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
    probe = Counted([])
    probe._due_ns, probe._alarm = due_ns, (alarm := Silent())
    monkeypatch.setattr(time, "monotonic_ns", lambda: due_ns + round(late_ms * 1e6))
    probe._rang()
    assert probe.summary() == Counted([round(ms * 1e6) for ms in lags_ms]).summary()
    assert probe._counts == Counted([round(ms * 1e6) for ms in lags_ms])._counts
    assert alarm.told == [due_ns + next_ms * 10**6]


@given(st.integers(0, 2**50))
def test_a_bucket_holds_what_is_put_into_it(ns: int) -> None:
    bucket = lag._bucket(ns)
    assert ns <= lag._largest_in(bucket)
    assert bucket == 0 or lag._largest_in(bucket - 1) < ns


def test_nothing_probed() -> None:
    assert Counted([]).summary() == {"probes": 0, "p50": 0, "p99": 0, "p99.9": 0, "max": 0}


@pytest.mark.parametrize("pause_s", [0.06, 0.12])
def test_a_pause_weighs_as_much_as_on_queries_that_arrive_all_the_time(pause_s: float) -> None:
    async def paused() -> dict[str, int]:
        probe = LagProbe(asyncio.get_running_loop())
        await asyncio.sleep(0.05)
        time.sleep(pause_s)  # noqa: ASYNC251 - the very thing that the probe is to see
        await asyncio.sleep(0.05)
        probe.close()
        return probe.summary()

    told = uvloop.run(paused())
    assert told["max"] >= (pause_s - 0.015) * 1e9  # one period is over before the next ring is due
    assert told["probes"] >= (pause_s + 0.1 - 0.03) * 100
