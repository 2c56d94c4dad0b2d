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

Ints = npt.NDArray[np.int64]
STATUSES = tuple(Status)
_CODES = {status.value: code for code, status in enumerate(STATUSES)}
_ABSENT = -1
_REQUIRED = ("ordinal", "sample", "due_ns", "issued_ns", "done_ns")
_OPTIONAL = ("first_ns", "last_ns", "chunks", "tokens_in", "tokens_out")
_NAMES = frozenset((*_REQUIRED, *_OPTIONAL, "status", "bytes_in", "salt", "http_status", "error"))
_CHUNK = 65536
_Record = TypeVar("_Record", Start, EndRecord)


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


def read_events(paths: Iterable[Path]) -> EventTable:
    """All workers' files of one run as one table.

    A last line that is cut off (a killed run) is left out. Raises EvidenceRejected, with file and line, for anything
    else that is not an event.
    """
    reader = _Reader()
    for path in paths:
        reader.read(path)
    return reader.table()


class _Reader:
    _KEPT_ERRORS = 20  # enough to show what went wrong; a million equal messages say no more

    def __init__(self) -> None:
        self._columns: dict[str, list[Ints]] = {name: [] for name in (*_REQUIRED, *_OPTIONAL, "status")}
        self._errors: dict[str, None] = {}
        self._salts: dict[int, str] = {}
        self._starts: list[Start] = []
        self._ends: list[EndRecord] = []

    def read(self, path: Path) -> None:
        rows: list[dict[str, Any]] = []
        for number, record in _records(path):
            try:
                if "start" in record:
                    self._starts.append(_typed(Start, record["start"]))
                elif "end" in record:
                    self._ends.append(_typed(EndRecord, record["end"]))
                else:
                    rows.append(self._checked(record))
            except (KeyError, TypeError, ValueError) as problem:
                raise EvidenceRejected(f"{path}, line {number}: not an event ({problem})") from problem
            if len(rows) == _CHUNK:
                self._append(rows)
                rows = []
        self._append(rows)

    def _checked(self, record: dict[str, Any]) -> dict[str, Any]:
        if unknown := record.keys() - _NAMES:
            raise ValueError(f"unknown member {min(unknown)!r}")
        record["status"] = _CODES[record["status"]]
        for name in (*_REQUIRED, "status"):
            if type(record[name]) is not int:
                raise TypeError(f"{name} is not an integer")
        for name in _OPTIONAL:
            if type(record.get(name, 0)) is not int:
                raise TypeError(f"{name} is not an integer")
        if (error := record.get("error")) is not None and len(self._errors) < self._KEPT_ERRORS:
            self._errors[str(error)] = None
        if (salt := record.get("salt")) is not None:
            self._salts[record["ordinal"]] = str(salt)
        return record

    def _append(self, rows: list[dict[str, Any]]) -> None:
        for name in (*_REQUIRED, "status"):
            self._columns[name].append(np.array([row[name] for row in rows], dtype=np.int64))
        for name in _OPTIONAL:
            self._columns[name].append(np.array([row.get(name, _ABSENT) for row in rows], dtype=np.int64))

    def table(self) -> EventTable:
        empty = np.zeros(0, dtype=np.int64)
        columns = {name: np.concatenate([empty, *parts]) for name, parts in self._columns.items()}
        return EventTable(
            **columns,
            errors=tuple(self._errors),
            salts=self._salts,
            starts=tuple(self._starts),
            ends=tuple(self._ends),
        )


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return  # the line that was being written when the process was killed
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as problem:
                raise EvidenceRejected(f"{path}, line {number}: not JSON ({problem})") from problem
            if not isinstance(record, dict):
                raise EvidenceRejected(f"{path}, line {number}: not a JSON object")
            yield number, record


def _typed(cls: type[_Record], members: dict[str, Any]) -> _Record:
    for field in dataclasses.fields(cls):
        expected = int if field.type == "int" else str
        if type(members[field.name]) is not expected:
            raise TypeError(f"{field.name} is not {expected.__name__}")
    return cls(**members)
