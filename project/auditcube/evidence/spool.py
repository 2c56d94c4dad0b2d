"""Columns of 64-bit integers that are too long to be held: put into a temporary file, and read again part by part."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, NamedTuple

import numpy as np

from auditcube.errors import SetupFailed
from auditcube.values import Ints

_ROWS = 2**16  # of a part: enough for NumPy to be quick, and few enough to hold some copies of them
_HELD = 2**17  # rows that need no file: what most runs have


class _Stored(NamedTuple):
    """Where a column of a part lies; a column of one value only, as half of them are, is that value."""

    offset: int
    value: int | None


class Spool:
    """Rows of equally long columns, in the order in which they were added."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._stored: list[tuple[int, dict[str, _Stored]]] = []
        self._held: list[Mapping[str, Ints]] = []
        self._file: IO[bytes] | None = None  # without a name: it is gone with this object, however the process ends
        self._rows = self._rows_held = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, columns: Mapping[str, Ints]) -> None:
        """Put rows behind those that are there. Raises SetupFailed if they cannot be written."""
        rows = len(columns[self._names[0]])
        self._held.append({name: _small(columns[name]) for name in self._names})
        self._rows += rows
        self._rows_held += rows
        if self._rows_held >= (_ROWS if self._stored else _HELD):
            self._store()

    def parts(self) -> Iterator[dict[str, Ints]]:
        """All rows, in the same parts each time."""
        for rows, columns in self._stored:
            yield {name: self._read(rows, column) for name, column in columns.items()}
        if self._held:
            self._held = [self._joined()]
            yield dict(self._held[0])

    def _joined(self) -> dict[str, Ints]:
        """What is held, as one part."""
        return {name: _small(np.concatenate([part[name] for part in self._held])) for name in self._names}

    def _store(self) -> None:
        columns = self._joined()
        self._held.clear()
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="auditcube-")  # noqa: SIM115 - it lives as long as this
                weakref.finalize(self, self._file.close)
            stored = {name: _put(self._file, column) for name, column in columns.items()}
            self._file.flush()
        except OSError as problem:
            text = f"the events of a long run cannot be put aside: {problem.strerror or problem}"
            raise SetupFailed(f"{tempfile.gettempdir()}: {text}; name a folder with room in TMPDIR") from problem
        self._stored.append((self._rows_held, stored))
        self._rows_held = 0

    def _read(self, rows: int, column: _Stored) -> Ints:
        if column.value is not None:
            return np.broadcast_to(np.int64(column.value), (rows,))
        assert self._file is not None
        return np.frombuffer(os.pread(self._file.fileno(), 8 * rows, column.offset), dtype=np.int64)


def _put(file: IO[bytes], column: Ints) -> _Stored:
    if not column.strides[0]:
        return _Stored(0, int(column[0]))
    offset = file.tell()
    file.write(column.tobytes())
    return _Stored(offset, None)


def _small(column: Ints) -> Ints:
    """The same column, without memory of its own where all rows have one value."""
    if not len(column) or np.any(column != column[0]):
        return column
    return np.broadcast_to(column[0], column.shape)
