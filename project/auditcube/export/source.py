"""What is exported: one sidecar, its bytes, and what its own files say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

Files = Mapping[str, bytes | PurePosixPath]
"""Relative path -> its bytes, or the file of the result that is copied there."""


@dataclass(frozen=True)
class Source:
    """A sidecar that holds; `name` is its file's, `attachments` are the names of what lies beside it unlisted.

    `license` is that of the result, as a URI, where the submitter gives one.
    """

    manifest: Mapping[str, Any]
    data: bytes
    name: str
    attachments: tuple[str, ...] = ()
    license: str | None = None


def document(value: Any) -> bytes:
    """A JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
