"""One query on its way: from the request to its one terminal event."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns
from typing import Protocol

from auditcube.adapters.contract import Adapter, Answer, DecodeError, Decoder, Keep, error_message, shortened
from auditcube.evidence.events import Event, Status
from auditcube.load.heads import Head
from auditcube.load.inflater import Inflater
from auditcube.load.lanes import Lane
from auditcube.load.schedule import Planned
from auditcube.load.transport import Connection
from auditcube.redaction import Scrubber

_ERROR_BODY_BYTES = 65536
_BUSY = (429, 503)
_NO_ANSWER = Answer()
_OK = Status.OK  # a member is ten times as long in the finding


class Owner(Protocol):
    """The run that an attempt is part of, as far as an attempt sees it."""

    @property
    def scrub(self) -> Scrubber: ...

    @property
    def adapter(self) -> Adapter: ...

    @property
    def keep(self) -> Keep:
        """What of an answer is wanted."""
        ...

    @property
    def origin_ns(self) -> int:
        """The zero of all times, by the monotonic clock."""
        ...

    def may_retry(self, tries: int) -> bool: ...

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle: ...

    def send(self, attempt: Attempt, now_ns: int) -> None:
        """Put the attempt's request on its way, again, at this time of the monotonic clock."""
        ...

    def record(self, attempt: Attempt, event: Event, answer: Answer) -> None:
        """Take the terminal event; called once."""
        ...


class Attempt:
    """One query: collects what its event needs and tells the run when it is terminal. An `Exchange`."""

    __slots__ = (
        "_body", "_bytes_in", "_decoder", "_head", "_inflater", "_ordinal", "_run", "_tries", "_waiting", "connection",
        "issued_ns", "lane", "planned",
    )  # fmt: skip

    def __init__(self, run: Owner, taken: tuple[int, Planned], issued_ns: int, lane: Lane) -> None:
        self._run = run
        self._ordinal, self.planned = taken
        self.issued_ns = issued_ns
        self.lane = lane
        self._tries = 1
        self._bytes_in = 0
        self._head: Head | None = None
        self._decoder: Decoder | None = None
        self._inflater: Inflater | None = None
        self._body = b""
        self.connection: Connection | None = None
        self._waiting: asyncio.TimerHandle | None = None

    # Exchange

    def answered(self, head: Head, body: bytes, now_ns: int) -> None:
        """A whole answer at once: what small answers are, and so the path that must cost least."""
        self.connection = None
        if 200 <= head.status < 300 and head.encoding is None:
            run = self._run
            at_ns = now_ns - run.origin_ns
            self._head = head
            self._bytes_in += len(body)
            try:
                answer = run.adapter.decode(head.content_type, body, run.keep, at_ns)
            except DecodeError as problem:
                self._end(at_ns, Status.DECODE_ERROR, str(problem))
            else:
                self._end(at_ns, _OK, None, answer)
            return
        self.head(head)
        self.body(body, now_ns)
        self.completed(now_ns)

    def head(self, head: Head) -> None:
        self._head = head
        self._inflater = None
        if 200 <= head.status < 300:
            self._decoder = self._run.adapter.decoder(head.content_type, self._run.keep)
        if head.encoding is not None:
            try:
                self._inflater = Inflater(head.encoding)
            except DecodeError as problem:
                if self._decoder is not None:
                    self.give_up(Status.DECODE_ERROR, str(problem))

    def body(self, data: bytes, now_ns: int) -> None:
        self._bytes_in += len(data)
        if self._decoder is None:
            self._body += data[: _ERROR_BODY_BYTES - len(self._body)]
            return
        at_ns = now_ns - self._run.origin_ns
        try:
            if self._inflater is None:
                self._decoder.feed(data, at_ns)
                return
            for piece in self._inflater.pieces(data):
                self._decoder.feed(piece, at_ns)
        except DecodeError as problem:
            self.give_up(Status.DECODE_ERROR, str(problem))

    def completed(self, now_ns: int) -> None:
        self.connection = None
        at_ns = now_ns - self._run.origin_ns
        assert self._head is not None
        if self._decoder is None:
            if self._head.status in _BUSY and self._run.may_retry(self._tries):
                self._wait(self._head)
                return
            self._end(at_ns, Status.HTTP_ERROR, self._http_error())
            return
        try:
            if self._inflater is not None:
                self._inflater.finish()
            answer = self._decoder.finish()
        except DecodeError as problem:
            self._end(at_ns, Status.DECODE_ERROR, str(problem))
        else:
            self._end(at_ns, _OK, None, answer)

    def failed(self, reason: str) -> None:
        self.connection = None
        self._end(self._now_ns(), Status.TRANSPORT_ERROR, reason)

    def _now_ns(self) -> int:
        return monotonic_ns() - self._run.origin_ns

    # from our side

    def give_up(self, status: Status, reason: str) -> None:
        """End the attempt."""
        now_ns = self._now_ns()
        self.drop()
        self._end(now_ns, status, reason)

    def drop(self) -> None:
        """Hear nothing more."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self.connection is not None:
            self.connection.close()

    def _wait(self, head: Head) -> None:
        """Try again when the server wants it; the clock of the query goes on."""
        self._tries += 1
        self._head, self._body = None, b""
        self._waiting = self._run.call_later(_retry_after_s(head.retry_after), self._again)

    def _again(self) -> None:
        self._waiting = None
        self._run.send(self, monotonic_ns())

    def _end(self, at_ns: int, status: Status, error: str | None, answer: Answer = _NO_ANSWER) -> None:
        if error is not None:
            # Secrets first, then the cut: half a key would not be recognized.
            error = shortened(self._run.scrub(error))
        sample, due_ns, salt = self.planned
        event: Event = {
            "ordinal": self._ordinal,
            "sample": sample,
            "due_ns": due_ns,
            "issued_ns": self.issued_ns,
            "done_ns": at_ns,
            "status": status._value_,
            "bytes_in": self._bytes_in,
        }
        if (head := self._head) is not None:
            event["http_status"] = head.status
        if salt is not None:
            event["salt"] = salt
        if self._tries > 1:
            event["tries"] = self._tries
        if answer.first_ns is not None and answer.last_ns is not None:
            event["first_ns"], event["last_ns"], event["chunks"] = answer.first_ns, answer.last_ns, answer.chunks
        if error is not None:
            event["error"] = error
        if (tokens := answer.tokens_in) is not None:
            event["tokens_in"] = tokens
        if (tokens := answer.tokens_out) is not None:
            event["tokens_out"] = tokens
        self._run.record(self, event, answer)

    def _http_error(self) -> str:
        assert self._head is not None
        status, scrub = self._head.status, self._run.scrub
        # Once more before it is parsed: the end of the body may be cut off, and a key with it.
        text = scrub(self._readable_body().decode("utf-8", "replace"))
        body = text[: _ERROR_BODY_BYTES // 2].encode("utf-8", "replace")
        hint = "a redirect, which is not followed" if 300 <= status < 400 else "no message"
        return f"HTTP {status}: {error_message(body) or hint}"

    def _readable_body(self) -> bytes:
        """What is there of the body of an error, as text."""
        if self._inflater is None:
            return self._body if self._head is None or self._head.encoding is None else b""
        inflated = b""
        with suppress(DecodeError):
            for piece in self._inflater.pieces(self._body):
                inflated += piece
                if len(inflated) >= _ERROR_BODY_BYTES:
                    break
        return inflated[:_ERROR_BODY_BYTES]


def _retry_after_s(told: str | None) -> float:
    """How long a server wants us to wait: seconds or a date (RFC 9110, 10.2.3); a second if it says nothing useful."""
    if told is None:
        return 1.0
    if told.isascii() and told.isdigit() and len(told) < 9:
        return float(told)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, OverflowError):  # the latter: a number that no date can hold
        return 1.0
