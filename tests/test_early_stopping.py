"""Early stopping: LoadGen's own numbers, and the exact binomial sums where they can be computed."""

from __future__ import annotations

import re
from fractions import Fraction
from math import comb
from pathlib import Path

import pytest

from auditcube.early_stopping import least_queries, most_over, rank_from_top, shows

LOADGEN = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "loadgen"


@pytest.mark.parametrize(
    ("over", "share", "queries"),
    [
        (0, 0.99, 459),  # Server, in LoadGen's logs: 32 processed, 427 more; 100 processed, 359 more
        (1, 0.90, 64),  # "Processed at least 64 queries": SingleStream
        (1, 0.99, 662),  # "would need to process at least 662 total queries": MultiStream
    ],
)
def test_the_fewest_queries_are_those_that_mlperf_publishes(over: int, share: float, queries: int) -> None:
    assert least_queries(over, share) == queries
    assert shows(queries, over, share)
    assert not shows(queries - 1, over, share)


@pytest.mark.parametrize(
    ("queries", "share", "discarded"),
    # "Processed at least 64 queries (N). Would discard M highest latency queries.", from summaries in public logs.
    [(100, 0.9, 2), (201, 0.9, 9), (659, 0.9, 47), (708, 0.9, 51), (79_944, 0.9, 7796), (708, 0.99, 0)],
)
def test_as_many_queries_are_discarded_as_loadgen_discards(queries: int, share: float, discarded: int) -> None:
    assert rank_from_top(queries, share) == discarded + 1


@pytest.mark.parametrize(("share", "floor"), [(0.9, 64), (0.99, 662)])
def test_below_the_floor_there_is_no_estimate(share: float, floor: int) -> None:
    assert [rank_from_top(n, share) for n in (0, 1, floor - 1)] == [None, None, None]
    assert rank_from_top(floor, share) == 1


def exactly(queries: int, over: int, share: Fraction) -> Fraction:
    """P(at most `over` of `queries` exceed a bound that a share of all keep), without rounding."""
    return sum((comb(queries, k) * (1 - share) ** k * share ** (queries - k) for k in range(over + 1)), Fraction(0))


@pytest.mark.parametrize("percent", [50, 90, 95, 97, 99])
@pytest.mark.parametrize("over", [0, 1, 2, 5, 9])
def test_the_boundary_is_where_the_exact_sum_has_it(percent: int, over: int) -> None:
    share = Fraction(percent, 100)
    queries = least_queries(over, percent / 100)
    assert exactly(queries, over, share) <= Fraction(1, 100) < exactly(queries - 1, over, share)
    assert most_over(queries, percent / 100) == over


@pytest.mark.parametrize(("queries", "share"), [(10_000_000, 0.9), (10_000_000, 0.99), (10_000_000, 0.999)])
def test_ten_million_queries_neither_overflow_nor_vanish(queries: int, share: float) -> None:
    """Near the normal approximation: 2.326 standard deviations below what is expected."""
    most = most_over(queries, share)
    expected, spread = queries * (1 - share), (queries * share * (1 - share)) ** 0.5
    assert most is not None
    assert (expected - most) / spread == pytest.approx(2.326, abs=0.02)
    assert shows(queries, most, share)
    assert not shows(queries, most + 1, share)


@pytest.mark.parametrize(("queries", "over"), [(0, 0), (10, 10), (10, 11), (1, 1)])
def test_nothing_is_shown_by_no_queries_or_by_none_that_keep_the_bound(queries: int, over: int) -> None:
    assert not shows(queries, over, 0.5)


@pytest.mark.skipif(not LOADGEN.is_dir(), reason="no LoadGen logs here")
def test_loadgens_logs_ask_for_as_many_more_queries() -> None:
    asked = []
    for path in sorted(LOADGEN.rglob("mlperf_log_summary.txt")):
        found = re.findall(r"Processed (\d+) queries\.\s+\* Would need to run at least (\d+) more", path.read_text())
        asked += [(int(processed), int(more)) for processed, more in found]
    assert asked
    for processed, more in asked:
        # Server's 99th percentile; with the fewest queries that show it, none exceeds the bound.
        assert processed + more == least_queries(0, 0.99)
