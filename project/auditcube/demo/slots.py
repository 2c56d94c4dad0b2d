"""The endpoint's parallel slots, given out first come, first served, on an ideal clock.

A waiting call's service starts at the instant at which the slot before it was due to become free, not when the event
loop got round to it. So the loop's delays on a busy machine do not add up, and the rate of a saturated endpoint is
slots / service time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import TracebackType


class Hold:
    """One use of a slot, as an asynchronous context manager."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self.start = 0.0
        """When the service began, in seconds of the monotonic clock."""
        self._end: float | None = None

    async def __aenter__(self) -> Hold:
        self.start = await self._slots.take()
        return self

    async def until(self, end: float) -> None:
        """Keep the slot until `end`, which may be over: the successor's service starts then all the same."""
        await sleep_until(end)
        self._end = end

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not held to its end, the call was cancelled: the slot is free now.
        self._slots.give(time.monotonic() if self._end is None else self._end)


class Slots:
    """`count` slots and the queue before them."""

    def __init__(self, count: int) -> None:
        self._free = self._count = count
        self._queue: deque[tuple[asyncio.Future[float], float]] = deque()

    @property
    def in_service(self) -> int:
        """How many slots are held."""
        return self._count - self._free

    def hold(self) -> Hold:
        """`async with` it to wait for a slot and hold it."""
        return Hold(self)

    async def take(self) -> float:
        """Wait for a slot; returns the ideal instant at which its service starts."""
        if self._free:
            self._free -= 1
            return time.monotonic()
        granted: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._queue.append((granted, time.monotonic()))
        try:
            return await granted
        except asyncio.CancelledError:
            # A cancelled place stays in the queue, where `give` passes over it.
            if not granted.cancelled():  # granted and cancelled in the same turn of the loop
                self.give(granted.result())
            raise

    def give(self, end: float) -> None:
        """Free a slot at the ideal instant `end`: the first of the queue has it, or nobody."""
        while self._queue:
            granted, arrived = self._queue.popleft()
            if not granted.done():
                granted.set_result(max(end, arrived))
                return
        self._free += 1


async def sleep_until(instant: float) -> None:
    """Return at `instant` of the monotonic clock; uvloop's timers may be half a millisecond early."""
    if (left := instant - time.monotonic()) > 0:
        await asyncio.sleep(left)
