"""Accuracy logs in LoadGen's own spelling, many entries at a time, as arrays.

LoadGen writes `[`, an object per line whose members always stand in the same order, and `]`. Every byte of such a log
is held against that spelling here, so it says what `accuracy_log.entries` would read of it; where one byte differs,
`OtherSpelling` is raised, and `entries` must read the log. Nothing is said about a log before its end was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Chars = npt.NDArray[np.uint8]

_PIECE, _LONGEST = 2**19, 2**22  # a piece and its arrays lie in a processor's cache; a longer line is not for arrays
_DIGITS = 15  # of a number: far from where 64 bits or a float would not hold it
_QUOTE, _ZERO, _A = (np.uint8(ord(sign)) for sign in '"0A')
_HEXADECIMAL = b"0123456789ABCDEF"
# What stands before, between and behind the values of a line. Those of tokens are written where the system counts them,
# `token_data` where it also tells the first ones.
_HEAD = (b'{ "seq_id" : ', b', "qsl_idx" : ', b', "data" : "')
_SPELLINGS = {
    8: (*_HEAD, b'" },\n'),
    10: (*_HEAD, b'", "token_count" : ', b" },\n"),
    14: (*_HEAD, b'", "token_data" : "', b'", "token_count" : ', b" },\n"),
}  # by the number of quotes in a line


class OtherSpelling(Exception):
    """The log is spelled otherwise, or is none."""


class Spans(NamedTuple):
    """Where texts begin and end in a piece of a log, one of each line: two arrays of the same length."""

    begins: Ints
    ends: Ints

    def of(self, text: bytes) -> list[bytes]:
        """The texts themselves."""
        return [text[begin:end] for begin, end in zip(self.begins.tolist(), self.ends.tolist(), strict=True)]

    @property
    def lengths(self) -> Ints:
        return self.ends - self.begins


class Columns(NamedTuple):
    """Some entries of a log, in their order; the arrays have a value for each.

    `ordinals` and `samples` are `seq_id` and `qsl_idx`. `data` and `first`, of `token_data`, are spans of `text` which
    hold upper-case hexadecimal digits, an even number of them, or none. `first` and `counts`, of `token_count`, are
    None where the log has none of these in any entry.
    """

    text: bytes
    ordinals: Ints
    samples: Ints
    data: Spans
    first: Spans | None
    counts: Ints | None


def columns(path: Path) -> Iterator[Columns]:
    """All entries of a log, one at least. Raises OtherSpelling, at the latest at its end, where it is no such log."""
    # Once so large a block was freed, glibc's malloc (mallopt(3), M_MMAP_THRESHOLD) keeps the smaller ones of each
    # piece, which it would take from the system anew, page by page, at twice the cost of all that is done here.
    bytearray(2**24)
    spelling: tuple[bytes, ...] | None = None
    for text in _pieces(path):
        if spelling is None:
            spelling = _SPELLINGS.get(text.count(b'"', 0, text.index(b"\n")))
            if spelling is None:
                raise OtherSpelling
        yield _parsed(text, spelling)


def _pieces(path: Path) -> Iterator[bytes]:
    """Whole lines, each with a comma at its end."""
    try:
        file = path.open("rb", buffering=0)
    except OSError as problem:
        raise OtherSpelling from problem
    with file:
        if file.read(2) != b"[\n":
            raise OtherSpelling
        rest = b""
        # As much again as there is of an unfinished line, so that a long one is not copied again and again.
        while data := file.read(max(_PIECE, len(rest))):
            data = rest + data
            cut = data.rfind(b"},\n") + 3
            if cut > 2:
                yield data[:cut]
                rest = data[cut:]
            elif len(data) > _LONGEST:
                raise OtherSpelling
            else:
                rest = data
    if not rest.endswith(b"}\n]\n"):
        raise OtherSpelling
    yield rest[:-3] + b",\n"


def _parsed(text: bytes, spelling: tuple[bytes, ...]) -> Columns:
    """The columns of whole lines. Between values each byte is compared, and what is left over must be digits."""
    chars = np.frombuffer(text, np.uint8)
    places = _places(chars, spelling)
    values = [Spans(place + len(part), end) for part, place, end in zip(spelling, places, places[1:], strict=False)]
    # One part behind the other, from the first byte to the last: no index below leaves the text.
    starts_at_once = places[0][0] == 0 and bool((places[-1][:-1] == places[0][1:]).all())
    if not starts_at_once or any((span.lengths < 0).any() for span in values):
        raise OtherSpelling
    if not all(_stands(text, place, part) for part, place in zip(spelling, places, strict=False)):
        raise OtherSpelling
    fixed = sum(len(part.translate(None, _HEXADECIMAL)) for part in spelling)
    if _count_hexadecimal(chars) != len(text) - fixed * len(places[0]):
        raise OtherSpelling
    ordinals, samples, data, *more = values[:-1]
    first = more[0] if len(more) == 2 else None
    if any((span.lengths % 2).any() for span in (data, first) if span is not None):
        raise OtherSpelling
    counts = _numbers(chars, more[-1]) if more else None
    return Columns(text, _numbers(chars, ordinals), _numbers(chars, samples), data, first, counts)


def _places(chars: Chars, spelling: tuple[bytes, ...]) -> list[Ints]:
    """Where the parts of the spelling must stand in each line, by the quotes within them; last, where lines end."""
    found = np.flatnonzero(chars == _QUOTE)
    per_line = sum(part.count(b'"') for part in spelling)
    if not len(found) or len(found) % per_line:
        raise OtherSpelling
    quotes = np.ascontiguousarray(found.reshape(-1, per_line).T)
    places, passed = [], 0
    for part in spelling:
        if (offset := part.find(b'"')) >= 0:
            places.append(quotes[passed] - offset)
            passed += part.count(b'"')
    ends = np.append(places[0][1:], len(chars))
    if len(places) < len(spelling):  # there is no quote behind a number
        places.append(ends - len(spelling[-1]))
    return [*places, ends]


def _stands(text: bytes, places: Ints, part: bytes) -> bool:
    """Whether a part of four bytes or more stands at all of these places."""
    width = 8 if len(part) >= 8 else 4
    # All runs of so many bytes, at every offset, seen as numbers.
    runs: npt.NDArray[Any] = np.ndarray(len(text) - width + 1, f"u{width}", text, strides=(1,))
    offsets = {*range(0, len(part) - width, width), len(part) - width}
    return all(
        bool((runs[places + offset] == np.frombuffer(part, f"u{width}", 1, offset)[0]).all()) for offset in offsets
    )


def _count_hexadecimal(chars: Chars) -> int:
    """How many are digits or A to F. What is below either range wraps around and is above it."""
    return int(np.count_nonzero(chars - _ZERO < 10)) + int(np.count_nonzero(chars - _A < 6))


def _numbers(chars: Chars, spans: Spans) -> Ints:
    """Whole numbers as JSON spells them, without a sign. Raises OtherSpelling for any other, and for very long ones."""
    lengths = spans.lengths
    longest = int(lengths.max())
    if longest > _DIGITS or not lengths.all() or ((chars[spans.begins] == _ZERO) & (lengths > 1)).any():
        raise OtherSpelling
    values, at = np.zeros(len(lengths), np.int64), spans.ends - 1
    for place in range(longest):
        digits = chars.take(at - place, mode="clip") - _ZERO
        digits[place >= lengths] = 0
        if (digits > 9).any():
            raise OtherSpelling
        values += digits * np.int64(10**place)
    return values
