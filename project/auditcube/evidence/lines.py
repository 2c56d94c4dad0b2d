"""Files that grow by whole lines while a run goes on."""

from __future__ import annotations

import os
from pathlib import Path

from auditcube.evidence.files import cannot_write


class Lines:
    """An append-only file, buffered only until the next `flush`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: list[bytes] = []
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        except OSError as problem:
            raise cannot_write(path, problem) from problem

    def add(self, lines: bytes) -> None:
        """Take one more line, or several."""
        self._pending.append(lines)

    def flush(self) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as problem:
            self._pending.insert(0, data)  # a later flush goes on in the middle of the line where this one stopped
            raise cannot_write(self._path, problem) from problem
