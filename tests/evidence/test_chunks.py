"""The times of chunks against the events of their run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditcube.evidence.chunks import contradictions
from auditcube.evidence.table import EventTable
from builders import end_of, event, start_of, table_of

GOOD = [
    {"ordinal": 1, "sample": 7, "chunk_ns": [10, 20, 20, 30]},
    {"ordinal": 0, "sample": 5, "chunk_ns": [4]},
]


def events(killed: bool = False) -> EventTable:
    rows = [
        event(0, sample=5, done=100, chunks=1, first_ns=4, last_ns=4),
        event(1, sample=7, done=100, chunks=4, first_ns=10, last_ns=30),
        event(2, sample=9, done=100),
    ]
    return table_of(rows, starts=[start_of()], ends=[] if killed else [end_of(3)])


def found(folder: Path, records: list[Any], *, killed: bool = False, cut: int = 0) -> list[str]:
    data = b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records)
    (folder / "chunks.jsonl").write_bytes(data[: len(data) - cut])
    return contradictions([folder / "chunks.jsonl"], events(killed))


def test_times_that_agree(tmp_path: Path) -> None:
    assert found(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"ordinal": 1, "sample": 7, "chunk_ns": [10, 20, 30]}, "other chunks in its event"),
        ({"ordinal": 1, "sample": 7, "chunk_ns": [11, 20, 20, 30]}, "other chunks in its event"),
        ({"ordinal": 1, "sample": 7, "chunk_ns": [10, 20, 20, 31]}, "other chunks in its event"),
        ({"ordinal": 1, "sample": 7, "chunk_ns": [10, 25, 20, 30]}, "other chunks in its event"),
        ({"ordinal": 1, "sample": 8, "chunk_ns": [10, 20, 20, 30]}, "other chunks in its event"),
        ({"ordinal": 2, "sample": 9, "chunk_ns": [10]}, "other chunks in its event"),
        ({"ordinal": 3, "sample": 9, "chunk_ns": [10]}, "no event of query 3"),
        ({"ordinal": 2**70, "sample": 9, "chunk_ns": [10]}, "is no record"),  # orjson reads it as a float
        ({"ordinal": -1, "sample": 9, "chunk_ns": [10]}, "no event of query -1"),
        ({"ordinal": 0, "sample": 5, "chunk_ns": [4]}, "query 0 stands twice"),
        ({"ordinal": 1, "sample": 7, "chunk_ns": []}, "is no record"),
        ({"ordinal": 1, "sample": 7, "chunk_ns": [10.0, 20, 20, 30]}, "is no record"),
        ({"ordinal": True, "sample": 7, "chunk_ns": [10]}, "is no record"),
        ({"ordinal": 1, "sample": 7, "chunk_ns": [10], "more": 1}, "is no record"),
        ({"ordinal": 1, "sample": 7, "chunk_ns": 10}, "is no record"),
        ([1], "is no record"),
        (5, "is no record"),
        (b"nonsense", "is no record"),
    ],
)
def test_times_that_contradict_their_event_are_named_with_their_line(tmp_path: Path, record: Any, problem: str) -> None:
    (told,) = found(tmp_path, [GOOD[1], record])
    assert told.startswith("chunks.jsonl, line 2: ")
    assert problem in told


def test_an_answer_without_its_times_is_missed_in_a_whole_run_only(tmp_path: Path) -> None:
    assert found(tmp_path, GOOD[:1]) == ["query 0 has chunks, but no times of them"]
    assert found(tmp_path, GOOD[:1], killed=True) == []
    assert found(tmp_path, GOOD, killed=True, cut=5) == []
