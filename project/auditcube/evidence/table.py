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
_INTEGERS = frozenset((*_REQUIRED, *_OPTIONAL, "bytes_in", "http_status"))
_TEXTS = frozenset(("status", "salt", "error"))
_LIMIT = 2**63
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
        ended = False
        for number, record in _records(path):
            try:
                if ended:
                    raise ValueError("it stands behind the end record")
                if (number == 1) != (record.keys() == {"start"}):
                    raise ValueError("a start record, and no other, stands first")
                if number == 1:
                    self._starts.append(_typed(Start, record["start"]))
                elif ended := record.keys() == {"end"}:
                    self._ends.append(_typed(EndRecord, record["end"]))
                else:
                    rows.append(self._checked(record))
            except (TypeError, ValueError) as problem:
                raise EvidenceRejected(f"{path}, line {number}: not an event ({problem})") from problem
            if len(rows) == _CHUNK:
                self._append(rows)
                rows = []
        self._append(rows)

    def _checked(self, record: dict[str, Any]) -> dict[str, Any]:
        if unknown := record.keys() - _INTEGERS - _TEXTS:
            raise ValueError(f"unknown member {min(unknown)!r}")
        if missing := {*_REQUIRED, "status"} - record.keys():
            raise ValueError(f"{min(missing)} is missing")
        for name, value in record.items():
            if name in _TEXTS and type(value) is not str:
                raise TypeError(f"{name} is not text")
            if name in _INTEGERS and (type(value) is not int or not -_LIMIT <= value < _LIMIT):
                raise TypeError(f"{name} is not an integer of 64 bits")
        if record["status"] not in _CODES:
            raise ValueError(f"unknown status {record['status']!r}")
        record["status"] = _CODES[record["status"]]
        if (error := record.get("error")) is not None and len(self._errors) < self._KEPT_ERRORS:
            self._errors[error] = None
        if (salt := record.get("salt")) is not None:
            self._salts[record["ordinal"]] = salt
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


def _typed(cls: type[_Record], members: Any) -> _Record:
    if not isinstance(members, dict):
        raise TypeError("no object")
    for field in dataclasses.fields(cls):
        expected = int if field.type == "int" else str
        if field.name not in members:
            raise ValueError(f"{field.name} is missing")
        if type(members[field.name]) is not expected:
            raise TypeError(f"{field.name} is not {expected.__name__}")
    return cls(**members)
