"""Writing files so that they are whole or absent."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from auditcube.errors import SetupFailed

_REASONS = {
    errno.ENOSPC: "no space left on the device; free some or choose another directory",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another directory",
    errno.EACCES: "permission denied; choose a directory you may write to",
    errno.EROFS: "the file system is read-only; choose another directory",
}


def cannot_write(path: Path, problem: OSError) -> SetupFailed:
    """The error for a file that cannot be written: which, why, and what to do."""
    reason = _REASONS.get(problem.errno or 0, problem.strerror or str(problem))
    return SetupFailed(f"{path}: cannot be written: {reason}")


def file_bytes(content: Any) -> bytes:
    """A derived file as it is written: a text, or anything else as JSON."""
    if isinstance(content, str):
        return content.encode()
    return (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader, even after a power cut, sees all of it or nothing.

    A temporary file in the same directory, fsync, rename, fsync of the directory. Raises SetupFailed.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it private; a result is for others to read
        os.replace(temporary, path)
        temporary = None
        _sync_directory(path.parent)
    except OSError as problem:
        raise cannot_write(path, problem) from problem
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
