"""The events of a run as columns: what every number in a summary and every verdict is computed from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from auditcube.errors import EvidenceRejected
from auditcube.evidence.events import EndRecord, Start, Status
from auditcube.evidence.layout import REQUIRED, read_plain

Ints = npt.NDArray[np.int64]
STATUSES = tuple(Status)
_CODES = {status.value: code for code, status in enumerate(STATUSES)}
_ABSENT = -1
_OPTIONAL = ("first_ns", "last_ns", "chunks", "tokens_in", "tokens_out", "tries")
_COLUMNS = (*REQUIRED, *_OPTIONAL, "status")
_UNUSED = ("bytes_in", "http_status")  # checked, but in no column
_TEXTS = ("status", "salt", "error")
_INTEGERS = frozenset((*REQUIRED, *_OPTIONAL, *_UNUSED))
_LIMIT = 2**63
_BLOCK_BYTES = 2**20
_TIMES = frozenset({"count", "p50", "p99", "p99.9", "max"})
# Members of an end record that are objects: what they must hold, and what they may.
_OBJECTS = {
    "lag_ns": (_TIMES, _TIMES),
    "turn_ns": (_TIMES, _TIMES),
    "cpu_ns": (frozenset({"used"}), frozenset({"used", "waited"})),
}
_Record = TypeVar("_Record", Start, EndRecord)
_Row = dict[str, Any]


@dataclass(frozen=True)
class EventTable:
    """One row per terminal event; `status` indexes `STATUSES`; -1 stands for a value that the event does not have."""

    ordinal: Ints
    sample: Ints
    due_ns: Ints
    issued_ns: Ints
    done_ns: Ints
    first_ns: Ints
    last_ns: Ints
    chunks: Ints
    tokens_in: Ints
    tokens_out: Ints
    tries: Ints
    status: Ints
    errors: tuple[str, ...]
    salts: dict[int, str]
    starts: tuple[Start, ...]
    ends: tuple[EndRecord, ...]

    def __len__(self) -> int:
        return len(self.ordinal)

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """A mask of the completed queries."""
        return np.equal(self.status, _CODES[Status.OK.value])


def distinct(values: Ints) -> Ints:
    """The distinct values, ascending. numpy.unique finds them by a hash table: fifty times as slow on a million."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def read_events(paths: Iterable[Path]) -> EventTable:
    """All workers' files of one run as one table.

    A last line that is cut off (a killed run) is left out. Raises EvidenceRejected, with file and line, for anything
    else that is not an event. Holds one block of lines and the columns, whatever the number of events.
    """
    reader = _Reader()
    for path in paths:
        reader.read(path)
    return reader.table()


class _Reader:
    _KEPT_ERRORS = 20  # enough to show what went wrong; a million equal messages say no more

    def __init__(self) -> None:
        self._columns: dict[str, list[Ints]] = {name: [] for name in _COLUMNS}
        self._errors: dict[str, None] = {}
        self._salts: dict[int, str] = {}
        self._starts: list[Start] = []
        self._ends: list[EndRecord] = []

    def read(self, path: Path) -> None:
        """Lines as we write them are read as columns, others a block at a time, and what is then left one by one."""
        number, ended = 0, False
        for block in _blocks(path):
            lines = block.count(b"\n")
            columns = {name: np.full(lines, _ABSENT, dtype=np.int64) for name in _COLUMNS}
            usual = number > 0 and not ended
            places = read_plain(block, columns, _CODES) if usual else [*range(lines)]
            if places:
                parts = block.split(b"\n")
                rows = _rows_of([parts[place] for place in places]) if usual else None
                if rows is None:
                    places, rows, ended = self._one_by_one(path, number, ended, parts, places)
                self._fill(columns, places, rows)
            events = columns["status"] != _ABSENT  # the start and the end record have none
            for name, values in columns.items():
                self._columns[name].append(_small(values[events]))
            number += lines

    def _one_by_one(
        self, path: Path, before: int, ended: bool, lines: list[bytes], places: list[int]
    ) -> tuple[list[int], list[_Row], bool]:
        """The events among these lines and where they stand; whether the end record has been seen.

        Behind the end record every line is looked at, whatever `places` says.
        """
        found, rows = [], []
        todo = iter(places)
        while (place := next(todo, None)) is not None:
            number = before + place + 1
            try:
                record = _record(lines[place])
                if ended:
                    raise ValueError("it stands behind the end record")
                if (number == 1) != (record.keys() == {"start"}):
                    raise ValueError("a start record, and no other, stands first")
                if number == 1:
                    self._starts.append(_typed(Start, record["start"]))
                elif record.keys() == {"end"}:
                    self._ends.append(_typed(EndRecord, record["end"]))
                    ended, todo = True, iter(range(place + 1, len(lines) - 1))
                else:
                    _check(record)
                    found.append(place)
                    rows.append(record)
            except (TypeError, ValueError) as problem:
                raise EvidenceRejected(f"{path}, line {number}: not an event ({problem})") from problem
        return found, rows, ended

    def _fill(self, columns: dict[str, Ints], places: list[int], rows: list[_Row]) -> None:
        """Put rows that are events into their places."""
        for name in REQUIRED:
            columns[name][places] = [row[name] for row in rows]
        columns["status"][places] = [_CODES[row["status"]] for row in rows]
        for name in _OPTIONAL:
            columns[name][places] = [row.get(name, _ABSENT) for row in rows]
        for row in rows:
            if "error" in row and len(self._errors) < self._KEPT_ERRORS:
                self._errors[row["error"]] = None
            if "salt" in row:
                self._salts[row["ordinal"]] = row["salt"]

    def table(self) -> EventTable:
        empty = np.zeros(0, dtype=np.int64)
        # One column at a time, its parts let go before the next: the columns are never held twice.
        columns = {name: _small(np.concatenate([empty, *self._columns.pop(name)])) for name in list(self._columns)}
        return EventTable(
            **columns,
            errors=tuple(self._errors),
            salts=self._salts,
            starts=tuple(self._starts),
            ends=tuple(self._ends),
        )


def _small(column: Ints) -> Ints:
    """The same column, without memory of its own if no event has a value in it: half of them, unless answers stream."""
    return column if np.any(column != _ABSENT) else np.broadcast_to(np.int64(_ABSENT), column.shape)


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in blocks of whole lines; without the line that was being written when the process was killed."""
    with path.open("rb") as file:
        yield from [first] if (first := file.readline()).endswith(b"\n") else []
        while block := file.read(_BLOCK_BYTES):
            block += file.readline()
            if whole := block[: block.rfind(b"\n") + 1]:
                yield whole


def _rows_of(lines: list[bytes]) -> list[_Row] | None:
    """All lines parsed at once, if each of them is an event beyond doubt; else None.

    One line is one object: each begins and ends like one, a line break within a text would be no JSON, and an event
    has no object within it.
    """
    block = b",\n".join(lines)
    if block.count(b"},\n{") != len(lines) - 1 or block[:1] + block[-1:] != b"{}":
        return None
    try:
        rows = orjson.loads(b"[%b]" % block)
    except orjson.JSONDecodeError:
        return None
    if len(rows) != len(lines) or set(map(type, rows)) != {dict}:
        return None
    return rows if _good(rows) else None


def _good(rows: list[_Row]) -> bool:
    """Whether all of these are events: column by column, which costs a fraction of row by row."""
    members = 0
    for name in (*_INTEGERS, *_TEXTS):
        values = [row[name] for row in rows if name in row]
        members += len(values)
        if not values:
            continue
        if set(map(type, values)) != {str if name in _TEXTS else int}:
            return False
        if name in _INTEGERS and not (min(values) >= -_LIMIT and max(values) < _LIMIT):
            return False
        if len(values) < len(rows) and name in (*REQUIRED, "status"):
            return False
    return members == sum(map(len, rows)) and {row.get("status") for row in rows} <= _CODES.keys()


def _record(line: bytes) -> _Row:
    """Raises ValueError for what is no JSON object."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as problem:
        raise ValueError(f"not JSON: {problem}") from problem
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record


def _check(record: _Row) -> None:
    """Raises TypeError or ValueError unless this is an event."""
    if unknown := record.keys() - _INTEGERS - set(_TEXTS):
        raise ValueError(f"unknown member {min(unknown)!r}")
    if missing := {*REQUIRED, "status"} - record.keys():
        raise ValueError(f"{min(missing)} is missing")
    for name, value in record.items():
        if name in _TEXTS and type(value) is not str:
            raise TypeError(f"{name} is not text")
        if name in _INTEGERS and (type(value) is not int or not -_LIMIT <= value < _LIMIT):
            raise TypeError(f"{name} is not an integer of 64 bits")
    if record["status"] not in _CODES:
        raise ValueError(f"unknown status {record['status']!r}")


def _typed(cls: type[_Record], members: Any) -> _Record:
    if not isinstance(members, dict):
        raise TypeError("no object")
    for field in dataclasses.fields(cls):
        if field.name not in members:
            raise ValueError(f"{field.name} is missing")
        value = members[field.name]
        if field.name in _OBJECTS:
            _check_object(field.name, value)
        elif type(value) is not (int if field.type == "int" else str):
            raise TypeError(f"{field.name} is not {field.type}")
    return cls(**members)


def _check_object(name: str, value: Any) -> None:
    must, may = _OBJECTS[name]
    if not isinstance(value, dict) or not must <= value.keys() <= may:
        raise TypeError(f"{name} is no object of {', '.join(sorted(may))}")
    if not all(type(part) is int and 0 <= part < _LIMIT for part in value.values()):
        raise TypeError(f"{name} holds something else than natural numbers")
