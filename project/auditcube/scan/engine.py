"""Many rules in one pass over the bytes: where any rule's anchor stands, then that rule's pattern, there alone.

The pass is Hyperscan's first stage in numpy: every anchor is in one of 16 buckets, and a position stays a candidate of
a bucket while the pair of bytes at it, and the pair two further on, are those of an anchor there. Digit groups and
addresses have no letters to go by; their places follow from where runs of digits, and colons, stand. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
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

_ALNUM = [byte < 128 and chr(byte).isalnum() for byte in range(256)]
_AtOnce = Callable[..., Match | None]
_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.intp]


class Span(NamedTuple):
    """What must not be published: bytes `start` to `end`, by which rule."""

    start: int
    end: int
    rule: Rule


class Engine:
    """A set of rules, made ready."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._patterns = {rule.id: re.compile(rule.pattern.encode()) for rule in self._rules}
        self._ahead = {
            r.id: re.compile(rf"(?s:.{{0,{r.reach}}}?)(?={r.pattern})".encode()) for r in self._rules if r.reach
        }
        self._by_anchor: dict[bytes, list[Rule]] = {}
        for rule in self._rules:
            for anchor in rule.anchors:
                self._by_anchor.setdefault(_fold(anchor.encode()), []).append(rule)
        self._tables()

    def _tables(self) -> None:
        self._first = np.zeros(1 << 16, np.uint16)
        self._second = np.zeros(1 << 16, np.uint16)
        self._heads: dict[bytes, list[tuple[bytes, Rule, _AtOnce | None]]] = {}
        free = sum(1 << bucket for bucket in range(_FREE))
        self._behind = np.full(256, free, np.uint16)
        self._behind[[c for c in range(256) if not chr(c).isalnum() or c > 127]] = 0xFFFF
        classes: dict[tuple[bool, int], dict[bytes, None]] = {}
        for anchor, rules in sorted(self._by_anchor.items()):
            entries = ((anchor, rule, None if rule.reach else self._patterns[rule.id].match) for rule in rules)
            self._heads.setdefault(anchor[:4], []).extend(entries)
            classes.setdefault((all(rule.bounded for rule in rules), max(2, len(anchor[:4]))), {})[anchor[:4]] = None
        for kind, heads in classes.items():
            buckets = _BUCKETS_OF[kind]
            for number, head in enumerate(heads):  # neighbours share a bucket: few pairs then lead to few others
                bit = 1 << buckets[number * len(buckets) // len(heads)]
                _pairs(self._first, head[:2], bit)
                _pairs(self._second, head[2:], bit)
        self._exact = []
        for size in sorted({len(head) for head in self._heads}):
            by_word = {int.from_bytes(head, "little"): head for head in self._heads if len(head) == size}
            known = np.array(sorted(by_word), np.uint32)
            marks = np.zeros(1 << 16, bool)
            marks[_hashed(known)] = True
            self._exact.append((size, marks, known, [by_word[word] for word in sorted(by_word)]))

    def spans(self, text: bytes) -> list[Span]:
        """What the rules find, in order; of two that overlap the longer."""
        if not text:
            return []
        found: set[Span] = set()
        for place, rule, at_once in self._candidates(text):
            match = at_once(text, place) if at_once else self._reaching(text, place, rule)
            if match is None:
                continue
            if at_once and not rule.lines and (end := text.find(b"\n", place, match.end())) >= 0:
                match = at_once(text, place, end)
            if match and (rule.check is None or rule.check(match)):
                found.add(Span(*span(match), rule))
        return _without_overlaps(found)

    def _reaching(self, text: bytes, place: int, rule: Rule) -> Match | None:
        """The match that begins at most `reach` before `place` and reaches over it, in its line."""
        end = text.find(b"\n", place)
        end = len(text) if end < 0 else end
        start = max(0, place - rule.reach, text.rfind(b"\n", 0, place) + 1)
        if rule.lead:
            start += len(text[start:place].rstrip(rule.lead.encode()))
            if start == place:
                return None
        while start <= place:
            ahead = self._ahead[rule.id].match(text, start, min(end, place + _AHEAD))
            if ahead is None or ahead.end() > place:
                return None
            match = self._patterns[rule.id].match(text, ahead.end(), end)
            if match and match.end() > place and (rule.check is None or rule.check(match)):
                return match
            start = ahead.end() + 1
        return None

    def _candidates(self, text: bytes) -> Iterator[tuple[int, Rule, _AtOnce | None]]:
        """Where which rule is to be tried, with the match function of one that begins there."""
        data = np.frombuffer(text + bytes(4), np.uint8)
        folded = data | np.uint8(_FOLD)
        low = text.translate(_FOLDED)
        for place, head in self._anchored(data, folded):
            for anchor, rule, at_once in self._heads[head]:
                if low.startswith(anchor, place) and not (rule.bounded and place and _ALNUM[text[place - 1]]):
                    yield place, rule, at_once
        shapes = _Shapes(data)
        for rule in self._rules:
            if rule.shape != "anchor":
                at_once = None if rule.reach else self._patterns[rule.id].match
                yield from ((place, rule, at_once) for place in shapes.places(rule))

    def _anchored(self, data: _Bytes, folded: _Bytes) -> Iterator[tuple[int, bytes]]:
        """Where the first bytes of an anchor stand, and which."""
        pairs = np.ndarray((len(folded) - 1,), "<u2", folded, strides=(1,)).copy()  # the two bytes at each place
        hits = self._first.take(pairs[:-2])
        hits &= self._second.take(pairs[2:])
        hits[1:] &= self._behind.take(data[: len(hits) - 1])
        at = np.flatnonzero(hits)
        words = pairs[at].astype(np.uint32) | pairs[at + 2].astype(np.uint32) << np.uint32(16)
        for size, marks, known, heads in self._exact:
            words_of = words & np.uint32((1 << 8 * size) - 1)
            likely = np.flatnonzero(marks.take(_hashed(words_of)))
            which = np.searchsorted(known, words_of[likely])
            same = known.take(which, mode="clip") == words_of[likely]
            yield from zip(at[likely[same]].tolist(), [heads[number] for number in which[same].tolist()], strict=True)


class _Shapes:
    """Where numbers stand that no letters announce."""

    def __init__(self, data: _Bytes) -> None:
        self._data = data
        digit = (data - np.uint8(ord("0"))) < 10
        edges = np.flatnonzero(digit[1:] != digit[:-1]) + 1
        if digit[0]:
            edges = np.concatenate([[0], edges])
        self._starts, ends = edges[::2], edges[1::2]
        self._lengths = ends - self._starts
        self._gaps = self._starts[1:] - ends[:-1]
        self._between = data[ends[:-1]]

    def places(self, rule: Rule) -> list[int]:
        if rule.shape == "dotted":
            return self._dotted()
        if rule.shape == "letters":
            lengths = {length for group in rule.groups for length in group}
            return [place for place, length in self._letters if length in lengths]
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

    @cached_property
    def _letters(self) -> list[tuple[int, int]]:
        """Where a word begins with one to six capitals and then, perhaps after a blank, a digit; and how many."""
        capital = (self._data - np.uint8(ord("A"))) < 26
        edges = np.flatnonzero(capital[1:] != capital[:-1]) + 1
        if capital[0]:
            edges = np.concatenate([[0], edges])
        starts, ends = edges[::2], edges[1::2]
        follows = self._data[ends]
        blank = follows == ord(" ")
        follows = np.where(blank, self._data[np.minimum(ends + 1, len(self._data) - 1)], follows)
        ahead = self._data[np.maximum(starts - 1, 0)]
        inside = (starts > 0) & np.array(_ALNUM)[ahead]
        fits = ~inside & (ends - starts <= 6) & ((follows - np.uint8(ord("0"))) < 10)
        return list(zip(starts[fits].tolist(), (ends - starts)[fits].tolist(), strict=True))

    def _grouped(self, lengths: Sequence[int]) -> list[int]:
        """Runs of digits of these lengths, one or two other characters between each."""
        count = len(self._lengths) - len(lengths) + 1
        if count <= 0 or not self._present.issuperset(lengths):
            return []
        fits = np.ones(count, dtype=bool)
        for number, length in enumerate(lengths):
            fits &= self._lengths[number : number + count] == length
            if number:
                fits &= self._gaps[number - 1 : number - 1 + count] <= 2
        found: list[int] = self._starts[:count][fits].tolist()
        return found

    @cached_property
    def _present(self) -> set[int]:
        """The lengths that runs of digits have."""
        return set(np.unique(self._lengths).tolist())

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


def _hashed(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint16]:
    """16 bits of each word, well mixed."""
    mixed: npt.NDArray[np.uint16] = (words * np.uint32(2654435761) >> np.uint32(16)).astype(np.uint16)
    return mixed


def _pairs(table: npt.NDArray[np.uint16], pair: bytes, bit: int) -> None:
    """Set `bit` for every pair of bytes, the low one first, that begins with `pair`."""
    view: Any = table.reshape(256, 256)  # [second byte, first byte]
    if len(pair) == 2:
        view[pair[1], pair[0]] |= bit
    elif pair:
        view[:, pair[0]] |= bit
    else:
        view |= bit


def _without_overlaps(found: set[Span]) -> list[Span]:
    kept: list[Span] = []
    for each in sorted(found, key=lambda s: (s.start, -s.end, s.rule.id)):
        if kept and each.start < kept[-1].end:
            if each.end - each.start > kept[-1].end - kept[-1].start:
                kept[-1] = each
            continue
        kept.append(each)
    return kept
