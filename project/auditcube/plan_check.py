"""Do the events of a run follow its schedule? A pure function of both, a block at a time.

Neither is held whole: events stand about in the order of the plan, and what is held of it are the blocks in which a
query is still missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditcube.evidence.table import EventTable
from auditcube.load.pacing import End
from auditcube.load.schedule import BLOCK, Schedule
from auditcube.metrics import Run
from auditcube.values import Ints

# A killed worker's events lack what it had in flight: not more than a machine has ports.
_IN_FLIGHT = 2**16
# How much longer than its events a plan may be for us to make it again: a config must not make us count to 10**18.
_UNREACHED = 2**24
_UNREACHED_PER_EVENT = 16


def check_against_plan(run: Run, schedule: Schedule) -> list[str]:
    """Every way in which the events contradict the schedule they claim to follow; empty if none."""
    events = run.events
    problems = []
    if run.end is not None and (told := sum(end.events for end in events.ends)) != len(events):
        problems.append(f"there are {len(events)} events, but the end records tell of {told}")
    if len(events) and run.values(lambda part: part.ordinal).low < 0:
        return [*problems, "a query has a negative ordinal"]
    highest, counts = _reached(run)
    # A worker issues its share in order, so what it lacks before its last query was in flight when it was killed.
    if len(far := highest[highest // run.load.workers >= counts + _IN_FLIGHT]):
        return [*problems, f"query {far.max()} cannot have been reached with {len(events)} events"]
    if highest.max() >= run.spec.queries and run.spec.min_duration_s == 0:
        text = f"query {highest.max()} was not planned: the run has {run.spec.queries}, and no duration to fill"
        problems.append(text)
    return problems + _Followed(run, schedule, highest).problems()


def _reached(run: Run) -> tuple[Ints, Ints]:
    """For each worker the last query of its share that has an event, -1 if none has, and how many events it has."""
    workers = run.load.workers
    highest, counts = np.full(workers, -1, dtype=np.int64), np.zeros(workers, dtype=np.int64)
    for part in run.events.parts():
        of = part.ordinal % workers
        np.maximum.at(highest, of, part.ordinal)
        counts += np.bincount(of, minlength=workers)
    return highest, counts


@dataclass
class _Block:
    """A block of the plan, and which of its queries have been seen, or never will be: their worker had ended."""

    samples: Ints
    dues: Ints
    salts: list[str | None] | None  # None where no query has one
    seen: npt.NDArray[np.bool_]


class _Followed:
    """A plan beside the events that follow it. What is held of it are the blocks in which queries are still missing."""

    def __init__(self, run: Run, schedule: Schedule, highest: Ints) -> None:
        self._run = run
        self._highest = highest
        self._plan = schedule.blocks()
        self._made = 0
        self._open: dict[int, _Block] = {}
        self._twice = self._backwards = False
        self._different: str | None = None

    def problems(self) -> list[str]:
        for part in self._run.events.parts():
            self._follow(part)
        problems = ["a query has more than one event"] if self._twice else []
        if self._run.end is not None and self._open:
            number, block = min(self._open.items())
            gap = number * BLOCK + int(np.argmin(block.seen))
            problems.append(f"query {gap} has no event, although later ones of its worker have")
        if self._different is not None:
            problems.append(self._different)
        if self._backwards:
            problems.append("a query was issued before it was due, or ended before it was issued")
        return problems

    def _follow(self, part: EventTable) -> None:
        order = np.argsort(part.ordinal, kind="stable")
        ordinals = part.ordinal[order]
        numbers, firsts = np.unique(ordinals // BLOCK, return_index=True)
        for number, rows in zip(numbers.tolist(), np.split(order, firsts[1:]), strict=False):
            self._compare(part, number, rows)
        if np.any(part.issued_ns > part.done_ns) or np.any(part.issued_ns < part.due_ns):
            self._backwards = True

    def _compare(self, part: EventTable, number: int, rows: npt.NDArray[np.intp]) -> None:
        """Hold events, in the order of their ordinals, against the block of the plan that they fall into."""
        block = self._block(number)
        if block is None:
            self._twice = True  # all of it has been seen
            return
        places = part.ordinal[rows] - number * BLOCK
        if np.any(block.seen[places]) or np.any(places[1:] == places[:-1]):
            self._twice = True
        block.seen[places] = True
        if block.seen.all():
            del self._open[number]
        wrong = (block.samples[places] != part.sample[rows]) | (block.dues[places] != part.due_ns[rows])
        if part.salts or block.salts is not None:
            planned = block.salts or [None] * BLOCK
            told = ((planned[place], part.salts.get(number * BLOCK + place)) for place in places.tolist())
            wrong |= np.array([salt != other for salt, other in told], dtype=np.bool_)
        if self._different is None and wrong.any():
            row = rows[int(np.argmax(wrong))]
            asked = f"sample {part.sample[row]}, due {part.due_ns[row]}"
            self._different = f"query {part.ordinal[row]} asked for {asked}; the plan says otherwise"

    def _block(self, number: int) -> _Block | None:
        """A block of the plan, made with all before it; None if all of it has been seen."""
        for made in range(self._made, number + 1):
            samples, dues, salts = zip(*next(self._plan), strict=True)
            ordinals = np.arange(made * BLOCK, (made + 1) * BLOCK, dtype=np.int64)
            self._open[made] = _Block(
                np.array(samples, dtype=np.int64),
                np.array(dues, dtype=np.int64),
                None if set(salts) == {None} else [*salts],
                ordinals > self._highest[ordinals % len(self._highest)],
            )
        self._made = max(self._made, number + 1)
        return self._open.get(number)


def too_long(schedule: Schedule, events: int) -> bool:
    """Whether the plan is longer than any run leaves that has so few events: to make it again could take for ever."""
    return schedule.spec.queries > _UNREACHED + _UNREACHED_PER_EVENT * events


def all_planned(run: Run) -> bool:
    """Whether a run that says it completed has as many events of planned queries as there are planned queries; true for
    a run that says otherwise. That none of them is there twice, `check_against_plan` sees."""
    if run.end is not End.COMPLETED:
        return True
    queries = run.spec.queries
    return len(run.values(lambda part: part.ordinal[(part.ordinal >= 0) & (part.ordinal < queries)])) >= queries
