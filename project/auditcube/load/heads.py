"""The head of an HTTP answer, and a memory for heads: one that is known byte for byte need not be parsed again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

_MOST = 1024  # remembered at once; a server that puts an id into each head gains nothing, and must cost nothing either
# As servers write it; a head that spells it otherwise goes through the parser each time.
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ?(\d{1,15})\r\n")
_END = b"\r\n\r\n"
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)  # not a named tuple: its members are looked up for each answer
class Head:
    """What a request's owner may want to know of the answer's head; `content_type` is lower case.

    `encoding` is the Content-Encoding if there is any but identity; `retry_after` the text of that header;
    `keep_alive_s` what the server announces as its limit for idle connections.
    """

    status: int
    content_type: str = ""
    encoding: str | None = None
    retry_after: str | None = None
    keep_alive_s: float | None = None


class KnownHeads:
    """Remembers heads of answers that are framed by their length and leave the connection open.

    Two memories: heads as they were, with where their answers end; and heads without the digits of the length, since
    answers differ in length before anything else.
    """

    def __init__(self) -> None:
        self._ends: dict[bytes, tuple[Head, int]] = {}
        self._known: dict[bytes, Head] = {}
        self._last, self._last_known = b"no head", (Head(0), 0)  # of `_ends`: most answers begin like the one before

    def answer(self, data: bytes) -> tuple[Head, bytes] | None:
        """Head and body, if `data` is one whole answer, no more and no less, with a head that is known."""
        if not data.startswith(self._last) and not self._find(data):
            return None
        head, end = self._last_known
        return (head, data[len(self._last) :]) if len(data) == end else None

    def _find(self, data: bytes) -> bool:
        """Have the head that `data` begins with as the last one, if it is known."""
        start = data.find(_END) + 4
        known = self._ends.get(data[:start])
        if known is None:
            if (known := self._of_any_length(data, start)) is None:
                return False
            _remember(self._ends, data[:start], known)
        self._last, self._last_known = data[:start], known
        return True

    def _of_any_length(self, data: bytes, start: int) -> tuple[Head, int] | None:
        if (length := _LENGTH.search(data, 0, start)) is None:
            return None
        head = self._known.get(data[: length.start(1)] + data[length.end(1) : start])
        return None if head is None else (head, start + int(length[1]))

    def learn(self, data: bytes, head: Head) -> None:
        """Remember the head of this whole answer, which a parser has found to be well-formed.

        It must have one Content-Length, no Transfer-Encoding, and leave the connection open.
        """
        # The first head may be an interim answer's; and these have no body, whatever length they tell (RFC 9112, 6.3).
        if data[9:12] != b"%d" % head.status or head.status in (204, 304):
            return
        start = data.find(_END) + 4
        if (length := _LENGTH.search(data, 0, start)) is not None:
            _remember(self._known, data[: length.start(1)] + data[length.end(1) : start], head)


def _remember(memory: dict[bytes, _Value], key: bytes, value: _Value) -> None:
    if len(memory) >= _MOST:
        memory.clear()
    memory[key] = value
