"""The memory for heads: it may only ever say what the parser would say."""

from __future__ import annotations

from typing import Any, cast

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.load import heads, transport
from auditcube.load.heads import Head, KnownHeads
from auditcube.load.transport import Connection, Pool

OK = Head(200, "application/json")


def response(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    told = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", "Server: x", f"Content-Length: {told}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def taught(data: bytes = response(b"{}")) -> KnownHeads:
    known = KnownHeads()
    known.learn(data, OK)
    return known


def test_a_head_is_known_once_it_was_learnt() -> None:
    assert KnownHeads().answer(response(b"{}")) is None
    assert taught().answer(response(b"{}")) == (OK, b"{}")


@pytest.mark.parametrize("body", [b"", b"x", b"y" * 9, b"z" * 10, b"\r\n\r\n", b"a\r\n\r\nb", b"Content-Length: 3\r\n"])
def test_only_the_digits_of_the_length_may_differ(body: bytes) -> None:
    known = taught()
    for _ in range(2):  # by the length's place, then by the whole head
        assert known.answer(response(body)) == (OK, body)


@pytest.mark.parametrize(
    "data",
    [
        response(b"{}", "X: y"),
        response(b"{}", status="500 Oops"),
        response(b"{}").replace(b"Server: x", b"Server: z"),
        response(b"{}").replace(b"\r\n\r\n", b"\n\n"),
        response(b"{}", length=3),
        response(b"{}", length=1),
        response(b"{}") + response(b"{}"),
        response(b"{}")[:-1],
        response(b"{}").partition(b"\r\n\r\n")[0],
        response(b"{}").replace(b"Content-Length: 2", b"Content-Length: 02"),
        response(b"{}").replace(b"Content-Length: 2", b"Content-Length: -2"),
        response(b"{}").replace(b"Content-Length: 2", b"Content-Length: 2, 2"),
        response(b"{}").replace(b"Content-Length: 2", b"Content-Length: \xb2"),
        response(b"{}", "Content-Length: 2"),
        response(b"{}", "Transfer-Encoding: chunked"),
        b"",
        b"\r\n\r\n",
    ],
)
def test_what_is_not_one_whole_answer_with_a_known_head_goes_to_the_parser(data: bytes) -> None:
    found = taught().answer(data)
    assert found is None or data == response(b"{}").replace(b"Content-Length: 2", b"Content-Length: 02")


def test_a_server_with_an_id_in_each_head_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_MOST", 4)
    known = KnownHeads()
    for number in range(100):
        known.learn(response(b"{}", f"X-Id: {number}"), OK)
        known.answer(response(b"{}", f"X-Id: {number}"))
    assert len(known._known) <= 4
    assert len(known._ends) <= 4


class Parsed:
    """What the parser says of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.body, self.ends, self.bad = b"", 0, False
        parser = httptools.HttpResponseParser(self)
        try:
            parser.feed_data(data)
        except httptools.HttpParserError:
            self.bad = True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.ends += 1


@given(st.data(), st.binary(max_size=30))
def test_whatever_it_accepts_the_parser_accepts_with_the_same_body(data: Any, body: bytes) -> None:
    good = response(body)
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 3)))
    changed = good[:start] + data.draw(st.binary(max_size=3)) + good[end:]
    found = taught().answer(changed)
    if found is not None:
        parsed = Parsed(changed)
        assert (parsed.bad, parsed.ends, parsed.body) == (False, 1, found[1])


class Owner:
    """A pool without a loop: what a connection tells it."""

    def __init__(self, known: KnownHeads) -> None:
        self.heads = known
        self.idle: list[Connection] = []


class Forgetful(KnownHeads):
    """Everything goes through the parser."""

    def answer(self, data: bytes) -> None:
        return None


class Told:
    """What a request hears, whether whole or in parts."""

    def __init__(self) -> None:
        self.status, self.content_type, self.body_, self.end = 0, "", b"", ""

    def answered(self, head: Head, body: bytes, now_ns: int) -> None:
        self.head(head)
        self.body(body, now_ns)
        self.completed(now_ns)

    def head(self, head: Head) -> None:
        self.status, self.content_type = head.status, head.content_type

    def body(self, data: bytes, now_ns: int) -> None:
        self.body_ += data

    def completed(self, now_ns: int) -> None:
        self.end += "completed"

    def failed(self, reason: str) -> None:
        self.end += reason


def heard(known: KnownHeads, data: bytes) -> dict[str, Any]:
    """All that comes of one reading on a new connection that waits for an answer."""
    owner, told = Owner(known), Told()
    connection = Connection(cast(Pool, owner))
    connection._exchange = told
    connection.data_received(data)
    return {**vars(told), "kept": owner.idle == [connection], "closed": connection._closed}


class Dated(Told):
    """When it hears of what."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def body(self, data: bytes, now_ns: int) -> None:
        self.times.append(now_ns)

    def completed(self, now_ns: int) -> None:
        self.times.append(now_ns)


@pytest.mark.parametrize("known", [KnownHeads(), Forgetful()], ids=["known head", "parsed"])
def test_an_answer_is_of_the_time_when_it_came(known: KnownHeads, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken once, before anybody looks at it, for the event as for how long the connection is idle."""
    answer_ = response(b"{}")
    heard(known, answer_)
    clock = iter(range(7, 100))
    monkeypatch.setattr(transport, "monotonic_ns", clock.__next__)
    told = Dated()
    connection = Connection(cast(Pool, Owner(known)))
    connection._exchange = told
    connection.data_received(answer_)
    assert told.times == [7, 7]
    assert connection._idle_since_ns == 7
    assert next(clock) == 8


INTERIM = b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n"
EMPTY = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (INTERIM + response(b"{}"), INTERIM.replace(b"5", b"0")),
        (INTERIM + response(b"{}"), INTERIM + b"hello"),
        (EMPTY, EMPTY + b"hello"),
        (EMPTY.replace(b"5", b"0"), EMPTY + b"hello"),
        (UNCHANGED, UNCHANGED + b"hello"),
        (response(b"{}") + response(b"{}"), response(b"{}")),
        (response(b"{}", "Connection: close"), response(b"{}", "Connection: close")),
        (response(b"{}", "Content-Encoding: gzip"), response(b"{}", "Content-Encoding: gzip")),
        (b"\r\n\r\n" + response(b"{}"), b"\r\n\r\n" + response(b"{}")),
        (response(b"{}")[:-1], response(b"{")),
    ],
)
def test_what_was_learnt_changes_nothing(first: bytes, then: bytes) -> None:
    known = KnownHeads()
    for data in (first, then, then):
        assert heard(known, data) == heard(Forgetful(), data)


STATUSES = ["200 OK", "204 No Content", "304 Same", "500 Oops", "103 Hints"]
HEADERS = [
    *("Content-Length: 0", "Content-Length: 2", "content-length:3", "CONTENT-LENGTH: 2", "X: y", "X: \r\n y"),
    *("Content-Length : 2", "Transfer-Encoding: chunked", "Connection: close", "Keep-Alive: timeout=5", " folded"),
    *("Content-Type: application/json", "Content-Encoding: gzip"),
]
HEADS = st.builds(
    lambda version, status, headers: "\r\n".join([f"HTTP/{version} {status}", *headers, "", ""]).encode(),
    st.sampled_from(["1.1", "1.1", "1.0"]),
    st.sampled_from(STATUSES),
    st.lists(st.sampled_from(HEADERS), min_size=1, max_size=3),
)
RESTS = st.sampled_from(
    [b"", b"", b"{}", b"{}", b"abc", b"\r\n", b"\r\n\r\n", b"2\r\n{}\r\n0\r\n\r\n", response(b"{}")]
)


@given(HEADS, HEADS, st.lists(st.tuples(st.booleans(), RESTS), min_size=2, max_size=8))
def test_whatever_comes_in_what_order_the_memory_changes_nothing(
    one: bytes, other: bytes, readings: list[tuple[bool, bytes]]
) -> None:
    """Answers of two heads, good or not: of the usual parts, in an unusual way."""
    known = KnownHeads()
    for which, rest in readings:
        data = (one if which else other) + rest
        assert heard(known, data) == heard(Forgetful(), data)
