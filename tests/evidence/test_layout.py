"""The quick reading of event lines: whatever a file holds, it finds what reading line by line finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditcube.errors import EvidenceRejected
from auditcube.evidence import layout, table
from auditcube.evidence.events import Event, Status, to_lines
from auditcube.evidence.table import EventTable, read_events
from builders import end_of, event, start_of

START = orjson.dumps({"start": asdict(start_of())}) + b"\n"
END = orjson.dumps({"end": asdict(end_of(1))}) + b"\n"

# Around every seam: of a digit, of eight, of sixteen, of 64 bits.
NUMBERS = st.sampled_from([0, 1, 9, 10, 10**7, 10**8 - 1, 10**8, 10**15, 10**16 - 1, 10**16, 2**63 - 1]) | st.integers(
    0, 10**17
)
OPTIONAL = st.none() | NUMBERS
WORDS = st.sampled_from(["", "0", "12", '"', "\\", "\n", "é", '{"ordinal":1}', "},\n{"])


@st.composite
def events(draw: st.DrawFn) -> Event:
    first_ns = draw(OPTIONAL)
    return event(
        draw(NUMBERS),
        sample=draw(NUMBERS),
        due_ns=draw(NUMBERS),
        issued=draw(NUMBERS),
        done=draw(NUMBERS),
        status=draw(st.sampled_from(Status)),
        bytes_in=draw(NUMBERS),
        http_status=draw(OPTIONAL),
        salt=draw(st.none() | WORDS),
        tries=draw(OPTIONAL),
        first_ns=first_ns,
        last_ns=None if first_ns is None else draw(NUMBERS),
        chunks=draw(OPTIONAL),
        error=draw(st.none() | WORDS),
        tokens_in=draw(OPTIONAL),
        tokens_out=draw(OPTIONAL),
    )


def _spoiled(line: bytes, place: int, byte: bytes) -> bytes:
    place %= len(line)
    return line[:place] + byte + line[place + 1 :]


LINES = events().map(lambda one: to_lines([one]))
BYTES = st.sampled_from([b"", b"0", b"1", b"-", b".", b" ", b",", b":", b'"', b"{", b"}", b"\n", b"e", b"\x80", b"00"])
SPOILED = st.builds(_spoiled, LINES, st.integers(0, 400), BYTES)


def plainly(table_of: EventTable) -> dict[str, Any]:
    told = {name: value for name, value in vars(table_of).items() if name != "files"}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in told.items()}


def outcome(path: Path) -> dict[str, Any] | str:
    try:
        return plainly(read_events([path]).whole())
    except EvidenceRejected as problem:
        return str(problem)


def line_by_line(path: Path) -> dict[str, Any] | str:
    def none_is_plain(block: bytes, *_: Any) -> list[int]:
        return [*range(block.count(b"\n"))]

    def none_are_good(_: Any) -> None:
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "read_plain", none_is_plain)
        patch.setattr(table, "_rows_of", none_are_good)
        return outcome(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(LINES, max_size=12),
    st.lists(st.tuples(st.integers(0, 12), SPOILED | st.just(END) | st.just(START)), max_size=2),
    st.booleans(),
    st.integers(0, 30),
    st.sampled_from([1, 100, 700, 2**20]),
)
def test_it_finds_what_reading_line_by_line_finds(
    tmp_path: Path, good: list[bytes], others: list[tuple[int, bytes]], ended: bool, cut: int, block: int
) -> None:
    for place, line in others:
        good.insert(place, line)
    whole = START + b"".join(good) + (END if ended else b"")
    path = tmp_path / "events.jsonl"
    path.write_bytes(whole[: len(whole) - cut])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "_BLOCK_BYTES", block)
        assert outcome(path) == line_by_line(path)


def columns(lines: int) -> dict[str, Any]:
    return {name: np.full(lines, -1, dtype=np.int64) for name in ("status", "ordinal", "done_ns", "chunks", "tries")}


def test_a_line_as_we_write_it_is_plain() -> None:
    """Else everything would be read correctly and slowly, and no other test would tell."""
    streamed = {"first_ns": 5, "last_ns": 6, "chunks": 12345678, "tokens_in": 7, "tokens_out": 8}
    members: list[dict[str, Any]] = [{}, streamed, {"tries": 2}]
    rows = [event(1, done=10**16 - 1, status=status, bytes_in=9, **more) for status in Status for more in members]
    found = columns(len(rows))
    codes = {status.value: code for code, status in enumerate(Status)}
    assert layout.read_plain(to_lines(rows), found, codes) == []
    assert found["status"].tolist() == [code for code in range(len(Status)) for _ in range(3)]
    assert found["done_ns"].tolist() == [10**16 - 1] * len(rows)
    assert found["chunks"].tolist() == [-1, 12345678, -1] * len(Status)
    assert found["tries"].tolist() == [-1, -1, 2] * len(Status)


PLAIN = to_lines([event(1, sample=2, due_ns=3, issued=4, done=5)])
Change = Callable[[bytes], bytes]
ODD: dict[str, Change] = {
    "leading zero": lambda line: line.replace(b":1,", b":01,"),
    "17 digits": lambda line: line.replace(b":5,", b":12345678901234567,"),
    "negative": lambda line: line.replace(b":5,", b":-5,"),
    "fraction": lambda line: line.replace(b":5,", b":5.0,"),
    "exponent": lambda line: line.replace(b":5,", b":5e1,"),
    "space": lambda line: line.replace(b":5,", b": 5,"),
    "a number too few": lambda line: line.replace(b":5,", b":,").replace(b"due_ns", b"due_1ns"),
    "a number behind a word": lambda line: line.replace(b'"ok"', b'"ok"7'),
    "no number": lambda line: line.replace(b":5,", b":,"),
    "digit in a name": lambda line: line.replace(b"due_ns", b"due_1ns"),
    "another order": lambda line: line.replace(b'"ordinal":1,"sample":2', b'"sample":2,"ordinal":1'),
    "another member": lambda line: line.replace(b"}", b',"salt":"0123456789ab"}'),
    "another status": lambda line: line.replace(b'"ok"', b'"fine"'),
    "empty": lambda line: b"\n",
    "only digits": lambda line: b"123\n",
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_any_other_line_is_left_to_the_strict_reader(change: Change) -> None:
    odd = change(PLAIN)
    assert odd != PLAIN
    found = columns(3)
    assert layout.read_plain(PLAIN + odd + PLAIN, found, {"ok": 0}) == [1]
    assert found["done_ns"].tolist() == [5, -1, 5]


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_neither_is_one_where_all_lines_are_alike(change: Change) -> None:
    odd = change(PLAIN)
    assert layout.read_plain(odd * 2, columns(2), {"ok": 0}) == [0, 1]
    assert layout.read_plain(odd, columns(1), {"ok": 0}) == [0]
