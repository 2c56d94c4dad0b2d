"""The honest computation: a slot, the real work in a thread, then the rest of the service time.

Like a GPU the endpoint serves `slots` calls at once, each for its service time however busy this machine is. The
work itself takes a few milliseconds; should it take longer than the service time, the call takes that long.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from auditcube.demo.calls import Call, Output, Served
from auditcube.demo.counts import Counts
from auditcube.demo.nuisances import Nuisance
from auditcube.demo.slots import Hold, Slots, sleep_until
from auditcube.demo.text import Text

_MAX_THREADS = 4


class Engine:
    """`slots` parallel computations of `base_s` seconds and `token_s` more for each token."""

    def __init__(
        self, slots: int, base_s: float, token_s: float, nuisances: Sequence[Nuisance], counts: Counts
    ) -> None:
        self._slots, self._base_s, self._token_s = Slots(slots), base_s, token_s
        self._nuisances, self._counts = nuisances, counts
        self._pool = ThreadPoolExecutor(min(slots, _MAX_THREADS), "work")
        self._ordinals = itertools.count()

    async def compute(self, call: Call) -> Served:
        """The answer, when its service time is over; `call.progress` hears of the tokens that are due before."""
        async with self._slots.hold() as hold:
            self._counts.max_in_service = max(self._counts.max_in_service, self._slots.in_service)
            slowdown = self._slowdown(call)
            output = await asyncio.get_running_loop().run_in_executor(self._pool, call.work)
            worked = time.monotonic()
            await self._stream(call, output, hold, slowdown)
            await hold.until(max(worked, hold.start + slowdown * call.job.cost_s(self._base_s, self._token_s)))
        self._counts.computed += 1
        return Served(output)

    def _slowdown(self, call: Call) -> float:
        ordinal = next(self._ordinals)
        return math.prod(nuisance.slowdown(call, ordinal) for nuisance in self._nuisances)

    async def _stream(self, call: Call, output: Output, hold: Hold, slowdown: float) -> None:
        if not (call.stream and isinstance(output, Text)):
            return
        for count in range(1, len(output.tokens)):
            await sleep_until(hold.start + slowdown * (self._base_s + self._token_s * count))
            call.progress(output, count)
