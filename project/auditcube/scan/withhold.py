"""A text without what must not be published: a mark in the place of each thing; and what each was. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from auditcube.scan.files import look_at_lines
from auditcube.scan.look import LeafHit, Pairs, escaped, look, look_at_json, parse, withheld

_ROUNDS = 8  # a mark may bring to light what stood in the shadow of a longer finding
WHOLE = "whole-text"  # the rule of a leaf or line that could not be cleaned otherwise


@dataclass(frozen=True)
class Item:
    """One thing withheld: by which rule, where, and what it was."""

    rule: str
    value: str
    line: int | None = None
    pointer: str | None = None


def withhold(data: bytes, name: str) -> tuple[bytes, list[Item]]:
    """A file's content with every finding replaced by a mark; the same bytes where nothing is found.

    `name` says how it is read: JSON by its members, JSON lines by those of each line, else as lines of text.
    """
    if name.endswith(".json") and (done := _document(data.decode("utf-8", "replace"), indent=2)) is not None:
        text, found = done
        return (text + "\n").encode("utf-8", "replace") if found else data, found
    hits = look_at_lines(data, name)
    if not hits:
        return data, []
    records = name.endswith(".jsonl")
    items: list[Item] = []
    if not records:
        data = _without_blocks(data, items)
        hits = look(data)
    lines = data.split(b"\n")
    for number in sorted({hit.line for hit in hits}):
        text = lines[number].decode("utf-8", "replace")
        clean, found = _record(text) if records else _line(text)
        lines[number] = clean.encode("utf-8", "replace")
        items += [Item(item.rule, item.value, number + 1, item.pointer) for item in found]
    return b"\n".join(lines), items


def _without_blocks(data: bytes, items: list[Item]) -> bytes:
    """The text without what goes over several lines, as a private key does: no line of it is to stay."""
    for _ in range(_ROUNDS):
        blocks = [hit for hit in look(data) if not hit.decoded and b"\n" in data[hit.start : hit.end]]
        if not blocks:
            break
        for hit in reversed(blocks):
            items.append(Item(hit.rule, data[hit.start : hit.end].decode("utf-8", "replace"), hit.line + 1))
            data = data[: hit.start] + withheld(hit.rule).encode() + data[hit.end :]
    return data


def _record(text: str) -> tuple[str, list[Item]]:
    """One line of JSON lines; as a whole where its members do not show what the line does."""
    done = _document(text, indent=None)
    left = [] if done is None else look_at_lines(done[0].encode("utf-8", "replace"), ".jsonl")
    if done is not None and not left:
        return done
    rule = left[0].rule if left else WHOLE
    return json.dumps(withheld(rule)), [Item(rule, text)]


def _line(text: str) -> tuple[str, list[Item]]:
    """One line of text."""
    items: list[Item] = []
    data = text.encode("utf-8", "replace")
    rule = WHOLE
    for _ in range(_ROUNDS):
        hits = look(data)
        if not hits:
            return data.decode("utf-8", "replace"), items
        if any(hit.decoded for hit in hits):
            rule = hits[0].rule
            break
        for hit in reversed(hits):
            items.append(Item(hit.rule, data[hit.start : hit.end].decode("utf-8", "replace")))
            data = data[: hit.start] + withheld(hit.rule).encode() + data[hit.end :]
    return withheld(rule), [Item(rule, text)]


def _document(text: str, indent: int | None) -> tuple[str, list[Item]] | None:
    """A JSON document; None for what is none, and where two members of an object have one name."""
    try:
        value = parse(text)
        clean, items = withhold_in_json(value)
        if not items:
            return text, []
        separators = (",", ":") if indent is None else None
        return json.dumps(clean, indent=indent, separators=separators, ensure_ascii=False, allow_nan=False), items
    except (ValueError, RecursionError):
        return None


def withhold_in_json(value: Any) -> tuple[Any, list[Item]]:
    """A JSON value with marks in its strings and names; numbers that are withheld become strings.

    Raises ValueError if two members of an object have one name: one of them would be lost.
    """
    items: list[Item] = []
    for _ in range(_ROUNDS):
        if not (hits := look_at_json(value)):
            return _plain(value), items
        value = replace(value, hits, items)
    hits = look_at_json(value)
    last = [hit._replace(start=0, end=1 << 30, rule=WHOLE) for hit in hits]
    return _plain(replace(value, last, items)), items


def replace(value: Any, hits: list[LeafHit], items: list[Item]) -> Any:
    """The value with a mark for each of `hits`; what they were is added to `items`."""
    by_leaf: dict[tuple[str, bool], list[LeafHit]] = {}
    for hit in hits:
        by_leaf.setdefault((hit.pointer, hit.key), []).append(hit)

    def cut(text: str, at: str, key: bool) -> str:
        for hit in sorted(by_leaf.get((at, key), ()), key=lambda each: -each.start):
            if text[hit.start : hit.end]:
                items.append(Item(hit.rule, text[hit.start : hit.end], pointer=at))
                text = text[: hit.start] + withheld(hit.rule) + text[hit.end :]
        return text

    def walk(item: Any, at: str) -> Any:
        if isinstance(item, (dict, Pairs)):
            members = item.items() if isinstance(item, dict) else item
            below = ((name, member, f"{at}/{escaped(str(name))}") for name, member in members)
            return Pairs([(cut(str(name), here, True), walk(member, here)) for name, member, here in below])
        if isinstance(item, list):
            return [walk(member, f"{at}/{number}") for number, member in enumerate(item)]
        if (at, False) not in by_leaf or item is None or isinstance(item, bool):
            return item
        return cut(item if isinstance(item, str) else repr(item), at, False)

    return walk(value, "")


def _plain(value: Any) -> Any:
    if isinstance(value, Pairs):
        members = {name: _plain(member) for name, member in value}
        if len(members) != len(value):
            raise ValueError("two members have one name")
        return members
    return [_plain(item) for item in value] if isinstance(value, list) else value
