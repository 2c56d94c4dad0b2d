"""sha256 of files, read in pieces, and of directories; what everyone can check with `sha256sum`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

_CHUNK = 1 << 16  # stays in a processor's cache, and malloc takes no more from the system for it
_BLOCK = 1 << 19  # stays there as well, and a file system writes it with a tenth less work


class Passing:
    """Takes a file in pieces as it is read, and an empty piece at its end: measures it and, if wanted, copies it.

    What is hashed is what was read, and what was copied. The copy is closed at the end, or where the block ends.
    """

    def __init__(self, target: Path | None = None) -> None:
        """`target`: where the copy is written. Raises OSError if it cannot be, as each piece does."""
        self._sha256, self._size = hashlib.sha256(), 0
        self._file = None if target is None else target.open("wb")
        self.ended = False

    def __enter__(self) -> Passing:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._close()

    def __call__(self, piece: bytes | memoryview) -> None:
        self._sha256.update(piece)
        self._size += len(piece)
        if not piece:
            self._close()
            self.ended = True
        elif self._file is not None:
            self._file.write(piece)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def measured(self) -> tuple[int, str]:
        """Size in bytes and sha256 of what was passed."""
        return self._size, self._sha256.hexdigest()


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


def copied(source: Path, target: Path) -> tuple[int, str]:
    """Copy a file; size and sha256 of what was read, and written."""
    place = memoryview(bytearray(_BLOCK))
    with source.open("rb", buffering=0) as file, Passing(target) as passing:
        while size := file.readinto(place):
            passing(place[:size])
        passing(b"")
        return passing.measured


def of_directory(files: Mapping[str, str]) -> str:
    """in-toto's dirHash1, in hexadecimal, of files given as relative path -> sha256 in hexadecimal.

    The sha256 of what `sha256sum` prints for all of them, sorted by path as bytes. Unlike a hash over contents it tells
    two files that changed places. Raises ValueError for a name with a line break, for which there is none.

    *Source*: in-toto's digest_set.md, `dirHash1`; `Hash1` of golang.org/x/mod/sumdb/dirhash.
    """
    if broken := [name for name in files if "\n" in name]:
        raise ValueError(f"a name with a line break: {broken[0]!r}")
    lines = (f"{files[name]}  {name}\n" for name in sorted(files, key=str.encode))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
