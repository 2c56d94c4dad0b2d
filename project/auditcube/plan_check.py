"""Do the events of a run follow its schedule? A pure function of both, a block at a time: no plan is held whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auditcube.evidence.table import EventTable, Ints, distinct
from auditcube.load.pacing import End
from auditcube.load.schedule import BLOCK, Planned, Schedule
from auditcube.metrics import Run

# A killed worker's events lack what it had in flight: not more than a machine has ports.
_IN_FLIGHT = 2**16
# How much longer than its events a plan may be for us to make it again: a config must not make us count to 10**18.
_UNREACHED = 2**24
_UNREACHED_PER_EVENT = 16


def check_against_plan(run: Run, schedule: Schedule) -> list[str]:
    """Every way in which the events contradict the schedule they claim to follow; empty if none."""
    events = run.events
    problems = []
    order = np.argsort(events.ordinal, kind="stable")
    ordinals = events.ordinal[order]
    if np.any(ordinals[1:] == ordinals[:-1]):
        problems.append("a query has more than one event")
    if run.end is not None and (told := sum(end.events for end in events.ends)) != len(events):
        problems.append(f"there are {len(events)} events, but the end records tell of {told}")
    if len(ordinals) and int(ordinals[0]) < 0:
        return [*problems, "a query has a negative ordinal"]
    highest = int(ordinals[-1]) if len(ordinals) else -1
    if highest >= run.load.workers * (len(ordinals) + _IN_FLIGHT):
        return [*problems, f"query {highest} cannot have been reached with {len(ordinals)} events"]
    if highest >= run.spec.queries and run.spec.min_duration_s == 0:
        problems.append(f"query {highest} was not planned: the run has {run.spec.queries}, and no duration to fill")
    if run.end is not None and (missing := _first_gap(ordinals, run.load.workers)) is not None:
        problems.append(f"query {missing} has no event, although later ones of its worker have")
    if (found := _first_difference(events, order, ordinals, schedule)) is not None:
        problems.append(found)
    if np.any(events.issued_ns > events.done_ns) or np.any(events.issued_ns < events.due_ns):
        problems.append("a query was issued before it was due, or ended before it was issued")
    return problems


def _first_gap(ordinals: Ints, workers: int) -> int | None:
    """The first query of a worker that has no event although a later one has: workers issue their shares in order."""
    for worker in range(workers):
        mine = distinct(ordinals[ordinals % workers == worker])
        expected = worker + workers * np.arange(len(mine), dtype=np.int64)
        if len(wrong := np.flatnonzero(mine != expected)):
            return int(expected[wrong[0]])
    return None


def too_long(schedule: Schedule, events: int) -> bool:
    """Whether the plan is longer than any run leaves that has so few events: to make it again could take for ever."""
    return schedule.spec.queries > _UNREACHED + _UNREACHED_PER_EVENT * events


def all_planned(run: Run) -> bool:
    """Whether a run that says it completed has an event for each planned query; true for a run that says otherwise."""
    if run.end is not End.COMPLETED:
        return True
    ordinals = distinct(run.events.ordinal)
    planned = run.spec.queries
    return len(ordinals) >= planned and int(ordinals[planned - 1]) == planned - 1 and int(ordinals[0]) == 0


def _first_difference(events: EventTable, order: Ints, ordinals: Ints, schedule: Schedule) -> str | None:
    for start, block in _blocks(schedule, int(ordinals[-1]) if len(ordinals) else -1):
        first, last = np.searchsorted(ordinals, (start, start + BLOCK)).tolist()
        rows = order[first:last]
        places = ordinals[first:last] - start
        samples = np.array([sample for sample, _, _ in block], dtype=np.int64)
        dues = np.array([due for _, due, _ in block], dtype=np.int64)
        wrong = (samples[places] != events.sample[rows]) | (dues[places] != events.due_ns[rows])
        if events.salts or any(salt is not None for _, _, salt in block):
            told = [events.salts.get(start + place) for place in places.tolist()]
            wrong |= np.array([block[p][2] != salt for p, salt in zip(places.tolist(), told, strict=True)], dtype=bool)
        if wrong.any():
            row = rows[int(np.argmax(wrong))]
            asked = f"sample {events.sample[row]}, due {events.due_ns[row]}"
            return f"query {events.ordinal[row]} asked for {asked}; the plan says otherwise"
    return None


def _blocks(schedule: Schedule, highest: int) -> Iterator[tuple[int, list[Planned]]]:
    """The plan up to a query, with the ordinal that each block starts at."""
    starts = range(0, highest + 1, BLOCK)
    return zip(starts, schedule.blocks(), strict=False)
