"""Every small edit of a JSON value, as a forger would make it: one leaf, member or element at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple


class Edit(NamedTuple):
    """A value that differs in one place from another: where, and in what way."""

    pointer: str
    how: str
    value: Any


def edits(value: Any) -> Iterator[Edit]:
    """One edited copy after another."""
    for at in _places(value):
        for how, new in _instead(_get(value, at)):
            yield Edit(pointer(at), how, _with(value, at, new))
        if at:
            yield Edit(pointer(at), "removed", _without(value, at))


def pointer(at: tuple[Any, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in at)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _places(member, (*at, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from _places(member, (*at, number))


def _instead(value: Any) -> Iterator[tuple[str, Any]]:
    """What may stand in a value's place and look as if it belonged there."""
    if isinstance(value, bool):
        yield "turned round", not value
        yield "a number", int(value)
    elif isinstance(value, int):
        yield "one more", value + 1
        yield "much more", value * 7 + 10**6
        yield "one less", value - 1
        yield "a fraction", float(value)
    elif isinstance(value, float):
        yield "a little more", value * 1.001 + 1e-9
        yield "the other sign", -value if value else 1.0
    elif isinstance(value, str):
        yield from _texts(value)
    elif value is None:
        yield "false", False
        yield "nothing", 0
    elif isinstance(value, list):
        yield "emptied", []
        yield "turned", value[::-1]
        yield "with one twice", [*value, *value[-1:]]
    elif isinstance(value, dict):
        yield "emptied", {}
        yield "with one more", {**value, "zzz": 1}


_WORDS = {
    "PASS": "FAIL", "FAIL": "PASS", "INCONCLUSIVE": "PASS", "diagnostic": "internal", "completed": "failed",
    "failed": "completed", "safe_for_public_log": "redacted", "none": "unknown", "run_audit": "audit",
    "run_reference": "audit", "audit": "run_reference", "verify": "review", "review": "verify", "dataset": "data_set",
}  # fmt: skip


def _texts(value: str) -> Iterator[tuple[str, str]]:
    if value in _WORDS:
        yield "another word", _WORDS[value]
    digits = [place for place, character in enumerate(value) if character.isdigit()]
    for name, places in (("another digit", digits[-1:]), ("another first digit", digits[:1])):
        for place in places:
            yield name, value[:place] + str((int(value[place]) + 1) % 10) + value[place + 1 :]
    letters = [place for place, character in enumerate(value) if character.isalpha()]
    for place in letters[-1:]:
        yield "another letter", value[:place] + ("b" if value[place] != "b" else "c") + value[place + 1 :]
    yield "longer", value + "x"
    yield "empty", ""


def _get(value: Any, at: tuple[Any, ...]) -> Any:
    for part in at:
        value = value[part]
    return value


def _with(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    changed = copy.deepcopy(value)
    _get(changed, at[:-1])[at[-1]] = new
    return changed


def _without(value: Any, at: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(value)
    del _get(changed, at[:-1])[at[-1]]
    return changed
