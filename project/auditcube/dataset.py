"""Data sets: the rows of a file, checked against the columns that an API understands.

The file is read once; its digest is of the same bytes that the samples come from.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.errors import InvalidInput


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
    """One row: `index` counts from 0 in the file, `fields` are request fields (None and empty cells left out)."""

    index: int
    fields: Mapping[str, Any]


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
) -> Dataset:
    """The first `samples` rows (all by default) of a .jsonl, .csv or .parquet file.

    `columns` are the fields the API knows; every row must fill exactly one of `one_of`. `rename` maps a column of the
    file to a field, or to None to leave it out.
    Raises InvalidInput, with file, line (row for Parquet) and column, for the first row that does not fit.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise InvalidInput(
            f"data set {path}: {problem.strerror or problem}; set dataset.path or --dataset"
        ) from problem
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(f"data set {path}: unknown kind of file; use one of {', '.join(_READERS)}")
    rows = list(reader(path, data))
    if not rows:
        raise InvalidInput(f"data set {path}: holds no rows")
    if samples is not None and samples > len(rows):
        raise InvalidInput(f"data set {path}: dataset.samples is {samples}, but the file has only {len(rows)} rows")
    check = _RowCheck(columns, one_of, rename or {}, typed=reader is not _csv_rows)
    used = tuple(Sample(index, check(where, row)) for index, (where, row) in enumerate(rows[:samples]))
    digest = hashlib.sha256(data).hexdigest()
    return Dataset(used, len(rows), digest, len(data), path.suffix.lower().lstrip("."))


def _jsonl_rows(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as problem:
            raise InvalidInput(f"{where}: not a JSON object in UTF-8 ({problem})") from problem
        if not isinstance(row, dict):
            raise InvalidInput(f"{where}: not a JSON object")
        yield where, row


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _csv_rows(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"{path}: not UTF-8 at byte {problem.start}") from problem
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    names = reader.fieldnames or []
    if len(set(names)) != len(names):
        raise InvalidInput(f"{path}, line 1: a column name stands twice")
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row or None in row.values():
                raise InvalidInput(f"{where}: has not as many cells as line 1 has columns ({len(names)})")
            yield where, {name: cell for name, cell in row.items() if cell != ""}
    except csv.Error as problem:
        raise InvalidInput(f"{path}, line {reader.line_num}: {problem}") from problem


def _parquet_rows(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as problem:
        raise InvalidInput(f"data set {path}: Parquet needs the extra: pip install 'auditcube[parquet]'") from problem
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
    except pyarrow.ArrowException as problem:
        raise InvalidInput(f"data set {path}: not a Parquet file ({problem})") from problem
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
            fields[name] = self._value(f"{where}, column {column!r}", self.columns[name], value)
        filled = [name for name in self.one_of if fields.get(name) not in (None, "", [], {})]
        if len(filled) != 1:
            wanted = " or ".join(map(repr, self.one_of))
            problem = "both are there" if filled else "missing or empty"
            raise InvalidInput(f"{where}, column {wanted}: {problem}; every request needs exactly one")
        return fields

    def _value(self, where: str, column: Column, value: Any) -> Any:
        converted = value if self.typed else _parsed(value, column.types)
        accepted = (*column.types, int) if float in column.types else column.types
        if type(converted) not in accepted:
            raise InvalidInput(f"{where}: {column.describe()} is wanted, not {str(value)[:40]!r}")
        return converted


def _parsed(cell: str, types: tuple[type, ...]) -> Any:
    """A CSV cell as the first of `types` that it can be; the text itself if none, which the caller refuses."""
    if str in types:
        return cell
    try:
        return json.loads(cell, parse_constant=_no_constant)
    except ValueError:
        return cell
