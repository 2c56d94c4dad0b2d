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
    if block[:1].isdigit():
        return [*range(block.count(b"\n"))]  # no event does, and so every number has something in front of it
    text = np.frombuffer(block, dtype=np.uint8)
    digit = (text - ord("0")) < 10
    edges = np.flatnonzero(digit[1:] != digit[:-1])
    numbers = _Numbers(text, edges[::2], edges[1::2])
    skeletons = block.translate(None, b"0123456789")
    if (alike := _alike(skeletons)) is not None and not np.any(numbers.unusual):
        status, members = _layouts()[alike]
        if len(numbers) == len(members) * len(columns["status"]):  # no line has more than its members, hence each all
            columns["status"][:] = codes[status]
            for place, member in enumerate(members):
                if member in columns:
                    columns[member][:] = numbers.values(slice(place, None, len(members)))
            return []
    return _read_mixed(numbers, skeletons.split(b"\n")[:-1], columns, codes)


def _alike(skeletons: bytes) -> bytes | None:
    """The layout that all lines have, if they have the same: what nearly every block is."""
    first = skeletons[: skeletons.find(b"\n")]
    lines, rest = divmod(len(skeletons), len(first) + 1)
    return first if first in _layouts() and not rest and skeletons == (first + b"\n") * lines else None


def _read_mixed(
    numbers: _Numbers, skeletons: list[bytes], columns: Mapping[str, npt.NDArray[np.int64]], codes: Mapping[str, int]
) -> list[int]:
    """Fill `columns` from the lines that are plain, layout by layout; returns which are not."""
    kinds, kind_of = _kinds(skeletons)
    # Where the numbers of each line begin among all; the line break behind a line is behind its numbers.
    behind = np.searchsorted(numbers.before, np.flatnonzero(numbers.text == ord("\n")))
    firsts = np.concatenate([[0], behind[:-1]])
    kind_of[np.searchsorted(behind, np.flatnonzero(numbers.unusual), side="right")] = -1
    for kind, (status, members) in enumerate(kinds):
        lines = np.flatnonzero(kind_of == kind)
        whole = behind[lines] - firsts[lines] == len(members)
        kind_of[lines[~whole]] = -1
        lines = lines[whole]
        columns["status"][lines] = codes[status]
        for place, member in enumerate(members):
            if member in columns:
                columns[member][lines] = numbers.values(firsts[lines] + place)
    odd: list[int] = np.flatnonzero(kind_of < 0).tolist()
    return odd


def _kinds(skeletons: list[bytes]) -> tuple[list[tuple[str, tuple[str, ...]]], _Places]:
    """The layouts that occur, and for each line which of them it has, or -1."""
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


class _Numbers:
    """Runs of digits in a text that begins with none: where what stands in front of each is, and where its last digit.

    `unusual` says which are no number that an event holds.
    """

    def __init__(self, text: _Bytes, before: _Places, last: _Places) -> None:
        self.text, self.before, self._last = text, before, last
        self._lengths = last - before
        behind = text[1:][last]
        self.unusual = (self._lengths > _DIGITS) | ((text[1:][before] == ord("0")) & (self._lengths > 1))
        self.unusual |= (text[before] != ord(":")) | ((behind != ord(",")) & (behind != ord("}")))

    def __len__(self) -> int:
        return len(self.before)

    def values(self, which: slice | _Places) -> _Words:
        """The values of some of them, which must be members of an event: its first stands behind enough text for words
        of 8 bytes that begin in front of a number."""
        last, lengths = self._last[which], self._lengths[which]
        values = self._eight(last, np.minimum(lengths, 8))
        long = np.flatnonzero(lengths > 8)
        if len(long):
            values[long] += self._eight(last[long] - 8, lengths[long] - 8) * np.uint64(10**8)
        return values

    def _eight(self, last: _Places, lengths: _Places) -> _Words:
        """Runs of 1 to 8 digits: all at once in one word, pairs to twos, twos to fours, fours to eights."""
        words = np.ndarray((len(self.text) - 7,), dtype="<u8", buffer=self.text, strides=(1,))
        word: _Words = words[last - 7].astype(np.uint64)
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
