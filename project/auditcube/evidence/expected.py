"""The columns of a data set that are never sent, beside the events: what scorers compare the answers with.

One line for each row in use, `{"sample", "expected"}`, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from auditcube.errors import EvidenceRejected


def expected_bytes(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The file's content."""
    lines = ({"sample": sample, "expected": dict(row)} for sample, row in enumerate(rows))
    return b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)


def read_expected(path: Path, rows: int) -> dict[int, Mapping[str, Any]]:
    """By sample. Raises EvidenceRejected unless there is one line for each of `rows` rows, in their order."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as problem:
        raise EvidenceRejected(f"{path}: {problem.strerror}") from problem
    found: dict[int, Mapping[str, Any]] = {}
    for sample, line in enumerate(lines):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = None
        if not isinstance(record, dict) or record.keys() != {"sample", "expected"} or record["sample"] != sample:
            raise EvidenceRejected(f"{path}, line {sample + 1}: is not what is expected of row {sample}")
        if not isinstance(record["expected"], dict):
            raise EvidenceRejected(f"{path}, line {sample + 1}: holds no columns")
        found[sample] = record["expected"]
    if len(found) != rows:
        raise EvidenceRejected(f"{path}: has {len(found)} lines for {rows} rows")
    return found
