"""The events of a run as columns: what every number in a summary and every verdict is computed from.

Those of a long run are not held: they are gone through a part at a time, as often as there is something to compute.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from auditcube.errors import EvidenceRejected
from auditcube.evidence.events import EndRecord, Start, Status
from auditcube.evidence.layout import REQUIRED, read_plain
from auditcube.evidence.spool import Spool
from auditcube.values import Ints

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
_KEPT_OTHERS = 2**20  # bytes; a run of salted queries is nothing else
_KEPT_ERRORS = 20  # enough to show what went wrong; a million equal messages say no more
_TIMES = frozenset({"count", "p50", "p99", "p99.9", "max"})
# Members of an end record that are objects: what they must hold, and what they may.
_OBJECTS = {
    "lag_ns": (_TIMES, _TIMES),
    "turn_ns": (_TIMES, _TIMES),
    "cpu_ns": (frozenset({"used"}), frozenset({"used", "waited"})),
}
_Record = TypeVar("_Record", Start, EndRecord)
_Row = dict[str, Any]


class FileRead(NamedTuple):
    """What was read of one file: how many bytes, and their sha256.

    `others` are the lines, without their breaks, that are more than numbers and a status; None if there are many.
    """

    path: Path
    size: int
    sha256: str
    others: tuple[bytes, ...] | None


class Events(Protocol):
    """All events of a run, with what else its files tell. Which of them is in which part means nothing."""

    @property
    def errors(self) -> tuple[str, ...]: ...

    @property
    def salts(self) -> Mapping[int, str]:
        """By ordinal."""
        ...

    @property
    def starts(self) -> tuple[Start, ...]: ...

    @property
    def ends(self) -> tuple[EndRecord, ...]: ...

    @property
    def files(self) -> tuple[FileRead, ...]:
        """The files that they were read from."""
        ...

    def __len__(self) -> int: ...

    def parts(self) -> Iterator[EventTable]:
        """The events, a part at a time, at least one: whoever holds one only needs no more memory for a long run."""
        ...

    def whole(self) -> EventTable:
        """All of them at once, in memory."""
        ...


@dataclass(frozen=True)
class EventTable:
    """One row per terminal event; `status` indexes `STATUSES`; -1 stands for a value that the event does not have.

    These are `Events` themselves, in one part.
    """

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
    salts: Mapping[int, str]
    starts: tuple[Start, ...]
    ends: tuple[EndRecord, ...]
    files: tuple[FileRead, ...] = ()

    def __len__(self) -> int:
        return len(self.ordinal)

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """A mask of the completed queries."""
        return np.equal(self.status, _CODES[Status.OK.value])

    def parts(self) -> Iterator[EventTable]:
        yield self

    def whole(self) -> EventTable:
        return self


@dataclass(frozen=True)
class _Read:
    """Events as their files have them."""

    rows: Spool
    errors: tuple[str, ...]
    salts: Mapping[int, str]
    starts: tuple[Start, ...]
    ends: tuple[EndRecord, ...]
    files: tuple[FileRead, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def parts(self) -> Iterator[EventTable]:
        return map(self._table, self.rows.parts())

    def whole(self) -> EventTable:
        parts = [*self.rows.parts()]
        return self._table({name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS})

    def _table(self, columns: Mapping[str, Ints]) -> EventTable:
        members: dict[str, Any] = {**columns, "errors": self.errors, "salts": self.salts}
        return EventTable(**members, starts=self.starts, ends=self.ends, files=self.files)


def read_events(paths: Sequence[Path]) -> Events:
    """All workers' files of one run.

    A last line that is cut off (a killed run) is left out. Raises EvidenceRejected, with file and line, for anything
    else that is not an event, and SetupFailed if a long run's events cannot be put aside. Holds some blocks of lines,
    whatever the number of events.
    """
    readers = [_Reader(path) for path in paths]
    rows = Spool(_COLUMNS)
    rows.add({name: np.zeros(0, dtype=np.int64) for name in _COLUMNS})
    # In turn: what the workers did at one time stands together, so that a plan can be followed through all of it.
    going = [reader.blocks() for reader in readers]
    while going:
        for blocks in going.copy():
            if (columns := next(blocks, None)) is None:
                going.remove(blocks)
            else:
                rows.add(columns)
    errors = dict.fromkeys(error for reader in readers for error in reader.errors)
    return _Read(
        rows,
        tuple(errors)[:_KEPT_ERRORS],
        {ordinal: salt for reader in readers for ordinal, salt in reader.salts.items()},
        tuple(start for reader in readers for start in reader.starts),
        tuple(end for reader in readers for end in reader.ends),
        tuple(reader.read for reader in readers),
    )


class _Reader:
    """One worker's file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.errors: dict[str, None] = {}
        self.salts: dict[int, str] = {}
        self.starts: list[Start] = []
        self.ends: list[EndRecord] = []
        self._size, self._sha256 = 0, hashlib.sha256()
        self._others: list[bytes] = []
        self._room = _KEPT_OTHERS

    @property
    def read(self) -> FileRead:
        """What was read so far."""
        others = tuple(self._others) if self._room >= 0 else None
        return FileRead(self._path, self._size, self._sha256.hexdigest(), others)

    def blocks(self) -> Iterator[dict[str, Ints]]:
        """The events, a block of lines at a time.

        Lines as we write them are read as columns, others a block at a time, and what is then left one by one.
        """
        number, ended = 0, False
        for block in self._blocks():
            lines = block.count(b"\n")
            columns = {name: np.full(lines, _ABSENT, dtype=np.int64) for name in _COLUMNS}
            usual = number > 0 and not ended
            places = read_plain(block, columns, _CODES) if usual else [*range(lines)]
            if places:
                parts = block.split(b"\n")
                others = [parts[place] for place in places]
                self._keep(others)
                rows = _rows_of(others) if usual else None
                if rows is None:
                    places, rows, ended = self._one_by_one(number, ended, parts, places)
                self._fill(columns, places, rows)
            events = columns["status"] != _ABSENT  # the start and the end record have none
            yield {name: values[events] for name, values in columns.items()}
            number += lines

    def _blocks(self) -> Iterator[bytes]:
        """Blocks of whole lines, the first line alone; without what was being written when the process was killed."""
        with self._path.open("rb") as file:
            block = file.readline()
            while block:
                self._size += len(block)
                self._sha256.update(block)
                whole = block[: block.rfind(b"\n") + 1]
                if len(whole) < len(block):
                    self._keep([block[len(whole) :]])
                if whole:
                    yield whole
                if block := file.read(_BLOCK_BYTES):
                    block += file.readline()

    def _keep(self, others: list[bytes]) -> None:
        """Hold lines that are not plain, as far as there is room."""
        self._room -= len(others) + sum(map(len, others))
        if self._room >= 0:
            self._others += others
        else:
            self._others.clear()

    def _one_by_one(
        self, before: int, ended: bool, lines: list[bytes], places: list[int]
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
                    self.starts.append(_typed(Start, record["start"]))
                elif record.keys() == {"end"}:
                    self.ends.append(_typed(EndRecord, record["end"]))
                    ended, todo = True, iter(range(place + 1, len(lines) - 1))
                else:
                    _check(record)
                    found.append(place)
                    rows.append(record)
            except (TypeError, ValueError) as problem:
                raise EvidenceRejected(f"{self._path}, line {number}: not an event ({problem})") from problem
        return found, rows, ended

    def _fill(self, columns: dict[str, Ints], places: list[int], rows: list[_Row]) -> None:
        """Put rows that are events into their places."""
        for name in REQUIRED:
            columns[name][places] = [row[name] for row in rows]
        columns["status"][places] = [_CODES[row["status"]] for row in rows]
        for name in _OPTIONAL:
            columns[name][places] = [row.get(name, _ABSENT) for row in rows]
        for row in rows:
            if "error" in row and len(self.errors) < _KEPT_ERRORS:
                self.errors[row["error"]] = None
            if "salt" in row:
                self.salts[row["ordinal"]] = row["salt"]


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
