"""How late the event loop is: whether the client itself was what a run measured.

An alarm rings every `_PERIOD_NS`; how long after its due time the loop gets to it is how long any answer may have
waited for us. A loop that was held up for three periods counts as three late rings, the first the latest, so that a
pause weighs as much as it would on queries that arrive all the time.
"""

from __future__ import annotations

import asyncio
import math
import time

from auditcube.load.alarm import Alarm

_PERIOD_NS = 10_000_000
_FINE = 32  # buckets per power of two: a percentile is exact within 3 percent


class LagProbe:
    """Measures from its creation to `close`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due_ns = time.monotonic_ns() + _PERIOD_NS
        self._counts: dict[int, int] = {}
        self._probes = self._max_ns = 0
        self._alarm = Alarm(loop, self._rang)
        self._alarm.set(self._due_ns)

    def close(self) -> None:
        self._alarm.close()

    def _rang(self) -> None:
        now_ns = time.monotonic_ns()
        while self._due_ns <= now_ns:
            self._count(now_ns - self._due_ns)
            self._due_ns += _PERIOD_NS
        self._alarm.set(self._due_ns)

    def _count(self, lag_ns: int) -> None:
        bucket = _bucket(lag_ns)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._probes += 1
        self._max_ns = max(self._max_ns, lag_ns)

    def summary(self) -> dict[str, int]:
        """Number of probes, and percentiles and maximum of the lag in nanoseconds (0 where nothing was probed)."""
        shares = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}
        return {
            "probes": self._probes,
            **{name: self._percentile(share) for name, share in shares.items()},
            "max": self._max_ns,
        }

    def _percentile(self, share: float) -> int:
        left = math.ceil(round(share / 100 * self._probes, 9))
        for bucket in sorted(self._counts):
            left -= self._counts[bucket]
            if left <= 0:
                return min(_largest_in(bucket), self._max_ns)
        return 0


def _bucket(ns: int) -> int:
    """The number of the bucket that holds a lag: one nanosecond wide at first, then ever wider."""
    shift = max(ns.bit_length() - _FINE.bit_length(), 0)
    return shift * _FINE + (ns >> shift)


def _largest_in(bucket: int) -> int:
    shift = max(bucket // _FINE - 1, 0)
    return ((bucket - shift * _FINE + 1) << shift) - 1
