"""An event as a line, and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.evidence.events import Event, Status, to_lines
from auditcube.evidence.table import EventTable, read_events
from builders import end_of, event, start_of, table_of

NS = st.integers(0, 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def events(draw: st.DrawFn) -> Event:
    first_ns, last_ns = draw(st.just((None, None)) | st.tuples(NS, NS))  # a stream has both, or none
    return event(
        draw(st.integers(0, 2**40)),
        sample=draw(NS),
        due_ns=draw(NS),
        issued=draw(NS),
        done=draw(NS),
        status=draw(st.sampled_from(Status)),
        bytes_in=draw(NS),
        http_status=draw(st.none() | st.integers(100, 599)),
        salt=draw(st.none() | TEXT),
        tries=draw(st.none() | st.integers(2, 2**40)),
        first_ns=first_ns,
        last_ns=last_ns,
        chunks=None if first_ns is None else draw(st.integers(1, 2**40)),
        error=draw(st.none() | TEXT),
        tokens_in=draw(st.none() | NS),
        tokens_out=draw(st.none() | NS),
    )


def same(one: EventTable, other: EventTable) -> bool:
    return all(
        np.array_equal(value, getattr(other, name)) if isinstance(value, np.ndarray) else value == getattr(other, name)
        for name, value in vars(one).items()
        if name != "files"
    )


@given(rows=st.lists(events(), max_size=15))
def test_what_is_written_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[Event]) -> None:
    path = tmp_path_factory.getbasetemp() / "events.jsonl"
    head, foot = start_of(), end_of(len(rows))
    path.write_bytes(
        orjson.dumps({"start": head}) + b"\n" + (to_lines(rows) if rows else b"") + orjson.dumps({"end": foot}) + b"\n"
    )
    assert same(read_events([path]).whole(), table_of(rows, starts=[head], ends=[foot]))


@given(st.lists(events(), min_size=1, max_size=5))
def test_each_event_is_one_line(rows: list[Event]) -> None:
    *lines, end = to_lines(rows).split(b"\n")
    assert [json.loads(line) for line in lines] == rows
    assert end == b""


def test_a_text_that_looks_like_a_seam_is_none() -> None:
    row = event(0, error='},{"ordinal":1},{"', salt='"},{"')
    assert to_lines([row, row]).count(b"\n") == 2


def test_what_an_event_does_not_have_is_left_out() -> None:
    assert json.loads(to_lines([event(4, issued=1, done=2)])) == {
        "ordinal": 4,
        "sample": 4,
        "due_ns": 0,
        "issued_ns": 1,
        "done_ns": 2,
        "status": "ok",
        "bytes_in": 0,
    }


def test_zero_is_something_that_an_event_has() -> None:
    written = json.loads(to_lines([event(tokens_in=0, tokens_out=0, first_ns=0, last_ns=0, http_status=0, error="")]))
    assert {"tokens_in", "tokens_out", "first_ns", "last_ns", "http_status", "error"} <= written.keys()


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_its_word(status: Status, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(orjson.dumps({"start": start_of()}) + b"\n" + to_lines([event(status=status)]))
    assert read_events([path]).whole().ok.tolist() == [status is Status.OK]
    assert json.loads(to_lines([event(status=status)]))["status"] == status.value
