"""How late the event loop is, and why: whether the client itself was what a run measured.

An alarm rings every `_PERIOD_NS`; how long after its due time the loop gets to it is how long any answer may have
waited. A loop that was held up for three periods counts as three late rings, the first the latest, so that a
pause weighs as much as it would on queries that arrive all the time.

Whose fault that is, the alarm does not tell. `Times` of what we did between two waits bounds our own part, and
`cpu_ns` tells how long the operating system let us wait for a CPU. Neither sees a virtual machine that stands still.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from pathlib import Path

from auditcube.load.alarm import Alarm

_PERIOD_NS = 10_000_000
_FINE = 32  # buckets per power of two: a percentile is exact within 3 percent
_BITS = _FINE.bit_length()
_SCHEDSTAT = Path("/proc/self/schedstat")  # of the thread that started the process, which is the one that sends


def cpu_ns() -> dict[str, int]:
    """Nanoseconds of CPU that this process has `used`, and for which it `waited` although it had something to do.

    The latter is of the process's first thread, and left out where the system does not tell. Source: "Scheduler
    Statistics" in the Linux kernel's documentation, /proc/<pid>/schedstat.
    """
    used = time.process_time_ns()
    try:
        return {"used": used, "waited": int(_SCHEDSTAT.read_bytes().split()[1])}
    except (OSError, IndexError):
        return {"used": used}


class Times:
    """Durations, counted in buckets."""

    def __init__(self) -> None:
        self._counts: defaultdict[int, int] = defaultdict(int)
        self._max_ns = 0

    def add(self, ns: int) -> None:
        shift = ns.bit_length() - _BITS
        # `_largest_in` is its inverse; not a function of its own, as it is called for every turn of a worker's loop.
        self._counts[ns if shift < 0 else shift * _FINE + (ns >> shift)] += 1
        if ns > self._max_ns:
            self._max_ns = ns

    def summary(self) -> dict[str, int]:
        """How many there are (`count`), their percentiles and maximum in nanoseconds (0 where there is none)."""
        shares = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}
        return {
            "count": self._all(),
            **{name: self._percentile(share) for name, share in shares.items()},
            "max": self._max_ns,
        }

    def _all(self) -> int:
        return sum(self._counts.values())

    def _percentile(self, share: float) -> int:
        left = math.ceil(round(share / 100 * self._all(), 9))
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                return min(_largest_in(bucket), self._max_ns)
        return 0


class LagProbe:
    """Measures from its creation to `close`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due_ns = time.monotonic_ns() + _PERIOD_NS
        self.lags = Times()
        self._alarm = Alarm(loop, self._rang)
        self._alarm.set(self._due_ns)

    def close(self) -> None:
        self._alarm.close()

    def _rang(self) -> None:
        now_ns = time.monotonic_ns()
        while self._due_ns <= now_ns:
            self.lags.add(now_ns - self._due_ns)
            self._due_ns += _PERIOD_NS
        self._alarm.set(self._due_ns)


def _largest_in(bucket: int) -> int:
    """The largest duration in a bucket: these are one nanosecond wide at first, then ever wider."""
    shift = max(bucket // _FINE - 1, 0)
    return ((bucket - shift * _FINE + 1) << shift) - 1
