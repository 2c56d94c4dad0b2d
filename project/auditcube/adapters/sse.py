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
        if (events := self._plain(data)) is not None:
            return events
        self._rest.append(data)
        # After a CR an LF is awaited, so that these bytes can be the end of a line without having one.
        if b"\n" not in data and b"\r" not in data and not (len(self._rest) > 1 and self._rest[-2].endswith(b"\r")):
            return []
        text = b"".join(self._rest)
        # A CR at the very end may be half of a CR LF: it waits for the next piece.
        held = b"\r" if text.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(text[: len(text) - len(held)])
        self._rest = [rest + held]
        return [event for line in lines if (event := self._line(line)) is not None]

    def _plain(self, data: bytes) -> list[bytes] | None:
        """The events of bytes that are whole events of one line of data each, as nearly all are; None for others."""
        if self._rest and self._rest != [b""] or self._data or not data.startswith(_DATA) or not data.endswith(_GAP):
            return None
        events = data[len(_DATA) : -len(_GAP)].split(_GAP + _DATA)
        if b"\r" in data or b"" in events or data.count(b"\n") != len(_GAP) * len(events):
            return None
        self._begun = True
        return events

    def finish(self) -> list[bytes]:
        """The last event, if the body ended without the empty line that closes it."""
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
