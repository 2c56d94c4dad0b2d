"""Exact statistics of numbers that need not fit into memory: extremes, mean, and the value at any rank.

The numbers are 64-bit integers that come in parts, anew for each question. The value at a rank is found in two passes:
one counts how many numbers fall into each of some hundred thousand buckets, the other keeps those alone that share a
bucket with the one wanted. Nothing is sampled and nothing interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Parts = Callable[[], Iterable[Ints]]

PERCENTILES = (50.0, 90.0, 95.0, 97.0, 99.0, 99.9)
_FINE = 12  # bits: a bucket is one number wide up to 2**_FINE, then a 2**_FINE-th of an octave
_SHIFT = 52 - _FINE
_ZERO = 1022 << _FINE  # of the exponent of a float below one, so that 0 has the bucket 0
_SIDE = (64 << _FINE) + 1  # buckets of the numbers from 0 on; as many for those below
_LARGEST = 2**63 - 1
_TOGETHER = 2**20  # numbers that are kept before equal ones are counted together


def place_of(share: float, count: int) -> int:
    """Where, counted from 0, the nearest-rank percentile of `count` ascending numbers stands; `share` in (0, 100]."""
    # 99.9 / 100 * 1000 is 999.0000000000001 in floating point: rounded first, lest it count as the 1000th rank.
    return max(math.ceil(round(share / 100 * count, 9)), 1) - 1


def distinct(values: Ints) -> Ints:
    """The distinct values, ascending. numpy.unique finds them by a hash table: fifty times as slow on a million."""
    return _counted(values)[0]


class _Facts(NamedTuple):
    """What one pass tells; without a number, `low` is larger than `high`."""

    size: int
    total: int
    low: int
    high: int


class Values:
    """Numbers that can be read as often as there are questions, in the same parts each time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @classmethod
    def of(cls, values: Ints) -> Values:
        """Numbers that are held."""
        return cls(lambda: [values])

    def parts(self) -> Iterator[Ints]:
        """Those that are not empty."""
        return (part for part in self._parts() if len(part))

    def __len__(self) -> int:
        return self._facts.size

    @property
    def low(self) -> int:
        """The smallest. Raises ValueError where there is none, as `high` does."""
        return self._some.low

    @property
    def high(self) -> int:
        """The largest."""
        return self._some.high

    @property
    def total(self) -> int:
        """The exact sum."""
        return self._facts.total

    @property
    def _some(self) -> _Facts:
        if not len(self):
            raise ValueError("there are no numbers")
        return self._facts

    @cached_property
    def _facts(self) -> _Facts:
        count, total, low, high = 0, 0, _LARGEST, -_LARGEST - 1
        for part in self.parts():
            count += len(part)
            total += _sum(part)
            low, high = min(low, int(part.min())), max(high, int(part.max()))
        return _Facts(count, total, low, high)

    @property
    def mean(self) -> float:
        """From the exact sum: NumPy's own depends in the last bit on the processor, and a reviewer's must find the same
        number as ours. There must be one number or more."""
        return self.total / len(self)

    def above(self, bound: int) -> int:
        """How many are larger."""
        return sum(int(np.count_nonzero(part > bound)) for part in self.parts())

    def percentile(self, share: float) -> int:
        """The nearest-rank percentile; there must be one number or more."""
        return self.at([place_of(share, len(self))])[0]

    def distribution(self) -> dict[str, Any] | None:
        """Count, mean, extremes and percentiles, or None if there are no numbers."""
        if not len(self):
            return None
        values = self.at([place_of(share, len(self)) for share in PERCENTILES])
        return {
            "count": len(self),
            "min": self.low,
            "mean": self.mean,
            "max": self.high,
            "percentiles": {f"{share:g}": value for share, value in zip(PERCENTILES, values, strict=True)},
        }

    def at(self, places: Sequence[int]) -> list[int]:
        """The numbers at these places, counted from 0, of all in ascending order. Raises IndexError beyond the last."""
        if not all(0 <= place < len(self) for place in places):
            raise IndexError(f"places {[*places]} of {len(self)} numbers")
        numbers, counts = self._buckets
        ends = np.cumsum(counts)
        which = np.searchsorted(ends, places, side="right")
        wanted = np.unique(which)
        values, times = self._in_buckets(numbers[wanted])
        # What was kept begins, for each bucket, where those before it that are wanted end.
        kept = np.cumsum(counts[wanted]) - counts[wanted]
        within = np.asarray(places, dtype=np.int64) - (ends - counts)[which]
        found = kept[np.searchsorted(wanted, which)] + within
        return [int(value) for value in values[np.searchsorted(np.cumsum(times), found, side="right")]]

    @cached_property
    def _buckets(self) -> tuple[Ints, Ints]:
        """The buckets that hold anything, ascending, and how many numbers each holds."""
        counts = np.zeros(2 * _SIDE, dtype=np.int64)
        for part in self.parts():
            buckets = _bucket(part)
            first = int(buckets.min())
            found = np.bincount(buckets - first)
            counts[first : first + len(found)] += found
        numbers = np.flatnonzero(counts)
        return numbers, counts[numbers]

    def _in_buckets(self, wanted: Ints) -> tuple[Ints, Ints]:
        """The distinct numbers in these buckets, ascending, and how often each occurs."""
        chosen = np.zeros(2 * _SIDE, dtype=np.bool_)
        chosen[wanted] = True
        values, times = _counted(np.zeros(0, dtype=np.int64))
        waiting: list[Ints] = []
        for part in self.parts():
            waiting.append(part[chosen[_bucket(part)]])
            if sum(map(len, waiting)) > _TOGETHER:
                values, times = _merged(values, times, waiting)
                waiting.clear()
        return _merged(values, times, waiting)


def _sum(part: Ints) -> int:
    high, low = part >> 32, part & 0xFFFFFFFF  # each half's sum fits into 64 bits
    return (int(high.sum()) << 32) + int(low.sum())


def _bucket(values: Ints) -> Ints:
    """The number of each value's bucket: no larger value has a smaller one."""
    negative = values < 0
    sizes = np.where(negative, ~values, values).astype(np.float64).view(np.int64)
    places = np.maximum((sizes >> _SHIFT) - _ZERO, 0)
    buckets: Ints = np.where(negative, _SIDE - 1 - places, _SIDE + places)
    return buckets


def _counted(values: Ints) -> tuple[Ints, Ints]:
    """Distinct values, ascending, and how often each occurs."""
    ordered = np.sort(values)
    starts = _starts(ordered)
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _starts(ordered: Ints) -> Ints:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.concatenate([np.ones(min(len(ordered), 1), np.bool_), ordered[1:] != ordered[:-1]]))


def _merged(values: Ints, times: Ints, more: Iterable[Ints]) -> tuple[Ints, Ints]:
    """The same of all together."""
    new, counts = _counted(np.concatenate([values[:0], *more]))
    together = np.concatenate([values, new])
    order = np.argsort(together, kind="stable")
    ordered, often = together[order], np.concatenate([times, counts])[order]
    starts = _starts(ordered)
    return ordered[starts], np.add.reduceat(often, starts)
