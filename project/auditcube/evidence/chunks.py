"""The times of streamed chunks, as recorded beside the events: do both tell of the same answers?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from auditcube.evidence.table import Events, EventTable

_MEMBERS = {"ordinal", "sample", "chunk_ns"}


def contradictions(paths: Iterable[Path], all_events: Events) -> list[str]:
    """The first way, if there is one, in which files of chunk times contradict the events of their run.

    Each line is `{"ordinal", "sample", "chunk_ns"}`, one for each answer that has chunks, in any order; the times go
    up, and number, first and last are those of the event.
    """
    events = all_events.whole()
    order = np.argsort(events.ordinal, kind="stable")
    ordinals = events.ordinal[order]
    seen = np.zeros(len(order), dtype=bool)
    for path in paths:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break  # of a killed run
                if (problem := _contradiction(line, events, order, ordinals, seen)) is not None:
                    return [f"{path.name}, line {number}: {problem}"]
    whole = len(events.ends) == len(events.starts) > 0
    missing = (events.chunks[order] > 0) & ~seen
    if whole and missing.any():
        return [f"query {ordinals[int(np.argmax(missing))]} has chunks, but no times of them"]
    return []


def _contradiction(line: bytes, events: EventTable, order: Any, ordinals: Any, seen: Any) -> str | None:
    if (record := _record(line)) is None:
        return "is no record of chunk times"
    ordinal, sample, times = record
    place = int(np.searchsorted(ordinals, ordinal)) if -(2**63) <= ordinal < 2**63 else len(ordinals)
    if place == len(ordinals) or int(ordinals[place]) != ordinal:
        return f"there is no event of query {ordinal}"
    if seen[place]:
        return f"query {ordinal} stands twice"
    seen[place] = True
    row = int(order[place])
    told = [int(column[row]) for column in (events.sample, events.chunks, events.first_ns, events.last_ns)]
    if told != [sample, len(times), times[0], times[-1]] or times != sorted(times):
        return f"query {ordinal} has other chunks in its event"
    return None


def _record(line: bytes) -> tuple[int, int, list[int]] | None:
    """Ordinal, sample and times of one line, or None if it has another form."""
    try:
        record = orjson.loads(line)
        ordinal, sample, times = record["ordinal"], record["sample"], record["chunk_ns"]
        good = record.keys() == _MEMBERS and {type(ordinal), type(sample), *map(type, times)} == {int}
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return None
    return (ordinal, sample, times) if good and times else None
