"""The bytes of a sidecar: one spelling for each manifest, a digest of itself inside, and a reader that takes no less.

The digest is the sha256 of the file's bytes with its own 64 digits replaced by zeros, so `sed` and `sha256sum` can
check it. It finds accidents; against a forger the verdicts are recomputed and the chain is followed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import orjson

from auditcube.errors import EvidenceRejected
from auditcube.manifest import canonical

MAX_BYTES = 64 * 1024 * 1024
MAX_CANONICAL_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
_ZEROS = "0" * 64
_INDENTED = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_TOO_DEEP = b"\n" + b" " * (2 * MAX_DEPTH)


def encode(manifest: dict[str, Any]) -> bytes:
    """The file for a manifest: indented JSON in UTF-8 that ends in a newline, with `manifest_digest` filled in."""
    blank = spelled({**manifest, "manifest_digest": {"sha256": _ZEROS}})
    return spelled({**manifest, "manifest_digest": {"sha256": hashlib.sha256(blank).hexdigest()}})


def read_json(path: Path) -> tuple[Any, bytes]:
    """A JSON file and its bytes, read strictly.

    Raises EvidenceRejected for a file that is missing, no regular file, too large, not UTF-8 without a BOM, or not
    JSON; for a member that stands twice, NaN and infinities, lone surrogates, and absurd depth.
    """
    data = _bytes(path)
    try:
        return parse(data), data
    except ValueError as problem:
        raise EvidenceRejected(f"{path}: {problem}") from problem


def parse(data: bytes) -> Any:
    """The value in the bytes of a JSON file, read as strictly as `read_json` does. Raises ValueError."""
    spelled_so, value = _spelled_by_orjson(data)
    return value if spelled_so else _parse_plainly(data)


def _spelled_by_orjson(data: bytes) -> tuple[bool, Any]:
    """Whether `data` is what orjson writes for a value, and the value; read several times as fast as by `json`.

    Such bytes are strict JSON, as a member that stands twice, an infinity or half a surrogate pair is not written so;
    and no deeper than their indentation.
    """
    try:
        value = orjson.loads(data)
        return orjson.dumps(value, option=_INDENTED) == data and _TOO_DEEP not in data, value
    except (ValueError, TypeError):
        return False, None


def _parse_plainly(data: bytes) -> Any:
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        if _too_deep(value):
            raise RecursionError
        # Shows what the reader lets pass: 1e999, which it takes for infinity, and halves of surrogate pairs.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except RecursionError:
        raise ValueError(f"nested more than {MAX_DEPTH} levels deep") from None
    except ValueError as problem:
        raise ValueError(f"not strict JSON: {problem}") from None
    return value


def json_sha256(data: bytes) -> str | None:
    """sha256 of what a JSON file says, however it is spelt (`canonical.FOREIGN`); None if it is no strict JSON, or
    larger than `MAX_CANONICAL_BYTES`."""
    if len(data) > MAX_CANONICAL_BYTES:
        return None
    try:
        return canonical.foreign_sha256(parse(data))
    except ValueError:
        return None


def _bytes(path: Path) -> bytes:
    """The bytes of a regular file: no link is followed, no device or pipe is waited for, and no more is read than may
    be there. Looked at once it is open, so that nothing else can take its place in between."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise EvidenceRejected(f"{path}: missing") from None
    except OSError as problem:
        special = problem.errno in (errno.ELOOP, errno.ENXIO)
        text = "not a regular file" if special else f"cannot be read: {problem.strerror}"
        raise EvidenceRejected(f"{path}: {text}") from problem
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise EvidenceRejected(f"{path}: not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as problem:
        raise EvidenceRejected(f"{path}: cannot be read: {problem.strerror}") from problem
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise EvidenceRejected(f"{path}: larger than {MAX_BYTES} bytes")
    return data


def _too_deep(value: Any) -> bool:
    """Whether arrays and objects are nested more than MAX_DEPTH levels deep."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list))]
        level = [child for children in inner for child in children]
        if not inner:
            return False
    return True


def spelling_problem(manifest: dict[str, Any], data: bytes) -> str | None:
    """Why `data` is not what `encode` would have written for `manifest`, or None."""
    digest = manifest["manifest_digest"]["sha256"]
    if data != spelled(manifest):
        return "the bytes are not the one spelling of what they say"
    if hashlib.sha256(data.replace(digest.encode(), _ZEROS.encode())).hexdigest() != digest:
        return "manifest_digest is not the digest of this file"
    return None


def spelled(manifest: dict[str, Any]) -> bytes:
    """The one spelling: what `json` writes. orjson writes the same 20 times as fast, but for some fractions."""
    if not _alike(manifest):
        return _dump_plainly(manifest)
    try:
        return orjson.dumps(manifest, option=_INDENTED)
    except TypeError:  # an integer beyond 64 bits, half a surrogate pair, or what is no JSON
        return _dump_plainly(manifest)


def _alike(value: Any) -> bool:
    """Whether both libraries write every number alike: none has an exponent, none is infinite or NaN."""
    kind = type(value)
    if kind is dict or kind is list:
        return all(map(_alike, value.values() if kind is dict else value))
    return kind is not float or (value == 0 or 1e-4 <= abs(value) < 1e15)


def _dump_plainly(manifest: dict[str, Any]) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"member {next(n for n in names if names.count(n) > 1)!r} stands twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{re.sub('[^A-Za-z-]', '', name)} is not JSON")
