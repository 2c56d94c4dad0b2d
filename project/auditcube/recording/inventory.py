"""What lies at a parameter's path: digests of files and directories, and whether anything was written since."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from auditcube.evidence.files import cannot_write
from auditcube.manifest import digest, rules

ABSENT, FILE, DIRECTORY = "absent", "file", "directory"
MAX_LISTED = 50_000  # files of one output that a sidecar lists one by one
_ODD_NAME = "holds a file whose name no sidecar can list"


class Stamp(NamedTuple):
    """What changes when a file is written: its inode, its size, and its times in nanoseconds."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True)
class Found:
    """What lies at a path: ABSENT, a FILE or a DIRECTORY, with the sha256 of each file by its path below.

    A file stands under its own name. `problem` says why there are no digests.
    """

    kind: str
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a record tells it: no name of a file."""
        size = sum(size for size, _ in self.files.values())
        told: dict[str, Any] = {"state": self.kind}
        if self.problem is not None:
            return {**told, "problem": self.problem}
        if self.kind == FILE:
            return {**told, "size": size, "digest": {"sha256": next(iter(self.files.values()))[1]}}
        if self.kind == DIRECTORY:
            listing = {name: sha256 for name, (_, sha256) in self.files.items()}
            summed = {"dirHash1": digest.of_directory(listing)}
            return {**told, "files": len(self.files), "size": size, "directory_digest": summed}
        return told


def look_at(path: Path) -> Found:
    """Read everything at `path`. Links within a directory are refused, as their targets may be anywhere."""
    if not os.path.lexists(path):
        return Found(ABSENT)
    kind = DIRECTORY if path.is_dir() else FILE
    try:
        if why := _irregular(path):
            return Found(kind, problem=why)
        return Found(kind, {name: digest.of_file(file) for name, file in _below(path)})
    except OSError as problem:
        return Found(kind, problem=f"cannot be read: {problem.strerror}")


def stamps(path: Path) -> dict[str, Stamp]:
    """The stamps of all files at `path`, by their path below; what cannot be read has none."""
    told = {}
    for name, file in _below(path):
        try:
            status = file.stat()
        except OSError:
            continue
        told[name] = Stamp(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return told


def copy(path: Path, root: Path, to: str) -> Found:
    """Copy what lies at `path` below `root` to `to`, a file or a folder there, and say what was copied.

    Nothing is copied where `problem` says why. Raises SetupFailed if it cannot be written.
    """
    found = Found(ABSENT) if not os.path.lexists(path) else Found(DIRECTORY if path.is_dir() else FILE)
    if found.kind == ABSENT:
        return found
    try:
        if why := _irregular(path) or _unlisted(path, to):
            return Found(found.kind, problem=why)
        sources = list(_below(path))
    except OSError as problem:
        return Found(found.kind, problem=f"cannot be read: {problem.strerror}")
    files = {}
    for name, source in sources:
        target = root / to / name if found.kind == DIRECTORY else root / to
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            files[name] = digest.copied(source, target)
        except OSError as problem:
            raise cannot_write(target, problem) from problem
    return Found(found.kind, files)


def _unlisted(path: Path, to: str) -> str | None:
    """Why the files at `path` could not stand in a sidecar, one by one."""
    names = [f"{to}/{name}" for name, _ in _below(path)] if path.is_dir() else [to]
    if len(names) > MAX_LISTED:
        return f"holds more than {MAX_LISTED} files"
    return None if rules.listable(names) else _ODD_NAME


def _irregular(path: Path) -> str | None:
    """Why what lies at `path` has no digest."""
    if not path.is_dir():
        return None if path.is_file() else "is no regular file, or a link to nothing"
    for folder, names, files in os.walk(path, onerror=_raise):
        for name in (*names, *files):
            mode = os.lstat(os.path.join(folder, name)).st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                return "holds links or special files"
            if "\n" in name or not _is_text(name):
                return "holds a name that is no line of text"
    return None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raise(problem: OSError) -> None:
    raise problem


def _below(path: Path) -> Iterator[tuple[str, Path]]:
    """Every regular file at `path`, a file itself under its own name."""
    if not path.is_dir():
        if path.is_file():
            yield path.name, path
        return
    for folder, names, files in os.walk(path):
        names.sort()
        for name in sorted(files):
            file = Path(folder, name)
            if stat.S_ISREG(os.lstat(file).st_mode):
                yield file.relative_to(path).as_posix(), file
