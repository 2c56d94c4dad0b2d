"""The JSON Schema of the sidecar, and what it has to say about a value."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

_NAME = "mlcube.run_audit.v1.schema.json"


def text() -> str:
    """The schema file. In a checkout it is the one at the top level, which the wheel carries a copy of."""
    packaged = files("auditcube").joinpath(f"schemas/{_NAME}")
    if packaged.is_file():
        return packaged.read_text("utf-8")
    return (Path(__file__).parents[3] / "schemas" / _NAME).read_text("utf-8")


def problems(manifest: Any) -> list[tuple[str, str]]:
    """Every violation, as JSON pointer and message; empty for a valid manifest."""
    found = sorted(_validator().iter_errors(manifest), key=lambda error: [str(part) for part in error.absolute_path])
    return [(_pointer(error.absolute_path), _short(error)) for error in found]


@cache
def _validator() -> Any:
    schema = json.loads(text())
    return jsonschema.Draft202012Validator(schema)


def _pointer(parts: Any) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _short(error: Any) -> str:
    """The message without the offending value, which may be long, or no one's business."""
    if error.validator in ("required", "additionalProperties"):
        return str(error.message)[:300]
    return f"violates {error.validator}: {str(error.validator_value)[:120]}"
