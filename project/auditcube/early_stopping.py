"""Early stopping as LoadGen does it: what a run of n queries shows about a percentile, with 99 % confidence.

Of n queries, t exceed a bound. If the true share of queries within the bound were no more than `share`, so few would
exceed it with a probability of P(Binomial(n, 1 - share) <= t); the run shows the percentile where that is at most 1 %.
Pure functions; the sums are of logarithms, so that ten million queries neither overflow nor vanish.

Source: mlcommons/inference, loadgen/early_stopping.cc and `PerformanceSummary::EarlyStopping` in loadgen/results.cc;
"Early Stopping" in the inference rules (64 queries for the 90th percentile, 662 for the 99th).
"""

from __future__ import annotations

import math

_ERROR = 0.01
_NEGLIGIBLE = 1e-17  # of a sum: no later term changes it


def shows(queries: int, over: int, share: float) -> bool:
    """Whether `queries`, of which `over` exceed a bound, show that more than `share` (0 to 1) of all keep it."""
    return queries > 0 and over < queries and _at_most(queries, over, 1.0 - share) <= _ERROR


def most_over(queries: int, share: float) -> int | None:
    """How many of `queries` may exceed a bound that they still show at `share`; None if not even all of them do."""
    if not shows(queries, 0, share):
        return None
    low, high = 0, queries
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if shows(queries, middle, share) else (low, middle)
    return low


def least_queries(over: int, share: float) -> int:
    """The fewest queries that show a bound at `share` although `over` of them exceed it."""
    low, high = over, over + 1
    while not shows(high, over, share):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle, over, share) else (middle, high)
    return high


def rank_from_top(queries: int, share: float) -> int | None:
    """Which of the latencies, counted from the largest as 1, is the estimate of the percentile `share`.

    It is the largest that may be called a bound: the t latencies from it upwards do not keep a bound just below it.
    None with too few queries: LoadGen's `h_min + 1`, which is `least_queries(1, share)`.
    """
    found = most_over(queries, share)
    return found if found else None


def _at_most(queries: int, over: int, share_over: float) -> float:
    """P(Binomial(queries, share_over) <= over)."""
    if over >= queries * share_over:
        return 1.0  # more than is expected: no small probability, and no sum of falling terms
    log_term = (
        math.lgamma(queries + 1)
        - math.lgamma(over + 1)
        - math.lgamma(queries - over + 1)
        + over * math.log(share_over)
        + (queries - over) * math.log1p(-share_over)
    )
    total = term = 1.0
    odds = (1.0 - share_over) / share_over
    for k in range(over, 0, -1):
        term *= k / (queries - k + 1) * odds
        total += term
        if term < _NEGLIGIBLE * total:
            break
    return math.exp(log_term) * total
