"""The alarm: never early, at once for what is past, and only for what it was set to last."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

import pytest
import uvloop

from auditcube.load.alarm import Alarm


def rung(
    play: Callable[[Alarm], None], wait_s: float = 0.15, repeat: Callable[[Alarm], None] | None = None
) -> list[int]:
    """The times at which an alarm rings."""

    async def run() -> list[int]:
        times: list[int] = []

        def rings() -> None:
            times.append(time.monotonic_ns())
            if repeat is not None:
                repeat(alarm)

        alarm = Alarm(asyncio.get_running_loop(), rings)
        play(alarm)
        await asyncio.sleep(wait_s)
        alarm.close()
        await asyncio.sleep(0.02)
        return times

    return uvloop.run(run())


@pytest.fixture(params=["timerfd", "the loop's timers"], autouse=True)
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "timerfd":
        monkeypatch.setattr(sys, "platform", "other")


@pytest.mark.parametrize("delay_ns", [-(10**9), 0, 1_000, 300_000, 20_000_000])
def test_rings_once_and_never_early(delay_ns: int) -> None:
    at = time.monotonic_ns() + delay_ns
    times = rung(lambda alarm: alarm.set(at))
    assert len(times) == 1
    assert times[0] >= at


def test_the_last_setting_counts() -> None:
    start = time.monotonic_ns()

    def play(alarm: Alarm) -> None:
        for delay_ms in (5, 10**6, 40):
            alarm.set(start + delay_ms * 10**6)

    times = rung(play)
    assert len(times) == 1
    assert times[0] >= start + 40 * 10**6


def test_can_be_set_from_its_own_ring() -> None:
    start = time.monotonic_ns()
    due = iter(range(10, 60, 10))

    def again(alarm: Alarm) -> None:
        if (delay_ms := next(due, None)) is not None:
            alarm.set(start + delay_ms * 10**6)

    times = rung(again, repeat=again)
    assert len(times) == 5
    assert all(at >= start + ms * 10**6 for at, ms in zip(times, range(10, 60, 10), strict=True))


def test_a_closed_alarm_is_silent() -> None:
    def play(alarm: Alarm) -> None:
        alarm.set(time.monotonic_ns() + 10**7)
        alarm.close()
        alarm.close()

    assert rung(play) == []


def test_is_not_early_where_the_loop_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop's own timers count whole milliseconds, from a clock of whole ones."""

    async def run() -> int:
        loop = asyncio.get_running_loop()
        later = loop.call_later
        monkeypatch.setattr(loop, "call_later", lambda delay_s, callback: later(delay_s / 2, callback))
        rang: asyncio.Future[int] = loop.create_future()
        alarm = Alarm(loop, lambda: rang.set_result(time.monotonic_ns()))
        alarm.set(due := time.monotonic_ns() + 20_000_000)
        early_ns = due - await rang
        alarm.close()
        return early_ns

    assert asyncio.run(run()) <= 0
