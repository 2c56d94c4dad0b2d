"""Reading event lines many at a time, where they are laid out exactly as `to_lines` writes them.

A line without its digits is its skeleton. The writer has a few hundred: one for each status and each choice of optional
members. A line with one of these skeletons, and with as many numbers as it has members for them, each between a colon
and what ends a member, is an event, and where its numbers stand is known, so that they are read as columns, without an
object per line. Any other line, and one with a number of more than `_DIGITS` digits or with a leading zero, is left to
the strict reader.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import orjson

from auditcube.evidence.events import Event, Status, to_lines

_DIGITS = 16  # two words of 8 bytes: as nanoseconds, 115 days
# In the order in which they are written; what is written together is chosen together.
REQUIRED = ("ordinal", "sample", "due_ns", "issued_ns", "done_ns")
_OPTIONAL = (("http_status",), ("tries",), ("first_ns", "last_ns", "chunks"), ("tokens_in",), ("tokens_out",))
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
    kinds, kind_of = _kinds(block)
    # Where the numbers of each line begin among all; the line break behind a line is behind its numbers.
    behind = np.searchsorted(starts, np.flatnonzero(text == ord("\n")))
    firsts = np.concatenate([[0], behind[:-1]])
    lengths, after = ends - starts, text[ends]
    unusual = (lengths > _DIGITS) | ((text[starts] == ord("0")) & (lengths > 1))
    unusual |= (text[starts - 1] != ord(":")) | ((after != ord(",")) & (after != ord("}")))
    kind_of[np.searchsorted(behind, np.flatnonzero(unusual), side="right")] = -1
    for kind, (status, members) in enumerate(kinds):
        lines = np.flatnonzero(kind_of == kind)
        whole = behind[lines] - firsts[lines] == len(members)
        kind_of[lines[~whole]] = -1
        lines = lines[whole]
        columns["status"][lines] = codes[status]
        for place, member in enumerate(members):
            if member in columns:
                at = firsts[lines] + place
                columns[member][lines] = _numbers(text, starts[at], ends[at])
    odd: list[int] = np.flatnonzero(kind_of < 0).tolist()
    return odd


def _kinds(block: bytes) -> tuple[list[tuple[str, tuple[str, ...]]], _Places]:
    """The layouts whose skeletons occur, and for each line which of them it has, or -1."""
    skeletons = block.translate(None, b"0123456789").split(b"\n")[:-1]
    layouts = _layouts()
    found = {skeleton: number for number, skeleton in enumerate(set(skeletons) & layouts.keys())}
    kind_of = np.array([found.get(skeleton, -1) for skeleton in skeletons], dtype=np.intp)
    return [layouts[skeleton] for skeleton in found], kind_of


@cache
def _layouts() -> dict[bytes, tuple[str, tuple[str, ...]]]:
    """Skeleton -> status and the names of its numbers, in order: made by the writer itself."""
    found = {}
    for chosen in itertools.product((False, True), repeat=len(_OPTIONAL)):
        members = [name for take, names in zip(chosen, _OPTIONAL, strict=True) if take for name in names]
        for status in Status:
            event: dict[str, Any] = {**dict.fromkeys(REQUIRED, 0), "status": status.value, "bytes_in": 0}
            line = to_lines([cast(Event, event | dict.fromkeys(members, 0))])
            record = orjson.loads(line)
            numbers = tuple(name for name, value in record.items() if type(value) is int)
            found[line.translate(None, b"0\n")] = status.value, numbers
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
