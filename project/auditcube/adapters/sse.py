"""Server-sent events, as far as inference servers use them: the `data` of each event.

Source: WHATWG HTML, "Server-sent events" (lines end in LF, CR LF or CR; `:` starts a comment; data lines are joined).
"""

from __future__ import annotations

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")
_DATA, _GAP = b"data: ", b"\n\n"
_MARK = b"\xef\xbb\xbf"  # a byte order mark: one may stand at the very beginning


class EventStream:
    """Takes a body in pieces of any size, gives the data of every event that is complete."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # the line that has no end yet, in the pieces in which it came
        self._data: list[bytes] = []
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that these bytes completed."""
        if not data:
            return []
        self._rest.append(data)
        # After a CR an LF is awaited, so that these bytes can be the end of a line without having one.
        if b"\n" not in data and b"\r" not in data and not (len(self._rest) > 1 and self._rest[-2].endswith(b"\r")):
            return []
        text = self._rest[0] if len(self._rest) == 1 else b"".join(self._rest)
        if not self._data and (events := self._plain(text)) is not None:
            return events
        # A CR at the very end may be half of a CR LF: it waits for the next piece.
        held = b"\r" if text.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(text[: len(text) - len(held)])
        self._rest = [rest + held]
        return [event for line in lines if (event := self._line(line)) is not None]

    def _plain(self, text: bytes) -> list[bytes] | None:
        """The events of a text that is, as nearly all are, events of one line of data each and the beginning of one
        more line; None for others, of which nothing is taken then."""
        end = text.rfind(_GAP)
        if end < 0 or not text.startswith(_DATA) or b"\r" in text:
            return None
        events = text[len(_DATA) : end].split(_GAP + _DATA)
        if b"" in events or text.count(b"\n") != len(_GAP) * len(events):
            return None
        self._begun, self._rest = True, [text[end + len(_GAP) :]]
        return events

    def finish(self) -> list[bytes]:
        """The last event, if the body ended without the empty line that closes it."""
        if not self._data and not any(self._rest):
            return []
        lines = (b"".join(self._rest).rstrip(b"\r"), b"")
        self._rest = []
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> bytes | None:
        if not self._begun:
            self._begun, line = True, line.removeprefix(_MARK)
        if line:
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
            return None
        event, self._data = b"\n".join(self._data), []
        return event or None
