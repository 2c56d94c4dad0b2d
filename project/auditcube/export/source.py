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
class Measured:
    """What the events of a result say, as `verify` finds it.

    `run` is the label of its performance run, `summary` that run's summary.json, `config` the effective config;
    `estimates` are early stopping's, in nanoseconds, by kind (`latency`, `ttft`, `tpot`) and percentile, None where the
    queries do not show one; `lengths` the output tokens of its answers, or None; `scores` what TEST07 made of how many
    answers.
    """

    run: str
    summary: Mapping[str, Any]
    config: Mapping[str, Any]
    estimates: Mapping[str, Mapping[str, int | None]]
    lengths: Mapping[str, float] | None
    scores: Mapping[str, tuple[float | None, int]]


@dataclass(frozen=True)
class Source:
    """A sidecar that holds; `name` is its file's, `attachments` are the names of what lies beside it unlisted.

    `license` is that of the result, as a URI, where the submitter gives one; `measured` is there where a form wants it.
    """

    manifest: Mapping[str, Any]
    data: bytes
    name: str
    attachments: tuple[str, ...] = ()
    license: str | None = None
    measured: Measured | None = None


def document(value: Any) -> bytes:
    """A JSON file."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
