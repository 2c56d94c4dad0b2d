"""What both rules want to know of a log of TEST06 or TEST09, found in one reading of it.

There are facts of a log in LoadGen's own spelling alone whose data are whole tokens. Of any other log the functions
here say None, and each rule reads it for itself, entry by entry, which comes to the same verdicts.
"""

from __future__ import annotations

import operator
from binascii import unhexlify
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from auditcube.audits import test09
from auditcube.loadgen.columns import Columns, Ints, OtherSpelling, Passed, Spans, columns
from auditcube.loadgen.hexdata import DTYPES
from auditcube.loadgen.logged import Tally
from auditcube.loadgen.upstream.test06 import EOS, Checks

Bools = npt.NDArray[np.bool_]


def whole_tokens(path: Path, dtype: str, passed: Passed | None) -> Iterator[tuple[Columns, Ints]]:
    """The columns of a log and the lengths of its data in tokens of `dtype`.

    Raises OtherSpelling as `columns` does, and where data, or those that were told first, are no whole tokens.
    """
    digits = 2 * np.dtype(DTYPES[dtype]).itemsize
    for some in columns(path, passed):
        if any((told.lengths % digits).any() for told in (some.data, some.first) if told is not None):
            raise OtherSpelling
        yield some, some.data.lengths // digits


def decoded(digits: bytes | memoryview, dtype: str) -> npt.NDArray[Any]:
    """The tokens that are spelled by these digits."""
    return np.frombuffer(unhexlify(digits), DTYPES[dtype])


class _Seen:
    """Which queries and samples were answered. Holds 16 bytes of each answer."""

    def __init__(self) -> None:
        self._ordinals: list[Ints] = []
        self._samples: list[Ints] = []

    def add(self, some: Columns) -> None:
        self._ordinals.append(some.ordinals)
        self._samples.append(some.samples)

    def tally(self) -> Tally:
        return Tally(sum(map(len, self._ordinals)), distinct(self._ordinals), distinct(self._samples))


def distinct(values: list[Ints]) -> int:
    """How many different values these arrays hold together."""
    ascending = np.concatenate(values)
    ascending.sort()
    return int(np.count_nonzero(ascending[1:] != ascending[:-1])) + bool(len(ascending))


class LengthFacts(NamedTuple):
    """Of a log of TEST09: what was counted of it, and the lengths of its answers."""

    tally: Tally
    lengths: test09.Lengths


def lengths(path: Path, passed: Passed | None = None) -> LengthFacts | None:
    """The lengths of a log's answers in tokens of four bytes."""
    seen, found, misreported, halved = _Seen(), [], 0, True
    try:
        for some, tokens in whole_tokens(path, "int32", passed):
            seen.add(some)
            found.append(tokens)
            if some.counts is not None:
                misreported += int(np.count_nonzero(some.counts != tokens))
            halved = halved and all(test09.half_width(decoded(text, "int32")) for text in some.data.of(some.text))
    except OtherSpelling:
        return None
    return LengthFacts(seen.tally(), test09.Lengths(np.concatenate(found), 0, misreported, halved))


class TokenFacts(NamedTuple):
    """Of a log of TEST06: what was counted of it, and what either rule finds.

    `found` is what the rule strict counts, but for answers with tokens without those that were told first, of which
    there are `without_first`: whether these are wanted, another log says. `checks` are upstream's.
    """

    tally: Tally
    found: Counter[str]
    without_first: int
    checks: Checks


def tokens(
    path: Path, dtype: str, eos: tuple[int, ...], *, told_first: bool, passed: Passed | None = None
) -> TokenFacts | None:
    """All checks of every answer. `told_first`: upstream's script looks at `token_data`, which then must be there."""
    if dtype == "float32":  # equal numbers, of which there are different digits
        return None
    seen, found, without_first = _Seen(), Counter[str](), 0
    first = ends = reported = True
    wanted, one_eos = _spelled_ids(eos, dtype), _spelled_ids((EOS,), dtype)
    try:
        for some, lengths in whole_tokens(path, dtype, passed):
            if some.counts is None or (told_first and some.first is None):
                raise OtherSpelling
            seen.add(some)
            stops = lengths.cumsum()
            spelled = _spelled(b"".join(some.data.of(some.text)), dtype)
            found.update(_ends(_among(spelled, wanted), lengths, stops))
            long = stops[lengths > 2]
            ends = ends and not (_among(spelled[long - 1], one_eos) & _among(spelled[long - 2], one_eos)).any()
            differing = int(np.count_nonzero(some.counts != lengths))
            reported = reported and not differing
            found.update({"answers": len(lengths), "length_differs": differing})
            filled, lacking = lengths > 0, lengths > 0
            if some.first is not None:
                alike, longer = _alike(some, some.first), some.first.lengths > some.data.lengths
                first = first and bool(alike.all())
                lacking = filled & (some.first.lengths == 0)
                found["first_token_differs"] += int(np.count_nonzero(filled & ~lacking & ~(alike & ~longer)))
            without_first += int(np.count_nonzero(lacking))
    except OtherSpelling:
        return None
    return TokenFacts(seen.tally(), found, without_first, Checks(first if told_first else None, bool(ends), reported))


def _alike(some: Columns, told: Spans) -> Bools:
    """Of each entry, whether its data and what was told first begin with the same, as far as both go."""
    text, shorter = some.text, np.minimum(some.data.lengths, told.lengths)
    ends = (Spans(begins, begins + shorter).of(text) for begins in (some.data.begins, told.begins))
    return np.fromiter(map(operator.eq, *ends), bool, len(shorter))


def _spelled(together: bytes, dtype: str) -> npt.NDArray[Any]:
    """The digits of all tokens: a row for each, in which up to eight of them are one number."""
    digits = 2 * np.dtype(DTYPES[dtype]).itemsize
    return np.frombuffer(together, f"u{min(digits, 8)}").reshape(-1, -(-digits // 8))


def _spelled_ids(ids: tuple[int, ...], dtype: str) -> list[npt.NDArray[Any]]:
    """The rows of these tokens; no token of this type is a larger one."""
    size = np.dtype(DTYPES[dtype]).itemsize
    held = [one for one in ids if -(2 ** (8 * size - 1)) <= one < 2 ** (8 * size - 1)]
    return [_spelled(one.to_bytes(size, "little", signed=True).hex().upper().encode(), dtype)[0] for one in held]


def _among(spelled: npt.NDArray[Any], wanted: list[npt.NDArray[Any]]) -> Bools:
    """Which tokens are one of these, by their digits: nothing needs to be decoded."""
    found = np.zeros(len(spelled), bool)
    for row in wanted:
        same = spelled[:, 0] == row[0]
        for place in range(1, len(row)):
            same &= spelled[:, place] == row[place]
        found |= same
    return found


def _ends(is_eos: Bools, lengths: Ints, stops: Ints) -> dict[str, int]:
    """How many answers have more than one EOS, how many have one within, and how many are empty."""
    counts = np.bincount(np.searchsorted(stops, np.flatnonzero(is_eos), side="right"), minlength=len(stops))
    filled = lengths > 0
    at_the_end = np.zeros(len(stops), bool)
    at_the_end[filled] = is_eos[stops[filled] - 1]
    found = {"several_eos": counts > 1, "eos_within": (counts == 1) & ~at_the_end, "empty": ~filled}
    return {name: int(np.count_nonzero(those)) for name, those in found.items()}
