"""Chunks that differ in their text alone: nearly all of a stream, which then need not be parsed one by one.

A mould is what stands before and after the text in the bytes of one chunk that was parsed. Bytes with the same ends and
between them what JSON writes as it is are the same object with another text: no guess about what servers send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

_PROBE = "auditcube"
# What a JSON string does not hold as it is, or what could end it.
_SPECIAL = re.compile(rb'["\\\x00-\x1f]')
_BETWEEN = b" "  # neither special nor part of a longer character: each text must be whole UTF-8 by itself


class Mould(NamedTuple):
    """The two ends of a chunk, up to and from the quotes of its text."""

    before: bytes
    after: bytes

    def fits(self, event: bytes) -> bool:
        return event.startswith(self.before) and event.endswith(self.after)

    def texts(self, events: list[bytes]) -> list[bytes] | None:
        """The texts of events, if all of them are of this mould; they are UTF-8."""
        seam = b"%b\n%b" % (self.after, self.before)
        joined = b"\n".join(events)
        if not self.fits(joined) or len(joined) < len(self.before) + len(self.after):
            return None
        texts = joined[len(self.before) : len(joined) - len(self.after)].split(seam)
        text = _BETWEEN.join(texts)
        if len(texts) != len(events) or _SPECIAL.search(text):
            return None
        try:
            text.decode()
        except UnicodeDecodeError:
            return None
        return texts


def mould_of(event: bytes, text: str, text_in: Callable[[Mapping[str, Any]], str | None]) -> Mould | None:
    """The mould of an event, the JSON of one object; None where it has none.

    `text` is the object's text, and `text_in` finds it in an object, if there is nothing else in that which matters.
    """
    written = orjson.dumps(text)
    if event.count(written) != 1 or _SPECIAL.search(written, 1, len(written) - 1):
        return None
    start = event.index(written) + 1
    mould = Mould(event[:start], event[start + len(written) - 2 :])
    try:
        other = orjson.loads(mould.before + _PROBE.encode() + mould.after)
    except orjson.JSONDecodeError:
        return None
    return mould if isinstance(other, dict) and text_in(other) == _PROBE else None
