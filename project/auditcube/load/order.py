"""Which sample each query asks for: pure functions of a seed.

An order is an endless sequence of rows; a run takes as many as it needs. The same seed gives the same sequence on
every machine: only `random.Random.random` is used, whose sequence Python guarantees for a given seed. Each row costs
the same to draw, so that a data set of any size makes no pause in the middle of a run.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol


class Order(Protocol):
    """A rule that turns a seed into rows of the data set. Orders with equal fields are equal."""

    def rows(self, dataset_size: int, queries: int, seed: int) -> Iterator[int]:
        """An endless sequence of rows, for a run that plans `queries` of them."""
        ...

    def salts(self, seed: int) -> Iterator[str | None]:
        """For each of those rows a salt where the request must be new to the endpoint, else None."""
        ...


def stream(seed: int, purpose: str, block: int = 0) -> random.Random:
    """A random stream of its own for each purpose and block, so that no seed moves another's sequence."""
    return random.Random(f"auditcube/{purpose}/{seed}/{block}")


class _Unsalted:
    def salts(self, seed: int) -> Iterator[str | None]:
        return itertools.repeat(None)


@dataclass(frozen=True)
class WithoutReplacement(_Unsalted):
    """Every row once in random order, then every row again in another order, and so on.

    `middle` names rows that come in the middle of the first `queries` draws, where neither the start nor the end of a
    run distorts what they cost.
    """

    middle: tuple[int, ...] = ()

    def rows(self, dataset_size: int, queries: int, seed: int) -> Iterator[int]:
        draw = stream(seed, "order").random
        rows = list(range(dataset_size))
        if self.middle:
            others = [row for row in rows if row not in self.middle]
            before = max(min(queries, dataset_size) - len(self.middle), 0) // 2
            first = _shuffling(others, draw)
            yield from itertools.islice(first, before)
            yield from self.middle
            yield from first
        while True:
            yield from _shuffling(rows, draw)


def _shuffling(items: list[int], draw: Any) -> Iterator[int]:
    """All items in a uniformly random order, one at a time (Fisher and Yates, from the front, in place)."""
    left = len(items)
    for place in range(left):
        other = place + int(draw() * left)
        item = items[other]
        items[other] = items[place]
        items[place] = item
        left -= 1
        yield item


@dataclass(frozen=True)
class WithReplacement(_Unsalted):
    """Any row at any time, each as likely as the others: what LoadGen does by default."""

    def rows(self, dataset_size: int, queries: int, seed: int) -> Iterator[int]:
        draw = stream(seed, "order").random
        while True:
            yield int(draw() * dataset_size)


@dataclass(frozen=True)
class Single(_Unsalted):
    """The same row again and again: LoadGen's `performance_issue_same`."""

    index: int

    def rows(self, dataset_size: int, queries: int, seed: int) -> Iterator[int]:
        return itertools.repeat(self.index)


@dataclass(frozen=True)
class Salted:
    """Random rows, each with a salt of its own: requests that no other run sends, used to warm an endpoint up."""

    def rows(self, dataset_size: int, queries: int, seed: int) -> Iterator[int]:
        draw = stream(seed, "salted rows").random
        while True:
            yield int(draw() * dataset_size)

    def salts(self, seed: int) -> Iterator[str | None]:
        draw = stream(seed, "salts").random
        while True:
            yield f"{int(draw() * 2**48):012x}"


_KINDS: dict[str, type[Any]] = {
    "without_replacement": WithoutReplacement,
    "with_replacement": WithReplacement,
    "single": Single,
    "salted": Salted,
}


def order_to_json(order: Order) -> dict[str, Any]:
    """The order as JSON: its kind and its fields."""
    kind = next(name for name, cls in _KINDS.items() if type(order) is cls)
    return {"kind": kind, **{key: list(v) if isinstance(v, tuple) else v for key, v in vars(order).items()}}
