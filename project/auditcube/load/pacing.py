"""Which query may go now: the rule of every scenario, without a clock or a socket of its own.

All four scenarios are one rule with different numbers: a query goes when it is due and fewer than `max_in_flight`
are under way. Offline: all due at once. SingleStream: one in flight. MultiStream: n. Server: due times, no bound.
"""

from __future__ import annotations

import itertools
from enum import Enum

from auditcube.load.schedule import Query, Schedule

_S = 1_000_000_000


class End(str, Enum):
    """Why a run ended."""

    COMPLETED = "completed"
    MAX_DURATION = "max_duration"
    INTERRUPTED = "interrupted"


class Pacer:
    """Hands out the queries of one worker's share. Times are nanoseconds since the start of the run.

    The run is over (`ended`) when every planned query and the minimum duration are done, or at the maximum duration,
    when queries still in flight must be cancelled.
    """

    def __init__(self, schedule: Schedule, worker: int = 0) -> None:
        spec, load = schedule.spec, schedule.load
        self._queries = itertools.islice(schedule.queries(), worker, None, load.workers)
        self._planned = spec.queries
        self._min_ns = int(spec.min_duration_s * _S)
        self._max_ns = int(load.max_duration_s * _S)
        self._bound = _bound_of(load.max_in_flight, worker, load.workers)
        self._next: Query = next(self._queries)
        self.in_flight = 0

    def take(self, now_ns: int) -> Query | None:
        """The next query if it may be issued now; it then counts as in flight until `finished`."""
        query = self._next
        if query.due_ns > now_ns or (self._bound is not None and self.in_flight >= self._bound):
            return None
        if now_ns >= self._max_ns or self._exhausted(now_ns):
            return None
        self.in_flight += 1
        self._next = next(self._queries)
        return query

    def finished(self) -> None:
        """One query that `take` gave out has reached its terminal event."""
        self.in_flight -= 1

    def wake_ns(self, now_ns: int) -> int:
        """When to ask again although nothing finishes: the next due time, the duration floor, or the ceiling."""
        return min((t for t in (self._next.due_ns, self._min_ns, self._max_ns) if t > now_ns), default=now_ns)

    def ended(self, now_ns: int) -> End | None:
        """Why the run is over, or None while it goes on."""
        if self.in_flight == 0 and self._exhausted(now_ns):
            return End.COMPLETED
        return End.MAX_DURATION if now_ns >= self._max_ns else None

    def _exhausted(self, now_ns: int) -> bool:
        return self._next.ordinal >= self._planned and now_ns >= self._min_ns


def _bound_of(max_in_flight: int | None, worker: int, workers: int) -> int | None:
    """This worker's part of the bound; the parts add up to it."""
    if max_in_flight is None:
        return None
    return max_in_flight // workers + (worker < max_in_flight % workers)
