"""The JSON Schema of the sidecar, and what it has to say about a value."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs

_NAME = "mlcube.run_audit.v1.schema.json"


def text() -> str:
    """The schema file. In a checkout it is the one at the top level, which the wheel carries a copy of."""
    packaged = files("auditcube").joinpath(f"schemas/{_NAME}")
    if packaged.is_file():
        return packaged.read_text("utf-8")
    return (Path(__file__).parents[3] / "schemas" / _NAME).read_text("utf-8")


def problems(manifest: Any) -> list[tuple[str, str]]:
    """Every violation, as JSON pointer and message; empty for a valid manifest."""
    found = sorted(_validator().iter_errors(manifest), key=lambda error: [str(part) for part in error.instance_path])
    return [(pointer(error.instance_path), _short(error)) for error in found]


def is_path(name: str) -> bool:
    """Whether an artifact may be listed under this name."""
    return _path_validator().is_valid(name)


@cache
def document() -> Any:
    """The schema as a value, which nobody may change."""
    return json.loads(text())


def pointer(parts: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) of a place in a value."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(document())


@cache
def _path_validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(document()["$defs"]["path"])


def _short(error: jsonschema_rs.ValidationError) -> str:
    """The message without the offending value, which may be long, or no one's business."""
    keyword = str(error.schema_path[-1])
    if keyword in ("required", "additionalProperties"):
        return error.message[:300]
    wanted = document()
    for part in error.schema_path:
        wanted = wanted[part]
    return f"violates {keyword}: {str(wanted)[:120]}"
