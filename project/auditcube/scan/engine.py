"""Many rules in one pass over the bytes: where any rule's anchor stands, then that rule's pattern, there alone.

The pass is Hyperscan's first stage in numpy: every anchor is in one of 16 buckets, and a position stays a candidate of
a bucket while the pairs of bytes at it, one further on and two further on are those of an anchor there. Groups of
digits and addresses have no letters to go by; their places follow from where runs of digits, and colons, stand. Pure.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from auditcube.scan.rule import Match, Rule, span

# Buckets by whether a letter or digit must not stand before the anchor, and by how many bytes of it are looked at: one
# of two bytes says nothing about the pair after it, and would let the others of its bucket pass.
_FREE = 5  # buckets for anchors before which anything may stand
_BUCKETS_OF = {
    (False, 2): (0,), (False, 3): (1,), (False, 4): (2, 3, 4),
    (True, 2): (5,), (True, 3): (6, 7, 8), (True, 4): (9, 10, 11, 12, 13, 14, 15),
}  # fmt: skip
_AHEAD = 400  # a match that begins before its anchor ends within so many bytes behind it
_FOLD = 0x20  # upper case and lower case of a letter differ in this bit
_HEADS = (8, 6, 4, 3, 2, 1)  # bytes of an anchor that are compared at once: as many as it has
_ALNUM = np.array([byte < 128 and chr(byte).isalnum() for byte in range(256)])
_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.intp]
_Words = npt.NDArray[np.uint64]
# Called with a text, a place in it, and where the text stops that may be looked at.
_Matcher = Callable[[bytes, int, int], Match | None]


class Span(NamedTuple):
    """What must not be published: bytes `start` to `end`, by which rule."""

    start: int
    end: int
    rule: Rule


class _Trial(NamedTuple):
    """What is tried where the first `size` bytes of an anchor stand, if its rest follows there."""

    size: int
    rest: bytes
    rule: Rule
    match: _Matcher


class _Heads(NamedTuple):
    """The beginnings of anchors that have one size: as words, and what is tried at each.

    `trials` has two lists for each word: the trials at a place, and those at one that a letter or digit stands before.
    """

    size: int
    marks: npt.NDArray[np.bool_]  # by the hash of a word: whether it may be one of them
    words: _Words  # ascending
    trials: list[list[_Trial]]

    def of(self, words: _Words, inside: npt.NDArray[np.bool_]) -> tuple[_Places, list[list[_Trial]]]:
        """At which of these places something is to be tried, and what.

        `words` are the next eight bytes at each place, `inside` whether a letter or digit stands before it.
        """
        ours = words & np.uint64((1 << 8 * self.size) - 1)
        likely = np.flatnonzero(self.marks.take(_hashed(ours)))
        which = np.searchsorted(self.words, ours[likely])
        same = self.words.take(which, mode="clip") == ours[likely]
        indices = likely[same]
        return indices, [self.trials[number] for number in (2 * which[same] + inside[indices]).tolist()]


class Engine:
    """A set of rules, made ready."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        by_anchor: dict[bytes, list[Rule]] = {}
        self._shaped: list[tuple[Rule, _Trial]] = []
        for rule in rules:
            anchors = {_fold(anchor.encode()) for anchor in rule.anchors}
            for anchor in sorted(anchors):
                if not any(anchor.startswith(other) for other in anchors - {anchor}):
                    by_anchor.setdefault(anchor, []).append(rule)
            if rule.shape != "anchor":
                self._shaped.append((rule, _Trial(0, b"", rule, _matcher(rule))))
        self._first, self._second, self._third = (np.zeros(1 << 16, np.uint16) for _ in range(3))
        self._behind = np.where(_ALNUM, sum(1 << bucket for bucket in range(_FREE)), 0xFFFF).astype(np.uint16)
        self._fill(by_anchor)
        self._heads = list(_heads(by_anchor))

    def _fill(self, by_anchor: Mapping[bytes, Sequence[Rule]]) -> None:
        """Put the first bytes of every anchor into the tables of the pass."""
        classes: dict[tuple[bool, int], dict[bytes, None]] = {}
        for anchor, rules in sorted(by_anchor.items()):
            classes.setdefault((all(rule.bounded for rule in rules), max(2, len(anchor[:4]))), {})[anchor[:4]] = None
        for kind, heads in classes.items():
            buckets = _BUCKETS_OF[kind]
            for number, head in enumerate(heads):  # neighbours share a bucket: few pairs then lead to few others
                bit = 1 << buckets[number * len(buckets) // len(heads)]
                _allow(self._first, head[:1], head[1:2], bit)
                _allow(self._second, head[1:2], head[2:3], bit)
                _allow(self._third, head[2:3], head[3:4], bit)

    def spans(self, text: bytes) -> list[Span]:
        """What the rules find, in order; of two that overlap the longer.

        But for rules of several `lines`, a match ends in the line that it begins in, and nothing behind that line
        counts: what is found in it is the same wherever it stands.
        """
        if not text:
            return []
        found: set[Span] = set()
        low = text.translate(_FOLDED)
        for place, end, trials in self._candidates(text):
            for size, rest, rule, at in trials:
                if rest and not low.startswith(rest, place + size):
                    continue
                match = at(text, place, end + 1)
                if match and match.end() > end and not rule.lines:
                    match = at(text, place, end)
                if match and (rule.check is None or rule.check(match)):
                    found.add(Span(*span(match), rule))
        return _without_overlaps(found)

    def _candidates(self, text: bytes) -> Iterator[tuple[int, int, Sequence[_Trial]]]:
        """Where something is to be tried, where the line ends there, and what."""
        data = np.frombuffer(text + bytes(8), np.uint8)
        breaks = np.append(np.flatnonzero(data[: len(text)] == ord("\n")), len(text))
        pairs = np.ndarray((len(data) - 1,), "<u2", data | np.uint8(_FOLD), strides=(1,)).copy()  # two bytes each
        hits = self._first.take(pairs[:-6])
        hits &= self._second.take(pairs[1:-5])
        at = np.flatnonzero(hits != 0)
        hits = hits[at] & self._third[pairs[at + 2]] & self._behind[data[at - 1]]
        at = at[hits != 0]
        words: Any = sum(pairs[at + 2 * part].astype(np.uint64) << np.uint64(16 * part) for part in range(4))
        inside = _ALNUM[data[at - 1]] & (at > 0)
        for heads in self._heads:
            indices, trials = heads.of(words, inside)
            places = at[indices]
            yield from zip(places.tolist(), breaks[np.searchsorted(breaks, places)].tolist(), trials, strict=True)
        shapes = _Shapes(data)
        for rule, trial in self._shaped:
            found = shapes.places(rule)
            yield from zip(found, breaks[np.searchsorted(breaks, found)].tolist(), itertools.repeat((trial,)))


def _matcher(rule: Rule) -> _Matcher:
    pattern = re.compile(rule.pattern.encode())
    if rule.reach:
        return _Reaching(rule, pattern)
    return (lambda text, place, _: pattern.match(text, place)) if rule.lines else pattern.match


class _Reaching:
    """Matches that begin before their anchor: how the pattern of a rule with `reach` is tried."""

    def __init__(self, rule: Rule, pattern: re.Pattern[bytes]) -> None:
        self._rule, self._pattern = rule, pattern
        self._ahead = re.compile(rf"(?s:.{{0,{rule.reach}}}?)(?={rule.pattern})".encode())
        self._lead = rule.lead.encode()

    def __call__(self, text: bytes, place: int, stop: int) -> Match | None:
        """The match that begins at most `reach` before `place` and reaches over it, in its line.

        `stop` is one behind the end of the line.
        """
        rule, end = self._rule, stop - 1
        start = max(0, place - rule.reach)
        start = max(start, text.rfind(b"\n", start, place) + 1)
        if self._lead:
            start += len(text[start:place].rstrip(self._lead))
            if start == place:
                return None
        while start <= place:
            ahead = self._ahead.match(text, start, min(end, place + _AHEAD))
            if ahead is None or ahead.end() > place:
                return None
            match = self._pattern.match(text, ahead.end(), end)
            if match and match.end() > place and (rule.check is None or rule.check(match)):
                return match
            start = ahead.end() + 1
        return None


def _heads(by_anchor: Mapping[bytes, Sequence[Rule]]) -> Iterator[_Heads]:
    matchers = {rule.id: _matcher(rule) for rules in by_anchor.values() for rule in rules}
    for size in _HEADS:
        known: dict[int, list[_Trial]] = {}
        for anchor, rules in by_anchor.items():
            if size == next(size for size in _HEADS if size <= len(anchor)):
                word = int.from_bytes(anchor[:size], "little")
                trials = [_Trial(size, anchor[size:], rule, matchers[rule.id]) for rule in rules]
                known.setdefault(word, []).extend(trials)
        if known:
            words = np.array(sorted(known), np.uint64)
            marks = np.zeros(1 << 16, np.bool_)
            marks[_hashed(words)] = True
            pairs = ((known[word], [t for t in known[word] if not t.rule.bounded]) for word in sorted(known))
            yield _Heads(size, marks, words, [trials for pair in pairs for trials in pair])


class _Shapes:
    """Where numbers stand that no letters announce."""

    def __init__(self, data: _Bytes) -> None:
        self._data = data
        digit = (data - np.uint8(ord("0"))) < 10
        edges = np.flatnonzero(digit[1:] != digit[:-1]) + 1
        if digit[0]:
            edges = np.concatenate([[0], edges])
        self._starts, ends = edges[::2], edges[1::2]
        self._lengths = np.minimum(ends - self._starts, 255).astype(np.uint8)
        self._gaps = np.minimum(self._starts[1:] - ends[:-1], 255).astype(np.uint8)
        self._between = data[ends[:-1]]

    def places(self, rule: Rule) -> list[int]:
        if rule.shape == "dotted":
            return self._dotted()
        if rule.shape == "letters":
            return sorted({place for group in rule.groups for place in self._lettered(*group)})
        if rule.shape == "groups":
            return sorted({place for lengths in rule.groups for place in self._grouped(lengths)})
        if rule.shape == "double colons":
            return self._double_colons()
        return self._pairs(ord(":") if rule.shape == "pairs with colons" else ord("-"))

    def _dotted(self) -> list[int]:
        joined = (self._gaps == 1) & (self._between == ord("."))
        short = self._lengths <= 3
        if len(short) < 4:
            return []
        fits = joined[:-2] & joined[1:-1] & joined[2:] & short[:-3] & short[1:-2] & short[2:-1] & short[3:]
        found: list[int] = self._starts[:-3][fits].tolist()
        return found

    def _lettered(self, count: int, digits: int = 0) -> list[int]:
        """Where a word begins with so many capitals and then a run of so many digits, of any length if 0."""
        starts, capitals, lengths = self._letters
        found: list[int] = starts[(capitals == count) & ((lengths == digits) | (digits == 0))].tolist()
        return found

    @cached_property
    def _letters(self) -> tuple[_Places, _Places, _Places]:
        """Where a word begins with capitals and then, perhaps after a blank or a dash, digits; how many of each."""
        capital = (self._data - np.uint8(ord("A"))) < 26
        edges = np.flatnonzero(capital[1:] != capital[:-1]) + 1
        if capital[0]:
            edges = np.concatenate([[0], edges])
        starts, ends = edges[::2], edges[1::2]
        digits = ends + ((self._data[ends] == ord(" ")) | (self._data[ends] == ord("-")))
        which = np.searchsorted(self._starts, digits)
        inside = (starts > 0) & _ALNUM[self._data[starts - 1]]
        fits = ~inside & (np.append(self._starts, -1)[which] == digits)
        return starts[fits], (ends - starts)[fits], self._lengths[which[fits]]

    def _grouped(self, lengths: Sequence[int]) -> list[int]:
        """Runs of digits of these lengths, one or two other characters between each."""
        at = np.flatnonzero(self._lengths == lengths[0])
        for number, length in enumerate(lengths[1:], 1):
            at = at[at + number < len(self._lengths)]
            at = at[(self._lengths[at + number] == length) & (self._gaps[at + number - 1] <= 2)]
        found: list[int] = self._starts[at].tolist()
        return found

    def _pairs(self, mark: int) -> list[int]:
        """The first of five marks with two other characters between each, as in a MAC address."""
        at = np.flatnonzero(self._data == mark)
        wide = np.diff(at) == 3
        begins = wide[:-3] & wide[1:-2] & wide[2:-1] & wide[3:] if len(wide) > 3 else wide[:0]
        found: list[int] = at[: len(begins)][begins].tolist()
        return found

    def _double_colons(self) -> list[int]:
        """Two colons side by side, or the first of seven close to each other, as in an IPv6 address."""
        at = np.flatnonzero(self._data == ord(":"))
        begins = np.zeros(len(at), dtype=bool)
        begins[:-1] = np.diff(at) == 1
        begins[:-6] |= at[6:] - at[:-6] <= 6 * 5
        found: list[int] = at[begins].tolist()
        return found


_FOLDED = bytes(byte | _FOLD for byte in range(256))


def _fold(text: bytes) -> bytes:
    return text.translate(_FOLDED)


def _hashed(words: _Words) -> npt.NDArray[np.uint16]:
    """16 bits of each word, well mixed."""
    mixed: npt.NDArray[np.uint16] = (words * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(48)).astype(np.uint16)
    return mixed


def _allow(table: npt.NDArray[np.uint16], one: bytes, two: bytes, bit: int) -> None:
    """Set `bit` for every pair of bytes that are `one` and `two`; either may be empty, for any byte."""
    view = table.reshape(256, 256)  # [second byte, first byte]
    view[two[0] if two else slice(None), one[0] if one else slice(None)] |= np.uint16(bit)


def _without_overlaps(found: set[Span]) -> list[Span]:
    kept: list[Span] = []
    for each in sorted(found, key=lambda s: (s.start, -s.end, s.rule.id)):
        if kept and each.start < kept[-1].end:
            if each.end - each.start > kept[-1].end - kept[-1].start:
                kept[-1] = each
            continue
        kept.append(each)
    return kept
