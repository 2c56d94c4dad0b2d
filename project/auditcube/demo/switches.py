"""Switches `NAME` or `NAME=VALUE`: how a cheat or a nuisance is named on the command line, checked and made."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Value:
    """The number that a switch takes: its meaning and range (both ends allowed); required without a default."""

    meaning: str
    low: float
    high: float = math.inf
    default: float | None = None
    whole: bool = False

    def read(self, name: str, text: str | None) -> float:
        """The value of switch `name`. Raises `ValueError`."""
        if text is None and self.default is not None:
            return self.default
        kind = "a whole number" if self.whole else "a number"
        expected = f"{name} needs {self.meaning}, {kind} from {self.low:g} to {self.high:g}"
        try:
            value = float(text or "")
        except ValueError:
            raise ValueError(f"{expected}: {text or 'nothing given'}") from None
        if not self.low <= value <= self.high or (self.whole and value != int(value)):
            raise ValueError(f"{expected}: {text}")
        return value


@dataclass(frozen=True)
class Context:
    """What a switch may need beside its value: the seed, and the prompts that `preloaded` knows."""

    seed: int
    preload: frozenset[str]


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One row of a table of switches. `make` gets 0 where the switch takes no value."""

    make: Callable[[float, Context], T]
    value: Value | None = None


@dataclass(frozen=True)
class Switch:
    """A switch that is on."""

    name: str
    value: float = 0.0


def read(kind: str, texts: Iterable[str], table: Mapping[str, Entry[T]]) -> tuple[Switch, ...]:
    """The switches that `texts` turn on, in their order. `kind` names them in the `ValueError` raised for a bad one."""
    return tuple(_read_one(kind, text, table) for text in texts)


def _read_one(kind: str, text: str, table: Mapping[str, Entry[T]]) -> Switch:
    name, equals, value = text.partition("=")
    if name not in table:
        raise ValueError(f"unknown {kind} '{name}'; known: {', '.join(sorted(table))}")
    wanted = table[name].value
    if wanted is None:
        if equals:
            raise ValueError(f"{kind} {name} takes no value: {text}")
        return Switch(name)
    return Switch(name, wanted.read(f"{kind} {name}", value if equals else None))


def make(switches: Iterable[Switch], table: Mapping[str, Entry[T]], context: Context) -> list[T]:
    """The objects behind the switches, in their order."""
    return [table[switch.name].make(switch.value, context) for switch in switches]


def describe(table: Mapping[str, Entry[T]]) -> str:
    """The table for `--help`: each name, and what value it takes."""
    return ", ".join(f"{name}{_suffix(entry.value)}" for name, entry in table.items())


def _suffix(value: Value | None) -> str:
    if value is None:
        return ""
    # '%' in a help text is argparse's own.
    text = f"={value.meaning}".replace("%", "%%")
    return text if value.default is None else f"[{text}, default {value.default:g}]"
