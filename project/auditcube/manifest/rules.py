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
    unlisted = (path for path in present if path.relative_to(root).as_posix() not in names)
    found += [
        ("artifact_unlisted", path.relative_to(root).as_posix(), "is not listed in the sidecar") for path in unlisted
    ]
    return found


def _artifact(root: Path, name: str, entry: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    path = root
    for part in name.split("/"):
        path = path / part
        if path.is_symlink():
            return [("artifact_special", name, "is, or lies behind, a symbolic link")]
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return [("artifact_missing", name, "is listed but absent")]
    except OSError as problem:
        return [("artifact_special", name, f"cannot be read: {problem.strerror}")]
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return [("artifact_special", name, "is not a regular file")]
        if status.st_size != entry["size"]:
            return [("artifact_digest", name, f"has {status.st_size} bytes, not {entry['size']}")]
        _, sha256 = digest.of_stream(file)
    if sha256 != entry["digest"]["sha256"]:
        return [("artifact_digest", name, "has another sha256 than the sidecar lists")]
    return []
