"""TEST09: the mean number of output tokens within two bounds.

Source: compliance/TEST09/run_verification.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.errors import Malformed, NotJson
from auditcube.loadgen.layout import Paths
from auditcube.loadgen.upstream.told import Crash, Told

_TOKEN_BYTES = 4  # whatever the type of the tokens is


def told(paths: Paths, low: float, high: float, known: Sequence[int] | None = None) -> Told:
    """The verdict on the mean, unrounded, both bounds included. `known`: the lengths, if the log was read already."""
    notes: list[str] = []
    try:
        lengths = _lengths(paths.audited_accuracy, notes) if known is None else known
    except (Crash, Malformed) as problem:
        return Told(None, 1, {}, (*notes, f"run_verification.py crashes: {problem}"))
    if not lengths:
        return Told(None, 1, {}, (*notes, "the log has no entries"))
    mean = sum(lengths) / len(lengths)
    above, below = mean >= low, mean <= high
    passed = above and below
    lines = [
        f"Total samples: {len(lengths)}",
        f"Mean output tokens: {mean:.2f}",
        f"Min: {min(lengths)}, max: {max(lengths)}",
        f"Min threshold: {low}",
        f"Max threshold: {high}",
        f"Min check pass: {above}",
        f"Max check pass: {below}",
        "",
        "TEST PASS" if passed else "TEST FAIL",
        "",
    ]
    return Told(passed, 0 if passed else 1, {"verify_output_len.txt": "\n".join(lines)}, tuple(notes))


def _lengths(path: Path, notes: list[str]) -> list[int]:
    try:
        return _each(_list(path), notes)
    except NotJson:
        notes.append("the log is no JSON list: what can be read of its lines counts")
        return _each(_by_line(path, notes), notes)


def _each(found: Iterable[Any], notes: list[str]) -> list[int]:
    """The length of each entry. The script looks at them when it has read all: only then does one crash it."""
    lengths: list[int] = []
    crash: Crash | None = None
    for entry in found:
        try:
            lengths.append(_length(entry, notes))
        except Crash as problem:
            crash = crash or problem
    if crash is not None:
        raise crash
    return lengths


def _list(path: Path) -> Iterator[Any]:
    start = b""
    with path.open("rb") as file:
        while not start and (data := file.read(65536)):
            start = data.lstrip(b" \t\n\r")[:1]
    if start != b"[":
        raise NotJson(path, "is no list")
    yield from entries(path)


def _by_line(path: Path, notes: list[str]) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                text = line.strip()
                if not text:
                    continue
                try:
                    yield json.loads(text)
                    continue
                except json.JSONDecodeError:
                    pass
                found = False
                while text:
                    try:
                        value, at = decoder.raw_decode(text)
                    except json.JSONDecodeError:
                        break
                    found = True
                    yield value
                    text = text[at:].lstrip()
                if not found:
                    notes.append(f"Warning: Line {number}: Could not parse JSON")
    except (ValueError, RecursionError) as problem:  # no UTF-8, or JSON that Python cannot hold
        raise Crash(str(problem)) from None


def _length(entry: Any, notes: list[str]) -> int:
    if not isinstance(entry, dict):
        raise Crash(f"an entry is no object but {type(entry).__name__}")
    data = entry.get("data")
    if not data:
        return 0
    if not isinstance(data, str):
        if len(notes) < 20:
            notes.append("data that are no text count as no tokens")
        return 0
    try:
        return len(bytes.fromhex(data.strip())) // _TOKEN_BYTES
    except ValueError as problem:
        if len(notes) < 20:
            notes.append(f"Warning: data that cannot be decoded count as no tokens ({problem})")
        return 0
