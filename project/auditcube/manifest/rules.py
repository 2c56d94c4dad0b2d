"""The rules of a sidecar that need nothing but the sidecar and its files: its form, and the files it lists."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from auditcube.manifest import codec, digest, schema


def form(manifest: Any, data: bytes) -> list[tuple[str, str, str]]:
    """What is wrong with the sidecar by itself, as (code, pointer, message): schema, spelling, own digest."""
    found = [("schema", pointer, message) for pointer, message in schema.problems(manifest)]
    if not found and "manifest_digest" in manifest and (problem := codec.spelling_problem(manifest, data)):
        found.append(("spelling", "", problem))
    return found


def artifacts(root: Path, listed: Iterable[Mapping[str, Any]], present: Iterable[Path]) -> list[tuple[str, str, str]]:
    """Files against their list, in both directions, as (code, path, message). Follows no link, reads no device."""
    found = []
    names = set()
    for entry in listed:
        name = entry["path"]
        if name in names:
            found.append(("schema", name, "is listed twice"))
        names.add(name)
        found += _artifact(root, name, entry)
    unlisted = (name for path in present if (name := path.relative_to(root).as_posix()) not in names)
    found += [("artifact_unlisted", _printable(name), "is not listed in the sidecar") for name in unlisted]
    return found


def _printable(name: str) -> str:
    """A name from the file system, which may be no text at all, as one that any screen and any file can show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _artifact(root: Path, name: str, entry: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    path = root
    for part in name.split("/"):
        path = path / part
        if os.path.islink(path):
            return [("artifact_special", name, "is, or lies behind, a symbolic link")]
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return [("artifact_missing", name, "is listed but absent")]
    except OSError as problem:
        return [("artifact_special", name, f"cannot be read: {problem.strerror}")]
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return [("artifact_special", name, "is not a regular file")]
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size != entry["size"]:
            return [("artifact_digest", name, f"has {status.st_size} bytes, not {entry['size']}")]
        _, sha256 = digest.of_stream(file)
    if sha256 != entry["digest"]["sha256"]:
        return [("artifact_digest", name, "has another sha256 than the sidecar lists")]
    return []
