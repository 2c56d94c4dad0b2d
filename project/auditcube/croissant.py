"""What a Croissant file says of a data set: its name, where it comes from, version, license, and digests of its files.

A Croissant file is read for what the sidecar's reference to the data set needs, and no more; with the extra `croissant`
MLCommons' own library reads it first, and what that refuses is refused.

Source: Croissant Format Specification 1.0 (schema.org/Dataset, cr:FileObject).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.errors import InvalidInput

_MAX_BYTES = 64 << 20
_MAX_TEXT = 1000


@dataclass(frozen=True)
class Croissant:
    """What is told; `sha256` is of the Croissant file's bytes, `files` are the digests of what it describes."""

    sha256: str
    name: str | None
    url: str | None
    version: str | None
    license: str | None
    files: frozenset[str]


def read(path: Path) -> Croissant:
    """A Croissant file. Raises InvalidInput if it is none, or if MLCommons' library is there and refuses it."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise InvalidInput(f"{path}: {problem.strerror or problem}") from problem
    if len(data) > _MAX_BYTES:
        raise InvalidInput(f"{path}: larger than {_MAX_BYTES} bytes")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise InvalidInput(f"{path}: is no JSON, and so no Croissant file") from problem
    if not isinstance(document, dict) or "Dataset" not in _types(document):
        raise InvalidInput(f"{path}: is no Croissant file: it has not the type sc:Dataset")
    _check_by_library(path)
    return Croissant(
        sha256=hashlib.sha256(data).hexdigest(),
        name=_text(document, "name"),
        url=_text(document, "url"),
        version=_text(document, "version"),
        license=_text(document, "license"),
        files=frozenset(_digests(document)),
    )


def _check_by_library(path: Path) -> None:
    if importlib.util.find_spec("mlcroissant") is None:
        return
    import mlcroissant

    log = logging.getLogger("absl")
    level = log.level
    try:
        # What it and its libraries warn of is not about this file, or nothing that keeps it from being used.
        log.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlcroissant.Dataset(jsonld=str(path))
    except mlcroissant.ValidationError as problem:
        first = re.sub(r"\s+", " ", str(problem))[:300]
        raise InvalidInput(f"{path}: mlcroissant refuses it: {first}") from problem
    finally:
        log.setLevel(level)


def _types(node: Mapping[str, Any]) -> set[str]:
    """The types of a node, without the prefix of their vocabulary."""
    told = node.get("@type")
    return {re.split("[:/#]", str(each))[-1] for each in (told if isinstance(told, list) else [told])}


def _member(node: Mapping[str, Any], name: str) -> Any:
    return next((node[key] for key in (name, f"sc:{name}", f"https://schema.org/{name}") if key in node), None)


def _text(node: Mapping[str, Any], name: str) -> str | None:
    """A member as text; of several values the first, of an entity its address or its name."""
    value = _member(node, name)
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("@id") or _member(value, "url") or _member(value, "name") or value.get("@value")
    plain = isinstance(value, str) and 0 < len(value.strip()) <= _MAX_TEXT
    return " ".join(value.split()) if plain and isinstance(value, str) else None


def _digests(document: Mapping[str, Any]) -> Iterator[str]:
    listed = _member(document, "distribution")
    for entry in listed if isinstance(listed, list) else [listed]:
        if isinstance(entry, dict) and "FileObject" in _types(entry):
            told = str(_member(entry, "sha256") or "").lower()
            if re.fullmatch("[0-9a-f]{64}", told):
                yield told
