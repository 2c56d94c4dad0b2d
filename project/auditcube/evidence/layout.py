"""Reading event lines many at a time, where they are laid out exactly as `Event.to_line` writes them.

A line whose every run of digits is replaced by one 0 is its skeleton. The writer has a few hundred: one for each status
and each choice of optional members. A line with one of these skeletons is an event, and where its numbers stand is
known, so that they are read as columns, without an object per line. Any other line, and one with a number of more than
`_DIGITS` digits or with a leading zero, is left to the strict reader.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from auditcube.evidence.events import Event, Status

_DIGITS = 16  # two words of 8 bytes: as nanoseconds, 115 days
_OPTIONAL: tuple[Mapping[str, Any], ...] = (
    {"http_status": 1},
    {"first_ns": 1, "last_ns": 1},
    {"tokens_in": 1},
    {"tokens_out": 1},
    {"chunks": 1},
    {"tries": 2},
)
_Places = npt.NDArray[np.intp]
_Bytes = npt.NDArray[np.uint8]
_Words = npt.NDArray[np.uint64]


def read_plain(block: bytes, columns: Mapping[str, npt.NDArray[np.int64]], codes: Mapping[str, int]) -> list[int]:
    """Fill `columns`, one value per line of `block`, from the lines that are plain; returns which lines are not.

    `block` is whole lines. Members that have no column are checked and dropped; those that a line lacks are left as
    they are. `codes` gives the number that stands for a status in the column `status`.
    """
    text = np.frombuffer(bytes(_DIGITS) + block, dtype=np.uint8)  # what is before a number can be read without a check
    digit = (text - ord("0")) < 10
    edges = np.flatnonzero(digit[1:] != digit[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    kinds, kind_of = _kinds(text, digit)
    # The first number of each line; the line break behind a line is behind its numbers.
    firsts = np.searchsorted(starts, np.flatnonzero(text == ord("\n")))
    firsts = np.concatenate([[0], firsts[:-1]])
    unusual = (ends - starts > _DIGITS) | ((text[starts] == ord("0")) & (ends - starts > 1))
    kind_of[np.searchsorted(firsts, np.flatnonzero(unusual), side="right") - 1] = -1
    for kind, (status, members) in enumerate(kinds):
        lines = np.flatnonzero(kind_of == kind)
        columns["status"][lines] = codes[status]
        for place, member in enumerate(members):
            if member in columns:
                at = firsts[lines] + place
                columns[member][lines] = _numbers(text, starts[at], ends[at])
    odd: list[int] = np.flatnonzero(kind_of < 0).tolist()
    return odd


def _kinds(text: _Bytes, digit: npt.NDArray[np.bool_]) -> tuple[list[tuple[str, tuple[str, ...]]], _Places]:
    """The layouts that occur, and for each line which of them it has, or -1."""
    zeros = text & ~(digit.view(np.uint8) * np.uint8(15))  # 0x30 to 0x39 become 0x30
    kept = np.ones(len(text), dtype=np.bool_)
    np.logical_and(digit[1:], digit[:-1], out=kept[1:])
    np.logical_not(kept[1:], out=kept[1:])
    kept[:_DIGITS] = False
    skeletons = zeros[kept].tobytes().split(b"\n")[:-1]
    layouts = _layouts()
    found = {skeleton: number for number, skeleton in enumerate(set(skeletons) & layouts.keys())}
    kind_of = np.array([found.get(skeleton, -1) for skeleton in skeletons], dtype=np.intp)
    return [layouts[skeleton] for skeleton in found], kind_of


@cache
def _layouts() -> dict[bytes, tuple[str, tuple[str, ...]]]:
    """Skeleton -> status and the names of its numbers, in order: made by the writer itself."""
    found = {}
    for chosen in itertools.product((False, True), repeat=len(_OPTIONAL)):
        members = {name: n for take, part in zip(chosen, _OPTIONAL, strict=True) if take for name, n in part.items()}
        for status in Status:
            line = Event(0, 0, 0, 0, 0, status, **members).to_line()
            record = orjson.loads(line)
            skeleton = line[:-1].replace(b"1", b"0").replace(b"2", b"0")
            found[skeleton] = status.value, tuple(name for name, value in record.items() if type(value) is int)
    return found


def _numbers(text: _Bytes, starts: _Places, ends: _Places) -> _Words:
    """The values of runs of 1 to `_DIGITS` digits."""
    lengths = ends - starts
    values = _eight(text, ends, np.minimum(lengths, 8))
    long = np.flatnonzero(lengths > 8)
    if len(long):
        values[long] += _eight(text, ends[long] - 8, lengths[long] - 8) * np.uint64(10**8)
    return values


def _eight(text: _Bytes, ends: _Places, lengths: _Places) -> _Words:
    """The values of runs of 1 to 8 digits: all at once in one word, pairs to twos, twos to fours, fours to eights."""
    words = np.ndarray((len(text) - 7,), dtype="<u8", buffer=text, strides=(1,))
    word: _Words = words[ends - 8].astype(np.uint64)
    strangers = ((8 - lengths) * 8).astype(np.uint64)  # bits of what stands before the number: the low ones
    word &= np.uint64(0x0F0F0F0F0F0F0F0F)
    word >>= strangers
    word <<= strangers
    for shift, mask, factor in (
        (8, 0x00FF00FF00FF00FF, 10 * 2**8 + 1),
        (16, 0x0000FFFF0000FFFF, 100 * 2**16 + 1),
        (32, 0x00000000FFFFFFFF, 10_000 * 2**32 + 1),
    ):
        word *= np.uint64(factor)
        word >>= np.uint64(shift)
        word &= np.uint64(mask)
    return word
