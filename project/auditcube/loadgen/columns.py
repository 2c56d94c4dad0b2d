"""Accuracy logs in LoadGen's own spelling, many entries at a time, as arrays.

LoadGen writes `[`, an object per line whose members always stand in the same order, and `]`. Every byte of such a log
is held against that spelling here, so it says what `accuracy_log.entries` would read of it; where one byte differs,
`OtherSpelling` is raised, and `entries` must read the log. Nothing is said about a log before its end was seen.

All pieces lie in one place, one after the other, where they are compared and not copied, by a fixed number of calls of
NumPy for each: to read and compare a gigabyte of long lines costs about as much as to hash it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Chars = npt.NDArray[np.uint8]
Passed = Callable[[memoryview], object]
"""What is called with each piece of a log as it is read, from its first byte on, and at its end with an empty one."""

_Text = TypeVar("_Text", bytes, memoryview)

_PIECE, _LONGEST = 2**19, 2**22  # a piece and its arrays lie in a processor's cache; a longer line is not for arrays
_DIGITS = 15  # of a number: far from where 64 bits or a float would not hold it
_QUOTE, _ZERO, _F, _BEHIND_NINE = (np.uint8(ord(sign)) for sign in '"0F:')
_BETWEEN = np.uint8(ord("A") - ord(":"))  # as many signs stand between 9 and A
_BEGIN, _BEHIND, _END = b"[\n", b"},\n", b"}\n]\n"


class OtherSpelling(Exception):
    """The log is spelled otherwise, or is none."""


class _Words(NamedTuple):
    """Runs of `width` bytes that make up parts of a spelling: of which part, how far behind its begin, and which.

    `zeros` is a run of as many digits 0.
    """

    width: int
    parts: Ints
    offsets: Ints
    signs: npt.NDArray[Any]
    zeros: int


class _Spelling(NamedTuple):
    """The parts of a line, between which its values stand: columns of numbers, to reckon with many lines at a time.

    `first_quotes` and `before_quotes` tell of each part that has a quote which of the line's `quotes` is its first, and
    how far that is behind the part's begin. Numbers and digits stand behind the parts of these names.
    """

    quotes: int
    widths: Ints
    first_quotes: Ints
    before_quotes: Ints
    words: tuple[_Words, ...]
    numbers: Ints
    digits: tuple[int, ...]

    @classmethod
    def of(cls, *parts: bytes) -> _Spelling:
        counts = [part.count(b'"') for part in parts]
        quoted = [number for number, count in enumerate(counts) if count]
        digits = [number for number, part in enumerate(parts[:-1]) if part.endswith(b'"')]
        return cls(
            quotes=sum(counts),
            widths=_column(map(len, parts)),
            first_quotes=np.array([sum(counts[:number]) for number in quoted]),
            before_quotes=_column(parts[number].index(b'"') for number in quoted),
            words=tuple(_words(parts, width) for width in (8, 4)),
            numbers=np.array([number for number in range(len(parts) - 1) if number not in digits]),
            digits=tuple(digits),
        )


def _column(values: Iterable[int]) -> Ints:
    return np.array([*values])[:, np.newaxis]


def _words(parts: Sequence[bytes], width: int) -> _Words:
    """Those of eight bytes that cover all longer parts, or those of four for the shorter ones."""
    found = [
        (number, offset, _as_number(part[offset : offset + width]))
        for number, part in enumerate(parts)
        if (8 if len(part) >= 8 else 4) == width
        for offset in sorted({*range(0, len(part) - width, width), len(part) - width})
    ]
    numbers, offsets, signs = zip(*found, strict=True)
    column = np.array(signs, f"u{width}")[:, np.newaxis]
    return _Words(width, np.array(numbers), _column(offsets), column, _as_number(width * b"0"))


def _as_number(run: bytes) -> int:
    return int.from_bytes(run, sys.byteorder)


# What stands before, between and behind the values of a line. Those of tokens are written where the system counts them,
# `token_data` where it also tells the first ones.
_HEAD = (b'{ "seq_id" : ', b', "qsl_idx" : ', b', "data" : "')
_SPELLINGS = {
    spelling.quotes: spelling
    for spelling in (
        _Spelling.of(*_HEAD, b'" },\n'),
        _Spelling.of(*_HEAD, b'", "token_count" : ', b" },\n"),
        _Spelling.of(*_HEAD, b'", "token_data" : "', b'", "token_count" : ', b" },\n"),
    )
}


class Spans(NamedTuple):
    """Where texts begin and end in a piece of a log, one of each line: two arrays of the same length."""

    begins: Ints
    ends: Ints

    def of(self, text: _Text) -> list[_Text]:
        """The texts themselves."""
        return [text[begin:end] for begin, end in zip(self.begins.tolist(), self.ends.tolist(), strict=True)]

    @property
    def lengths(self) -> Ints:
        return self.ends - self.begins


class Columns(NamedTuple):
    """Some entries of a log, in their order; the arrays have a value for each. Good until the next ones are read.

    `ordinals` and `samples` are `seq_id` and `qsl_idx`. `data` and `first`, of `token_data`, are spans of `text` which
    hold upper-case hexadecimal digits, an even number of them, or none; what else is in `text` says nothing. `first`
    and `counts`, of `token_count`, are None where the log has none of these in any entry.
    """

    text: memoryview
    ordinals: Ints
    samples: Ints
    data: Spans
    first: Spans | None
    counts: Ints | None


def columns(path: Path, passed: Passed | None = None) -> Iterator[Columns]:
    """All entries of a log, one at least. Raises OtherSpelling, at the latest at its end, where it is no such log.

    Each byte is read once: what is `passed` is what is judged.
    """
    # Once so large a block was freed, glibc's malloc (mallopt(3), M_MMAP_THRESHOLD) keeps the smaller ones of each
    # piece, which it would take from the system anew, page by page, at twice the cost of all that is done here.
    bytearray(2**24)
    spelling: _Spelling | None = None
    for text in _pieces(path, passed or (lambda _: None)):
        if spelling is None:
            spelling = _SPELLINGS.get(text.tobytes().partition(b"\n")[0].count(b'"'))
            if spelling is None:
                raise OtherSpelling
        yield _parsed(text, spelling)


def _pieces(path: Path, passed: Passed) -> Iterator[memoryview]:
    """Whole lines, each with a comma at its end: good until the next ones, and free to be written over."""
    try:
        file = path.open("rb", buffering=0)
    except OSError as problem:
        raise OtherSpelling from problem
    with file:
        place, held, begin = bytearray(2 * _PIECE), 0, len(_BEGIN)
        while size := file.readinto(memoryview(place)[held : held + _PIECE]):
            text = memoryview(place)
            passed(text[held : held + size])
            held += size
            if begin and held >= begin and not place.startswith(_BEGIN):
                raise OtherSpelling
            if (last := place.rfind(_BEHIND, begin, held)) >= 0:
                cut = last + len(_BEHIND)
                yield text[begin:cut]
                text[: held - cut] = text[cut:held]
                held, begin = held - cut, 0
            elif held > _LONGEST:
                raise OtherSpelling
            if held + _PIECE > len(place):
                place = place[:held] + bytearray(len(place))
        passed(memoryview(b""))
    if held < len(_END) or not place.endswith(_END, 0, held):
        raise OtherSpelling
    place[held - 3 : held - 1] = b",\n"
    yield memoryview(place)[begin : held - 1]


def _parsed(text: memoryview, spelling: _Spelling) -> Columns:
    """The columns of whole lines. Between values each byte is compared, and what is left over must be digits."""
    chars = np.frombuffer(text, np.uint8)
    places = _places(chars, spelling)
    begins, ends = places[:-1] + spelling.widths, places[1:]
    # One part behind the other, from the first byte to the last: no index below leaves the text.
    if places[0, 0] or (begins > ends).any() or (begins[-1] != ends[-1]).any():
        raise OtherSpelling
    for words in spelling.words:
        # All runs of so many bytes, at every offset, seen as numbers.
        runs: npt.NDArray[Any] = np.ndarray(len(chars) - words.width + 1, f"u{words.width}", chars, strides=(1,))
        at = places[words.parts] + words.offsets
        if (runs[at] != words.signs).any():
            raise OtherSpelling
        runs[at] = words.zeros
    if not _are_hexadecimal(chars):
        raise OtherSpelling
    ordinals, samples, *counts = _numbers(chars, begins[spelling.numbers], ends[spelling.numbers])
    data, *first = (Spans(begins[part], ends[part]) for part in spelling.digits)
    if any((span.lengths % 2).any() for span in (data, *first)):
        raise OtherSpelling
    return Columns(text, ordinals, samples, data, first[0] if first else None, counts[0] if counts else None)


def _places(chars: Chars, spelling: _Spelling) -> Ints:
    """Where the parts of the spelling must stand, a row for each, by the quotes within them; last, where lines end."""
    found = np.flatnonzero(chars == _QUOTE)
    if not len(found) or len(found) % spelling.quotes:
        raise OtherSpelling
    quotes = found.reshape(-1, spelling.quotes).T
    places = np.empty((len(spelling.widths) + 1, quotes.shape[1]), np.int64)
    quoted = len(spelling.first_quotes)
    places[:quoted] = quotes[spelling.first_quotes] - spelling.before_quotes
    places[-1, :-1] = places[0, 1:]
    places[-1, -1] = len(chars)
    if quoted < len(spelling.widths):  # there is no quote behind a number
        places[-2] = places[-1] - spelling.widths[-1]
    return places


def _are_hexadecimal(chars: Chars) -> bool:
    """Whether all are 0 to 9 or A to F. Of what is between them the difference is small; below, it wraps around."""
    return bool(chars.min() >= _ZERO and chars.max() <= _F and (chars - _BEHIND_NINE).min() >= _BETWEEN)


def _numbers(chars: Chars, begins: Ints, ends: Ints) -> Ints:
    """Whole numbers as JSON spells them, without a sign. Raises OtherSpelling for any other, and for very long ones."""
    lengths = ends - begins
    longest = int(lengths.max())
    if longest > _DIGITS or not lengths.all() or ((chars[begins] == _ZERO) & (lengths > 1)).any():
        raise OtherSpelling
    back = np.arange(longest, 0, -1).reshape(-1, 1, 1)
    digits = chars.take(ends - back, mode="clip") - _ZERO
    digits[back > lengths] = 0
    if digits.max() > 9:
        raise OtherSpelling
    values = np.zeros(ends.shape, np.int64)
    for place in digits:
        values = values * 10 + place
    return values
