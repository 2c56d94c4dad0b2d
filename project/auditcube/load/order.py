"""Which sample each query asks for: pure functions of a seed.

An order is an endless sequence of draws; a run takes as many as it needs. The same seed gives the same sequence on
every machine: only `random.Random.random` is used, whose sequence Python guarantees for a given seed.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Draw(NamedTuple):
    """One choice: a row of the data set and, where the request must be new to the endpoint, a salt."""

    sample: int
    salt: str | None = None


class Order(Protocol):
    """A rule that turns a seed into draws. Orders with equal fields are equal."""

    def draws(self, dataset_size: int, queries: int, seed: int) -> Iterator[Draw]:
        """An endless sequence of draws, for a run that plans `queries` of them."""
        ...


def stream(seed: int, purpose: str, block: int) -> random.Random:
    """A random stream of its own for each purpose and block, so that no seed moves another's sequence."""
    return random.Random(f"auditcube/{purpose}/{seed}/{block}")


def permutation(size: int, rng: random.Random) -> list[int]:
    """A uniformly random order of `range(size)` (Fisher-Yates; `random.shuffle` is not guaranteed to stay the same)."""
    items = list(range(size))
    for last in range(size - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        items[last], items[other] = items[other], items[last]
    return items


@dataclass(frozen=True)
class WithoutReplacement:
    """Every row once in random order, then every row again in another order, and so on.

    `middle` names rows that come in the middle of the first `queries` draws, where neither the start nor the end of a
    run distorts what they cost.
    """

    middle: tuple[int, ...] = ()

    def draws(self, dataset_size: int, queries: int, seed: int) -> Iterator[Draw]:
        for block in itertools.count():
            rows = permutation(dataset_size, stream(seed, "order", block))
            if block == 0:
                first = max(min(queries, dataset_size) - len(self.middle), 0) // 2
                for slot, row in enumerate(self.middle, first):
                    at = rows.index(row)
                    rows[at], rows[slot] = rows[slot], rows[at]
            yield from map(Draw, rows)


@dataclass(frozen=True)
class Single:
    """The same row again and again: LoadGen's `performance_issue_same`."""

    index: int

    def draws(self, dataset_size: int, queries: int, seed: int) -> Iterator[Draw]:
        return itertools.repeat(Draw(self.index))


@dataclass(frozen=True)
class Salted:
    """Random rows, each with a salt of its own: requests that no other run sends, used to warm an endpoint up."""

    def draws(self, dataset_size: int, queries: int, seed: int) -> Iterator[Draw]:
        for number in itertools.count():
            rng = stream(seed, "salted", number)
            yield Draw(int(rng.random() * dataset_size), f"{int(rng.random() * 2**48):012x}")


_KINDS: dict[str, type[Any]] = {
    "without_replacement": WithoutReplacement,
    "single": Single,
    "salted": Salted,
}


def order_to_json(order: Order) -> dict[str, Any]:
    """The order as JSON: its kind and its fields."""
    kind = next(name for name, cls in _KINDS.items() if type(order) is cls)
    return {"kind": kind, **{key: list(v) if isinstance(v, tuple) else v for key, v in vars(order).items()}}
