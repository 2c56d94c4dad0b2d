"""Which query may go now: the rule of every scenario, without a clock or a socket of its own.

All four scenarios are one rule with different numbers: a query goes when it is due and fewer than `max_in_flight`
are under way. Offline: all due at once. SingleStream: one in flight. Server: due times, no bound. MultiStream: n, and
none of the next n before all of these are answered.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from itertools import islice

from auditcube.load.schedule import Planned, Schedule

_S = 1_000_000_000


class End(str, Enum):
    """Why a run ended."""

    COMPLETED = "completed"
    MAX_DURATION = "max_duration"
    INTERRUPTED = "interrupted"


class Pacer:
    """Hands out the queries of one worker's share. Times are nanoseconds since the start of the run. `bound` is how
    many may be in flight at once, `in_flight` how many are: who tells the pacer of an end counts it down.

    The run is over (`ended`) when every planned query and the minimum duration are done, or at the maximum duration,
    when queries still in flight must be cancelled.
    """

    def __init__(self, schedule: Schedule, worker: int = 0) -> None:
        spec, load = schedule.spec, schedule.load
        self._queries = queries_of(schedule, worker, load.workers)
        self._planned = spec.queries
        self._min_ns = int(spec.min_duration_s * _S)
        self._max_ns = int(load.max_duration_s * _S)
        self.bound = bound_of(schedule.max_in_flight, worker, load.workers)
        self._together = spec.together or load.samples_per_query
        self._next = next(self._queries)
        self.in_flight = 0

    def take(self, now_ns: int) -> tuple[int, Planned] | None:
        """The next query, with its ordinal, if it may be issued now; it then is in flight."""
        taken = self._next
        ordinal, (_, due_ns, _) = taken
        if self.in_flight >= self.bound or due_ns > now_ns or now_ns >= self._max_ns:
            return None
        if ordinal >= self._planned and self._exhausted(now_ns):
            return None
        if self._together > 1 and self.in_flight and ordinal % self._together == 0:
            return None
        self.in_flight += 1
        self._next = next(self._queries)
        return taken

    def wake_ns(self, now_ns: int) -> int:
        """When to ask again although nothing finishes: the next due time, the duration floor, or the ceiling."""
        return min((t for t in (self._next[1][1], self._min_ns, self._max_ns) if t > now_ns), default=now_ns)

    def ended(self, now_ns: int) -> End | None:
        """Why the run is over, or None while it goes on."""
        if self.in_flight == 0 and self._exhausted(now_ns):
            return End.COMPLETED
        return End.MAX_DURATION if now_ns >= self._max_ns else None

    def _exhausted(self, now_ns: int) -> bool:
        ordinal = self._next[0]
        # Behind the plan, what goes out together is not torn apart because the time is up.
        whole = ordinal == self._planned or ordinal % self._together == 0
        return ordinal >= self._planned and now_ns >= self._min_ns and whole


def queries_of(schedule: Schedule, worker: int, workers: int) -> Iterator[tuple[int, Planned]]:
    """Every `workers`-th query with its ordinal; made one by one, lest one wait until many behind it are made."""
    return islice(enumerate(schedule.queries()), worker, None, workers)


def bound_of(max_in_flight: int | None, worker: int, workers: int) -> int:
    """This worker's part of the bound, which is the largest integer for none; the parts add up to it."""
    if max_in_flight is None:
        return sys.maxsize
    return max_in_flight // workers + (worker < max_in_flight % workers)
