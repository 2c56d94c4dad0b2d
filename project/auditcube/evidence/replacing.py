"""Folders that are made anew, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from auditcube.errors import SetupFailed
from auditcube.evidence.files import cannot_write
from auditcube.evidence.store import SIDECAR


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """What cannot be written within the block is an error that says so of `target`."""
    try:
        yield
    except OSError as problem:
        raise cannot_write(target, problem) from problem


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A folder to fill, which then takes the place of `target`; if that fails, `target` is as it was.

    Raises SetupFailed if it cannot be written, or if something there was not made here.
    """
    if target.is_symlink() or (target.exists() and not (target / SIDECAR).is_file()):
        raise SetupFailed(f"{target}: is there, and was not made by auditcube; choose another place, or remove it")
    missing = [path for path in target.parents if not path.exists()]
    temporary = old = None
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            temporary.chmod(0o755)
        yield temporary
        with writing(target):
            if target.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent)) / target.name
                target.rename(old)
            temporary.rename(target)
            temporary = None
    finally:
        if old is not None and old.exists() and not target.exists():
            old.rename(target)
        for rest in (temporary, old.parent if old is not None else None):
            if rest is not None:
                shutil.rmtree(rest, ignore_errors=True)
        with suppress(OSError):
            for path in missing:
                path.rmdir()  # which nothing was put into
