"""Data sets: the rows of a file, checked against the columns that an API understands.

The file is read once; its digest is of the same bytes that the samples come from.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from auditcube.errors import InvalidInput

MAX_SAMPLES = 10_000_000  # what a reviewer's machine can still put into an order


@dataclass(frozen=True)
class Column:
    """A request field that a data set may set, by its JSON types; float takes integers too."""

    types: tuple[type, ...]

    def describe(self) -> str:
        return " or ".join(_TYPE_NAMES[t] for t in self.types)


_TYPE_NAMES = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True)
class Sample:
    """One row: `index` counts from 0 in the file, `fields` are request fields (None and empty cells left out).

    `expected` are the columns that scorers get: what an answer is compared with.
    """

    index: int
    fields: Mapping[str, Any]
    expected: Mapping[str, Any] = field(default_factory=dict)

    def __reduce__(self) -> tuple[type[Sample], tuple[int, dict[str, Any]]]:
        """What a worker gets: no more than it sends."""
        return Sample, (self.index, dict(self.fields))


@dataclass(frozen=True)
class Dataset:
    """The samples in use, and what identifies the file they came from."""

    samples: tuple[Sample, ...]
    rows: int
    sha256: str
    size_bytes: int
    format: str


def load_dataset(
    path: Path,
    columns: Mapping[str, Column],
    one_of: tuple[str, ...],
    *,
    samples: int | None = None,
    rename: Mapping[str, str | None] | None = None,
    expected: tuple[str, ...] = (),
) -> Dataset:
    """The first `samples` rows (all by default) of a .jsonl, .csv or .parquet file.

    `columns` are the fields the API knows; every row must fill exactly one of `one_of`. `rename` maps a column of the
    file to a field, or to None to leave it out. `expected` names columns of the file that are kept beside the fields;
    those that are no field of the API are not sent. Every row in use must fill them.
    Raises InvalidInput, with file, line (row for Parquet) and column, for the first row that does not fit.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        text = f"data set {path}: {problem.strerror or problem}; set dataset.path or --dataset"
        raise InvalidInput(text) from problem
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(f"data set {path}: unknown kind of file; use one of {', '.join(_READERS)}")
    rows = list(reader(path, data))
    if not rows:
        raise InvalidInput(f"data set {path}: holds no rows")
    if (samples or len(rows)) > MAX_SAMPLES:
        raise InvalidInput(f"data set {path}: more than {MAX_SAMPLES} samples; give dataset.samples")
    if samples is not None and samples > len(rows):
        raise InvalidInput(f"data set {path}: dataset.samples is {samples}, but the file has only {len(rows)} rows")
    unsent = {name: None for name in expected if name not in columns}
    check = _RowCheck(columns, one_of, {**unsent, **(rename or {})}, typed=reader is not _csv_rows)
    used = tuple(
        Sample(index, check(where, row), check.expected(where, row, expected))
        for index, (where, row) in enumerate(rows[:samples])
    )
    digest = hashlib.sha256(data).hexdigest()
    return Dataset(used, len(rows), digest, len(data), path.suffix.lower().lstrip("."))


def _jsonl_rows(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = _loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (ValueError, RecursionError) as problem:
            raise InvalidInput(f"{where}: not a JSON object in UTF-8 ({problem})") from problem
        if not isinstance(row, dict):
            raise InvalidInput(f"{where}: not a JSON object")
        yield where, row


def _loads(text: str) -> Any:
    """Strict JSON. Raises ValueError also for NaN, infinities, and a member that stands twice."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"member {name!r} stands twice")
        members[name] = value
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _csv_rows(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data[: problem.start].count(b"\n") + 1
        raise InvalidInput(f"{path}, line {line}: not UTF-8 at byte {problem.start} of the file") from problem
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] = []
    line = 1  # where a record begins; a cell may hold line ends
    try:
        for cells in reader:
            where, line = f"{path}, line {line}", reader.line_num + 1
            if not cells:
                continue
            if not names:
                names = cells
                if len(set(names)) != len(names):
                    raise InvalidInput(f"{where}: a column name stands twice")
                continue
            if len(cells) != len(names):
                raise InvalidInput(f"{where}: has {len(cells)} cells, but there are {len(names)} columns")
            yield where, {name: cell for name, cell in zip(names, cells, strict=True) if cell != ""}
    except csv.Error as problem:
        raise InvalidInput(f"{path}, line {line}: {problem}") from problem


def _parquet_rows(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as problem:
        raise InvalidInput(f"data set {path}: Parquet needs the extra: pip install 'auditcube[parquet]'") from problem
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
    except (pyarrow.ArrowException, OSError) as problem:  # OSError: a page that cannot be read
        text = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise InvalidInput(f"data set {path}: not a Parquet file ({text})") from problem
    if len(set(table.column_names)) != len(table.column_names):
        raise InvalidInput(f"data set {path}: a column name stands twice")
    for number, row in enumerate(table.to_pylist()):
        yield f"{path}, row {number}", row


_READERS = {".jsonl": _jsonl_rows, ".csv": _csv_rows, ".parquet": _parquet_rows}


@dataclass(frozen=True)
class _RowCheck:
    columns: Mapping[str, Column]
    one_of: tuple[str, ...]
    rename: Mapping[str, str | None]
    typed: bool

    def __call__(self, where: str, row: Mapping[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for column, value in row.items():
            name = self.rename.get(column, column)
            if name is None or value is None:
                continue
            if name not in self.columns:
                raise InvalidInput(
                    f"{where}, column {column!r}: the API has no such field; rename it, or leave it out with "
                    f"dataset.columns: {{{column}: null}}. Known: {', '.join(sorted(self.columns))}"
                )
            if name in fields:
                raise InvalidInput(f"{where}, column {column!r}: {name} is filled by another column already")
            fields[name] = self._value(f"{where}, column {column!r}", self.columns[name], value)
        filled = [name for name in self.one_of if fields.get(name) not in (None, "", [], {})]
        if len(filled) != 1:
            wanted = " or ".join(map(repr, self.one_of))
            problem = "both are there" if filled else "missing or empty"
            raise InvalidInput(f"{where}, column {wanted}: {problem}; every request needs exactly one")
        return fields

    def expected(self, where: str, row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        """The columns that are not sent, as they stand; of a CSV cell what it says in JSON: a list or a number."""
        found = {}
        for name in names:
            if (value := row.get(name)) is None:
                raise InvalidInput(f"{where}, column {name!r}: missing or empty, but dataset.expected names it")
            converted = value if self.typed else _parsed(value, (list, float, int))
            if not _sendable(converted):
                raise InvalidInput(f"{where}, column {name!r}: JSON cannot carry it")
            found[name] = converted
        return found

    def _value(self, where: str, column: Column, value: Any) -> Any:
        converted = value if self.typed else _parsed(value, column.types)
        accepted = (*column.types, int) if float in column.types else column.types
        if type(converted) not in accepted:
            raise InvalidInput(f"{where}: {column.describe()} is wanted, not {str(value)[:40]!r}")
        if not _sendable(converted):
            raise InvalidInput(f"{where}: JSON cannot carry it (half a surrogate pair, not finite, over 64 bits)")
        return converted


def _sendable(value: Any) -> bool:
    """Whether a request can hold the value: finite numbers, integers of 64 bits, text that UTF-8 can spell."""
    try:
        json.dumps(value, allow_nan=False)
        orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _parsed(cell: str, types: tuple[type, ...]) -> Any:
    """A CSV cell as the first of `types` that it can be; the text itself if none, which the caller refuses."""
    if str in types:
        return cell
    try:
        return _loads(cell)
    except (ValueError, RecursionError):
        return cell
