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
from typing import Any, NamedTuple, Protocol, TypeVar

_Item = TypeVar("_Item")


class Order(Protocol):
    """A rule that turns a seed into rows of the data set. Orders with equal fields are equal."""

    def rows(self, dataset_size: int, queries: int, seed: int) -> Iterator[int]:
        """An endless sequence of rows, for a run that plans `queries` of them."""
        ...

    def salts(self, seed: int) -> Iterator[str | None]:
        """For each of those rows what makes its request differ from the row, else None.

        Twelve hexadecimal digits are a salt at the front: a request that is new to the endpoint. Behind `new:` they are
        that and no longer than the row's own, behind a word of `NEAR` nearly the row's own. `adapters.variants` makes
        all of them.
        """
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
        again = itertools.chain.from_iterable(_shuffling(rows, draw) for _ in itertools.repeat(None))
        if not self.middle:
            return again
        first = _shuffling([row for row in rows if row not in self.middle], draw)
        before = max(min(queries, dataset_size) - len(self.middle), 0) // 2
        return itertools.chain(itertools.islice(first, before), self.middle, first, again)


def _shuffling(items: list[_Item], draw: Any) -> Iterator[_Item]:
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
            yield _mark(draw)


def _mark(draw: Any) -> str:
    return f"{int(draw() * 2**48):012x}"


NEAR = ("tail", "spaces", "case", "seed")
"""What a request may differ in from one that was asked: text behind it, white space, case, or the seed alone."""
AGAIN = "again"
_ROUND = (AGAIN, "tail", "spaces", AGAIN, "case", "seed")  # nothing else tells a cache from answers prepared before


class Cell(NamedTuple):
    """One query of a probe. `sample` counts the probed rows from 0, `part` the comparisons within one row; `arm` is
    `first`, `repeat`, `near` or `novel`, `near` what a near duplicate differs in (`again`: in nothing)."""

    sample: int
    part: int
    arm: str
    near: str = ""


@dataclass(frozen=True)
class Probe:
    """Requests that differ only in whether an answer to them can be there already, side by side in random order.

    Each of `samples` distinct rows is asked for in `1 + repeats` parts, one after the other: first `first` (the row as
    it is) and `novel` (with a salt), then `repeats` times `repeat` (the row again), `near` and another `novel`. Within
    a part chance decides the order, so that each request has a neighbour of equal cost that nobody has seen before.
    Queries stand in rounds of `width`, one for each of as many rows; `width` divides `samples`. What a near duplicate
    differs in goes round; `again` is the first part's novel request once more, which differs in nothing.
    """

    samples: int
    repeats: int
    width: int = 1

    @property
    def queries(self) -> int:
        return self.samples * (2 + 3 * self.repeats)

    def cells(self, seed: int) -> list[Cell]:
        """What each planned query is for."""
        draw = stream(seed, "probe").random
        lines = [self._line(sample, draw) for sample in range(self.samples)]
        groups = (lines[start : start + self.width] for start in range(0, self.samples, self.width))
        return [cell for group in groups for turn in zip(*group, strict=True) for cell in turn]

    def _line(self, sample: int, draw: Any) -> list[Cell]:
        line = list(_shuffling([Cell(sample, 0, "first"), Cell(sample, 0, "novel")], draw))
        for part in range(1, 1 + self.repeats):
            near = _ROUND[(sample * self.repeats + part - 1) % len(_ROUND)]
            arms = [Cell(sample, part, "repeat"), Cell(sample, part, "near", near), Cell(sample, part, "novel")]
            line += _shuffling(arms, draw)
        return line

    def rows(self, dataset_size: int, queries: int, seed: int) -> Iterator[int]:
        rows = list(
            itertools.islice(_shuffling(list(range(dataset_size)), stream(seed, "probe rows").random), self.samples)
        )
        yield from (rows[cell.sample] for cell in self.cells(seed))
        yield from Salted().rows(dataset_size, queries, seed)

    def salts(self, seed: int) -> Iterator[str | None]:
        draw = stream(seed, "probe salts").random
        first: dict[int, str] = {}
        for cell in self.cells(seed):
            mark = _mark(draw)  # drawn for all, so that no arm moves another's
            if cell.arm == "novel":
                yield first.setdefault(cell.sample, f"new:{mark}") if cell.part == 0 else f"new:{mark}"
            elif cell.arm == "near":
                yield first[cell.sample] if cell.near == AGAIN else f"{cell.near}:{mark}"
            else:
                yield None
        yield from Salted().salts(seed)


@dataclass(frozen=True)
class Waves:
    """Waves of `width` requests that are all alike, beside waves of as many that are all different.

    `pairs` times the two kinds for one row, chance deciding which comes first; a salt makes every request of a wave new
    to what was asked before it, so that the waves cost the same unless like requests are answered together.
    """

    pairs: int
    width: int

    @property
    def queries(self) -> int:
        return 2 * self.pairs * self.width

    def alike(self, seed: int) -> list[bool]:
        """For each wave whether its requests are all alike."""
        draw = stream(seed, "waves").random
        firsts = [draw() < 0.5 for _ in range(self.pairs)]
        return [kind for first in firsts for kind in (first, not first)]

    def rows(self, dataset_size: int, queries: int, seed: int) -> Iterator[int]:
        draw = stream(seed, "wave rows").random
        for _ in range(self.pairs):
            yield from itertools.repeat(int(draw() * dataset_size), 2 * self.width)
        yield from Salted().rows(dataset_size, queries, seed)

    def salts(self, seed: int) -> Iterator[str | None]:
        draw = stream(seed, "wave salts").random
        for alike in self.alike(seed):
            marks = itertools.repeat(_mark(draw)) if alike else map(_mark, itertools.repeat(draw))
            yield from (f"new:{mark}" for mark in itertools.islice(marks, self.width))
        yield from Salted().salts(seed)


_KINDS: dict[str, type[Any]] = {
    "without_replacement": WithoutReplacement,
    "with_replacement": WithReplacement,
    "single": Single,
    "salted": Salted,
    "probe": Probe,
    "waves": Waves,
}


def order_to_json(order: Order) -> dict[str, Any]:
    """The order as JSON: its kind and its fields."""
    kind = next(name for name, cls in _KINDS.items() if type(order) is cls)
    return {"kind": kind, **{key: list(v) if isinstance(v, tuple) else v for key, v in vars(order).items()}}
