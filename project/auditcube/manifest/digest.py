"""sha256 of files, read in pieces; what everyone can check with `sha256sum`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

_CHUNK = 1 << 20


def of_stream(file: IO[bytes]) -> tuple[int, str]:
    """Size in bytes and sha256 of what is left to read."""
    sha256, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        sha256.update(chunk)
        size += len(chunk)
    return size, sha256.hexdigest()


def of_file(path: Path) -> tuple[int, str]:
    """Size in bytes and sha256 of a file."""
    with path.open("rb") as file:
        return of_stream(file)
