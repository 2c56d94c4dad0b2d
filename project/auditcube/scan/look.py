"""What the rule pack finds in a text or in a JSON value, in any of the ways that it can be decoded. Pure."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from auditcube.scan.decode import views
from auditcube.scan.engine import Engine
from auditcube.scan.pack import RULES
from auditcube.scan.rule import MARK, Family


class Hit(NamedTuple):
    """One thing found in a text: bytes `start` to `end`, or the whole line where it only shows once decoded."""

    rule: str
    family: Family
    start: int
    end: int
    line: int  # from 0
    length: int  # characters of what was found, as decoded
    decoded: bool


class Leaf(NamedTuple):
    """One string, number or key of a JSON value: where it is, and whether it is the member's name."""

    pointer: str
    text: str
    key: bool


class LeafHit(NamedTuple):
    """One thing found in a JSON value; `start` and `end` are characters of the leaf's text."""

    rule: str
    pointer: str
    start: int
    end: int
    length: int
    key: bool


@cache
def engine() -> Engine:
    """The rule pack, made ready once."""
    return Engine(RULES)


def look(text: bytes) -> list[Hit]:
    """Everything found in `text`, by place."""
    lines = Lines(text)
    plain = [
        Hit(s.rule.id, s.rule.family, s.start, s.end, lines.of(s.start), _characters(text[s.start : s.end]), False)
        for s in engine().spans(text)
    ]
    known = {(hit.rule, hit.line) for hit in plain}
    for rule, family, line, length in _decoded(text):
        if (rule, line) not in known:
            known.add((rule, line))
            plain.append(Hit(rule, family, *lines.bounds(line), line, length, True))
    return sorted(plain, key=lambda hit: (hit.start, hit.end, hit.rule))


def _decoded(text: bytes) -> Iterator[tuple[str, Family, int, int]]:
    numbers, parts = [], []
    for number, view in views(text):
        numbers.append(number)
        parts.append(view)
    joined = b"\n".join(parts)
    lines = Lines(joined)
    for s in engine().spans(joined):
        yield s.rule.id, s.rule.family, numbers[lines.of(s.start)], _characters(joined[s.start : s.end])


class Lines:
    """Which line a byte of a text is in."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    @cached_property
    def _ends(self) -> list[int]:
        found: list[int] = np.flatnonzero(np.frombuffer(self._text, np.uint8) == ord("\n")).tolist()
        return [*found, len(self._text)]

    def of(self, place: int) -> int:
        return bisect_left(self._ends, place)

    def bounds(self, line: int) -> tuple[int, int]:
        """Begin and end of a line, its line break left out."""
        return self._ends[line - 1] + 1 if line else 0, self._ends[line]


def _characters(text: bytes) -> int:
    return len(text.decode("utf-8", "replace"))


def look_at_json(value: Any) -> list[LeafHit]:
    """Everything found in the leaves and keys of a JSON value; an object may be a list of pairs, see `leaves`."""
    return look_at_leaves(list(leaves(value)))


def look_at_leaves(found: Iterable[Leaf]) -> list[LeafHit]:
    """The same for leaves: each stands in a line of its own behind the name of its member, as rules expect it."""
    return _per_leaf(*_lines_of(found))


def text_of_json(value: Any) -> bytes:
    """The text that is looked at for the leaves of a JSON value: `look_at_json` without the places, and cheaper."""
    parts: list[str] = []
    _add_lines(value, "", parts)
    return "\n".join(parts).encode("utf-8", "replace")


def _add_lines(value: Any, name: str, parts: list[str]) -> str:
    """Add the lines of a value; returns the name that stands before the next leaf."""
    if isinstance(value, str):
        parts.append(f'"{name}": "{value}"')
    elif isinstance(value, (dict, Pairs)):
        for key, member in value.items() if isinstance(value, dict) else value:
            parts.append(f'"{key}"')
            name = str(key).replace("\n", " ")
            if isinstance(member, str):  # as above, and nearly all are
                parts.append(f'"{name}": "{member}"')
            else:
                name = _add_lines(member, name, parts)
    elif isinstance(value, list):
        for member in value:
            name = _add_lines(member, name, parts)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        parts.append(f'"{name}": "{value!r}"')
    return name


def _lines_of(found: Iterable[Leaf]) -> tuple[bytes, list[tuple[int, int, Leaf]]]:
    places: list[tuple[int, int, Leaf]] = []  # begin and end of each leaf's text
    parts: list[bytes] = []
    size = 0
    name = b""
    for leaf in found:
        text = leaf.text.encode("utf-8", "replace")
        before = b'"' if leaf.key else b'"' + name + b'": "'
        if leaf.key:
            name = text.replace(b"\n", b" ")
        places.append((size + len(before), size + len(before) + len(text), leaf))
        parts.append(before + text + b'"')
        size += len(parts[-1]) + 1
    return b"\n".join(parts), places


def _per_leaf(text: bytes, places: list[tuple[int, int, Leaf]]) -> list[LeafHit]:
    begins = [begin for begin, _, _ in places]
    found = {}
    for hit in look(text):
        # A line that only shows something once decoded begins with the name: its end is in the leaf.
        begin, end, leaf = places[max(0, bisect_right(begins, hit.end - 1 if hit.decoded else hit.start) - 1)]
        if hit.decoded:
            span = 0, len(leaf.text)
        else:
            start, stop = max(begin, hit.start), min(end, hit.end)
            if start >= stop:
                continue
            span = _characters(text[begin:start]), _characters(text[begin:stop])
        found[hit.rule, leaf.pointer, span[0]] = LeafHit(hit.rule, leaf.pointer, *span, hit.length, leaf.key)
    return list(found.values())


def leaves(value: Any, pointer: str = "") -> Iterator[Leaf]:
    """Every key and every leaf but true, false and null, in order.

    An object that was read as `Pairs` keeps members that stand twice.
    """
    pending: list[tuple[str, Any]] = [(pointer, value)]
    while pending:
        at, item = pending.pop()
        if isinstance(item, Leaf):
            yield item
        elif isinstance(item, (dict, Pairs)):
            members = item.items() if isinstance(item, dict) else list(item)
            inner: list[tuple[str, Any]] = []
            for name, member in members:
                below = f"{at}/{escaped(str(name))}"
                inner += [("", Leaf(below, str(name), True)), (below, member)]
            pending.extend(reversed(inner))
        elif isinstance(item, list):
            pending.extend((f"{at}/{number}", member) for number, member in reversed(list(enumerate(item))))
        elif isinstance(item, str):
            yield Leaf(at, item, False)
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            yield Leaf(at, repr(item), False)


class Pairs(tuple[tuple[str, Any], ...]):
    """The members of a JSON object as they stand in the file."""


def escaped(name: str) -> str:
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def parse(text: str) -> Any:
    """JSON with every member kept, also one that stands twice. Raises ValueError or RecursionError."""
    return json.loads(text, object_pairs_hook=Pairs)


def withheld(rule: str) -> str:
    """What stands in the place of something that was withheld."""
    return f"{MARK.decode()}{rule}]"
