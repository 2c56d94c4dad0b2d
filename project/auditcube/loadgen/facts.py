"""What both rules want to know of a log of TEST06 or TEST09, found in one reading of it.

There are facts of a log in LoadGen's own spelling alone whose data are whole tokens. Of any other log the functions
here say None, and each rule reads it for itself, entry by entry, which comes to the same verdicts.
"""

from __future__ import annotations

from binascii import unhexlify
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from auditcube.audits import test09
from auditcube.loadgen.columns import Columns, Ints, OtherSpelling, Spans, columns
from auditcube.loadgen.hexdata import DTYPES
from auditcube.loadgen.logged import Tally
from auditcube.loadgen.upstream.test06 import EOS, Checks

Bools = npt.NDArray[np.bool_]


def whole_tokens(path: Path, dtype: str) -> Iterator[tuple[Columns, Ints]]:
    """The columns of a log and the lengths of its data in tokens of `dtype`.

    Raises OtherSpelling as `columns` does, and where data, or those that were told first, are no whole tokens.
    """
    digits = 2 * np.dtype(DTYPES[dtype]).itemsize
    for some in columns(path):
        if any((span.lengths % digits).any() for span in (some.data, some.first) if span is not None):
            raise OtherSpelling
        yield some, some.data.lengths // digits


def decoded(texts: list[bytes], dtype: str) -> npt.NDArray[Any]:
    """The tokens of all these texts, one behind the other."""
    return np.frombuffer(unhexlify(b"".join(texts)), DTYPES[dtype])


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


def lengths(path: Path) -> LengthFacts | None:
    """The lengths of a log's answers in tokens of four bytes."""
    seen, found, misreported, halved = _Seen(), [], 0, True
    try:
        for some, tokens in whole_tokens(path, "int32"):
            seen.add(some)
            found.append(tokens)
            if some.counts is not None:
                misreported += int(np.count_nonzero(some.counts != tokens))
            halved = halved and _all_halved(some.text, some.data)
    except OtherSpelling:
        return None
    return LengthFacts(seen.tally(), test09.Lengths(np.concatenate(found), 0, misreported, halved))


def _all_halved(text: bytes, data: Spans) -> bool:
    spans = zip(data.begins.tolist(), data.ends.tolist(), strict=True)
    return all(test09.half_width(decoded([text[begin:end]], "int32")) for begin, end in spans)


class TokenFacts(NamedTuple):
    """Of a log of TEST06: what was counted of it, and what either rule finds.

    `found` is what the rule strict counts, but for answers with tokens without those that were told first, of which
    there are `without_first`: whether these are wanted, another log says. `checks` are upstream's.
    """

    tally: Tally
    found: Counter[str]
    without_first: int
    checks: Checks


def tokens(path: Path, dtype: str, eos: tuple[int, ...], *, told_first: bool) -> TokenFacts | None:
    """All checks of every answer. `told_first`: upstream's script looks at `token_data`, which then must be there."""
    if dtype == "float32":  # equal numbers, of which there are different digits
        return None
    seen, found, without_first = _Seen(), Counter[str](), 0
    first = ends = reported = True
    try:
        for some, lengths in whole_tokens(path, dtype):
            if some.counts is None or (told_first and some.first is None):
                raise OtherSpelling
            seen.add(some)
            texts, stops = some.data.of(some.text), lengths.cumsum()
            spelled = _spelled(texts, dtype)
            found.update(_ends(_among(spelled, eos, dtype), lengths, stops))
            long = stops[lengths > 2]
            last_two = (_among(spelled[long - back], (EOS,), dtype) for back in (1, 2))
            ends = ends and not np.logical_and(*last_two).any()
            differing = int(np.count_nonzero(some.counts != lengths))
            reported = reported and not differing
            found.update({"answers": len(lengths), "length_differs": differing})
            told = [] if some.first is None else some.first.of(some.text)
            found["first_token_differs"] += sum(
                1 for text, one in zip(texts, told, strict=False) if one and text and not text.startswith(one)
            )
            first = first and all(text.startswith(one[: len(text)]) for text, one in zip(texts, told, strict=False))
            lacking = lengths > 0 if some.first is None else (lengths > 0) & (some.first.lengths == 0)
            without_first += int(np.count_nonzero(lacking))
    except OtherSpelling:
        return None
    return TokenFacts(seen.tally(), found, without_first, Checks(first if told_first else None, bool(ends), reported))


def _spelled(texts: list[bytes], dtype: str) -> npt.NDArray[Any]:
    """The digits of all tokens: a row for each, in which up to eight of them are one number."""
    digits = 2 * np.dtype(DTYPES[dtype]).itemsize
    return np.frombuffer(b"".join(texts), f"u{min(digits, 8)}").reshape(-1, -(-digits // 8))


def _among(spelled: npt.NDArray[Any], ids: tuple[int, ...], dtype: str) -> Bools:
    """Which tokens are one of these, by their digits: nothing needs to be decoded."""
    found = np.zeros(len(spelled), bool)
    for one in ids:
        try:
            token = one.to_bytes(np.dtype(DTYPES[dtype]).itemsize, "little", signed=True)
        except OverflowError:
            continue  # no token of this type is that one
        wanted = _spelled([token.hex().upper().encode()], dtype)[0]
        found |= np.logical_and.reduce([spelled[:, place] == digits for place, digits in enumerate(wanted)])
    return found


def _ends(is_eos: Bools, lengths: Ints, stops: Ints) -> dict[str, int]:
    """How many answers have more than one EOS, how many have one within, and how many are empty."""
    counts = np.bincount(np.searchsorted(stops, np.flatnonzero(is_eos), side="right"), minlength=len(stops))
    filled = lengths > 0
    at_the_end = np.zeros(len(stops), bool)
    at_the_end[filled] = is_eos[stops[filled] - 1]
    found = {"several_eos": counts > 1, "eos_within": (counts == 1) & ~at_the_end, "empty": ~filled}
    return {name: int(np.count_nonzero(those)) for name, those in found.items()}
