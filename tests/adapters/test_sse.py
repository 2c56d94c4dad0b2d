"""Server-sent events, against the examples and the rules of the WHATWG's text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.feeding import CUTS, pieces
from auditcube.adapters.sse import EventStream


def events(*parts: bytes) -> list[bytes]:
    stream = EventStream()
    return [event for part in parts for event in stream.feed(part)] + stream.finish()


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"", []),
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\ndata:b\n\n", [b"a", b"b"]),
        (b"data:  a\n\n", [b" a"]),  # one space belongs to the syntax
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\r\n\ndata: b\n\r\n", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", []),
        (b"data: \n\n", []),
        (b"data\ndata: x\n\n", [b"\nx"]),
        (b": a comment\n\n: another\ndata: a\n\n", [b"a"]),
        (b"event: message\nid: 7\nretry: 10\ndata: a\n\n", [b"a"]),
        (b"datax: no\ndata : no\n\n", []),
        (b"data: a: b\n\n", [b"a: b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\n\n\ndata: a\n\n\n\n", [b"a"]),
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"data: a\r", [b"a"]),
        (b"data: a\r\r", [b"a"]),
        (b"data: a\r\n\r", [b"a"]),
        ("data: ä☃\n\n".encode(), ["ä☃".encode()]),
    ],
)
def test_events(body: bytes, data: list[bytes]) -> None:
    assert events(body) == data
    assert events(*(bytes([byte]) for byte in body)) == data


LINES = st.lists(st.sampled_from([b"data: a", b"data:", b"data", b": c", b"", b"", b"id: 1", b"x"]), max_size=12)
ENDS = st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=12, max_size=12)


@given(LINES, ENDS, CUTS)
@example([b"data: a", b"", b"x"], [b"\r\n"] * 12, [0.45, 0.45, 0.5])
def test_no_cut_changes_anything(lines: list[bytes], ends: list[bytes], cuts: list[float]) -> None:
    body = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    assert events(*pieces(body, cuts)) == events(body)
    # An independent reading: normalize the line ends, cut into blocks.
    blocks = re.sub(rb"\r\n|\r", b"\n", body).split(b"\n\n")
    found = [re.findall(rb"^data(?:: ?(.*))?$", block, re.M) for block in blocks]
    assert events(body) == [joined for values in found if (joined := b"\n".join(values))]


def test_an_event_is_there_as_soon_as_it_is_complete() -> None:
    stream = EventStream()
    assert stream.feed(b"data: a\n") == []
    assert stream.feed(b"\n") == [b"a"]
    assert stream.feed(b"data: b\r") == []
    assert stream.feed(b"\n\r") == []  # may be half of a CR LF
    assert stream.feed(b"data: c") == [b"b"]


def test_a_long_line_in_small_pieces_costs_no_more_than_its_length() -> None:
    piece = b"x" * 64
    stream = EventStream()
    stream.feed(b"data: ")
    for _ in range(200_000):  # copied each time, this would be a terabyte
        stream.feed(piece)
    (event,) = stream.feed(b"\n\n")
    assert len(event) == 200_000 * 64
