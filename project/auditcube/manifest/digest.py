"""sha256 of files, read in pieces, and of directories; what everyone can check with `sha256sum`."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_CHUNK = 1 << 16  # stays in a processor's cache, and malloc takes no more from the system for it


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
    """Copy a file; size and sha256 of what was written, read back. The system copies: nothing passes through here."""
    shutil.copyfile(source, target)
    return of_file(target)


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
