"""How far one of two paired measurements is from the other, by signed ranks: exact, robust, and fast.

The differences are taken to be equally likely on both sides of the shift, and nothing else is asked of them: no
normal distribution, no equal spread. Where chance decided which of two measurements came first, that holds by
construction for an effect that is the same everywhere. The estimate is the median of all pairwise means (Hodges and
Lehmann), the interval the one that Wilcoxon's test does not reject. The test itself weighs each sign by the square of
its rank: an effect that only some of the pairs have, but large, is then found with fewer of them, and one that all
have no later. p-values are exact up to 200 pairs.

Sources: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd ed., chapter 3; Conover and Salsburg
(1988), Locally most powerful tests for detecting treatment effects when only a subset of patients can be expected to
"respond" to treatment, Biometrics 44, for powers of ranks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_EXACT_UP_TO = 200  # from there the normal approximation is right to three digits


@dataclass(frozen=True)
class Shift:
    """A shift as `differences` tell it; `means` are the means of all pairs of them, itself included, sorted."""

    differences: Floats
    means: Floats

    @property
    def pairs(self) -> int:
        """How many differences there are."""
        return len(self.differences)

    @property
    def estimate(self) -> float:
        """The median of the pairwise means; NaN without differences."""
        if not self.pairs:
            return math.nan
        last = len(self.means) - 1
        return float(self.means[last // 2] + self.means[(last + 1) // 2]) / 2

    def above(self, bound: float) -> float:
        """The p-value of the hypothesis that the shift is `bound` or less; ties count for the hypothesis."""
        moved = self.differences - bound
        positive = moved > 0
        ranks = np.empty(self.pairs, dtype=np.int64)
        ranks[np.lexsort((~positive, np.abs(moved)))] = np.arange(1, self.pairs + 1)
        return _reaching(self.pairs, int((ranks[positive] ** 2).sum()))

    def lowest(self, level: float) -> float:
        """The lower bound of a one-sided interval: the shift is larger in `level` (0 to 1) of all experiments, at
        least. Minus infinity where there are too few pairs for any bound."""
        place = _place(self.pairs, level)
        return -math.inf if place == 0 else float(self.means[place - 1])

    def highest(self, level: float) -> float:
        """The upper bound of a one-sided interval."""
        place = _place(self.pairs, level)
        return math.inf if place == 0 else float(self.means[-place])


def shift_of(differences: Floats) -> Shift:
    """The shift that these differences tell of; a one-dimensional array of finite numbers."""
    one, other = _pairs(len(differences))
    return Shift(differences, np.sort((differences[one] + differences[other]) / 2))


def least_pairs(level: float) -> int:
    """The fewest pairs that can show anything at this level: where all point the same way."""
    return math.ceil(-math.log2(1 - level))


@lru_cache(maxsize=1024)
def share_below(found: int, of: int, level: float) -> float:
    """The upper bound of a share of which `found` of `of` were seen (Clopper and Pearson), by bisection."""
    if found >= of:
        return 1.0
    low, high = found / of, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        seen = sum(math.comb(of, k) * middle**k * (1 - middle) ** (of - k) for k in range(found + 1))
        low, high = (middle, high) if seen > 1 - level else (low, middle)
    return high


@lru_cache(maxsize=32)
def _pairs(count: int) -> tuple[Ints, Ints]:
    one, other = np.triu_indices(count)
    return one.astype(np.int64), other.astype(np.int64)


@lru_cache(maxsize=32)
def _tail(pairs: int, power: int) -> Floats:
    """For each sum of powers of positive ranks the chance to reach it, if every sign is a toss of a coin."""
    chances = np.ones(1)
    for rank in range(1, pairs + 1):
        weight: int = rank**power
        more = np.zeros(len(chances) + weight)
        more[: len(chances)] = chances / 2
        more[weight:] += chances / 2
        chances = more
    return np.cumsum(chances[::-1])[::-1]


def _reaching(pairs: int, squares: int) -> float:
    """The chance that the squares of positive ranks have this sum or a larger one."""
    if pairs <= _EXACT_UP_TO:
        return float(_tail(pairs, 2)[squares])
    mean, deviation = _normal(pairs, 2)
    return 1 - NormalDist().cdf((squares - 0.5 - mean) / deviation)


@lru_cache(maxsize=128)
def _place(pairs: int, level: float) -> int:
    """Which of the sorted means, counted from 1, bounds the shift at this level; 0 if none does."""
    if pairs > _EXACT_UP_TO:
        mean, deviation = _normal(pairs, 1)
        return max(0, math.floor(mean - NormalDist().inv_cdf(level) * deviation))
    # A sum of negative ranks below `place` is as likely as one of positive ranks that reaches all but so many.
    return int(np.count_nonzero(_tail(pairs, 1) <= 1 - level)) if pairs else 0


def _normal(pairs: int, power: int) -> tuple[float, float]:
    """The mean and the standard deviation of a sum of powers of ranks, of which each is in it or not by a coin."""
    weights = np.arange(1, pairs + 1, dtype=np.float64) ** power
    return float(weights.sum()) / 2, math.sqrt(float((weights**2).sum())) / 2
