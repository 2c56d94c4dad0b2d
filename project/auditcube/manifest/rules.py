"""The rules of a sidecar that need nothing but the sidecar and its files: its form, and the files it lists."""

from __future__ import annotations

import errno
import io
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from auditcube.manifest import build, canonical, codec, digest, schema
from auditcube.manifest.finding import printable


def form(manifest: Any, data: bytes) -> list[tuple[str, str, str]]:
    """What is wrong with the sidecar by itself, as (code, pointer, message): schema, spelling, own digest."""
    found = [("schema", pointer, message) for pointer, message in schema.problems(manifest)]
    found = found or [("schema", pointer, message) for pointer, message in canonical.odd_numbers(manifest)]
    if not found and "directory_digest" in manifest:
        listed = build.directory_digest(manifest.get("artifacts", []))
        if manifest["directory_digest"] != listed:
            found.append(("artifact_list", "/directory_digest", "is not the digest of the artifacts listed"))
    if not found and "manifest_digest" in manifest and (problem := codec.spelling_problem(manifest, data)):
        found.append(("spelling", "", problem))
    return found


def artifacts(root: Path, listed: Iterable[Mapping[str, Any]], present: Iterable[Path]) -> list[tuple[str, str, str]]:
    """Files against their list, in both directions, as (code, path, message). Follows no link, reads no device."""
    found = []
    names, others = set[str](), set[str]()
    for entry in listed:
        name = entry["path"]
        if name in names:
            found.append(("schema", name, "is listed twice"))
        elif (alike := _alike(name)) in others:
            found.append(("schema", name, "differs from another only in case or Unicode form"))
        else:
            others.add(alike)
        names.add(name)
        found += _artifact(root, name, entry)
    unlisted = (name for path in present if (name := path.relative_to(root).as_posix()) not in names)
    found += [("artifact_unlisted", printable(name), "is not listed in the sidecar") for name in unlisted]
    return found


def listable(names: Iterable[str]) -> bool:
    """Whether files of these names can stand in one sidecar: in the form of a path, and none like another."""
    listed = list(names)
    return len(set(map(_alike, listed))) == len(listed) and all(map(schema.is_path, listed))


def _alike(name: str) -> str:
    """The same for names that some file systems take for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def irregular(paths: Iterable[Path]) -> list[Path]:
    """Which of the files there are links, devices, pipes or sockets: nobody should read any by its name."""
    return [path for path in paths if not stat.S_ISREG(os.lstat(path).st_mode)]


def _artifact(root: Path, name: str, entry: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    try:
        descriptor = _opened(root, name)
    except FileNotFoundError:
        return [("artifact_missing", name, "is listed but absent")]
    except OSError as problem:
        link = problem.errno in (errno.ELOOP, errno.ENOTDIR)
        told = "is no regular file, or lies behind a link" if link else f"cannot be read: {problem.strerror}"
        return [("artifact_special", name, told)]
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return [("artifact_special", name, "is not a regular file")]
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return [(code, name, message) for code, message in _content(file, status.st_size, entry)]
    except OSError as problem:
        return [("artifact_special", name, f"cannot be read: {problem.strerror}")]
    finally:
        os.close(descriptor)


def _opened(root: Path, name: str) -> int:
    """A descriptor of a file below `root`, opened step by step: no link is followed on the way, not even one that is
    put there meanwhile. Raises OSError."""
    *folders, last = name.split("/")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    finally:
        os.close(folder)


def _content(file: IO[bytes], size: int, entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with a file's bytes, as (code, message)."""
    jcs = entry.get("digest_jcs", {}).get("sha256")
    data = file.read() if jcs is not None and size <= codec.MAX_CANONICAL_BYTES else None
    as_listed = size == entry["size"] and digest.of_stream(file if data is None else io.BytesIO(data)) == (
        entry["size"],
        entry["digest"]["sha256"],
    )
    said = None if data is None else codec.json_sha256(data)
    if as_listed and said != jcs:
        yield "artifact_digest", "says something else, as JSON, than the sidecar lists"
    elif not as_listed and jcs is not None and said == jcs:
        yield "artifact_respelled", "says the same as JSON, but not in the same bytes"
    elif not as_listed and size != entry["size"]:
        yield "artifact_digest", f"has {size} bytes, not {entry['size']}"
    elif not as_listed:
        yield "artifact_digest", "has another sha256 than the sidecar lists"
