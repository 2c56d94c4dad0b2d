"""Arrival times: a Poisson process that is a function of its seed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from auditcube.load.arrivals import at_once, poisson

COUNT = 20_000


def arrivals(rate_per_s: float, seed: int, count: int = COUNT) -> npt.NDArray[np.float64]:
    """Due times in nanoseconds."""
    return np.array(list(itertools.islice(poisson(rate_per_s, seed), count)), dtype=np.float64)


def distance_from_exponential(gaps: npt.NDArray[np.float64], mean: float) -> float:
    """The Kolmogorov-Smirnov statistic: the largest distance between the empirical distribution and the exponential."""
    ascending = np.sort(gaps)
    expected = 1 - np.exp(-ascending / mean)
    count = len(ascending)
    above = np.arange(1, count + 1) / count - expected
    below = expected - np.arange(count) / count
    return float(max(above.max(), below.max()))


def critical(count: int) -> float:
    """The statistic is larger with a probability of 0.001 (the asymptotic quantile; the seeds here are fixed)."""
    return 1.949 / math.sqrt(count)


@pytest.mark.parametrize("seed", [0, 1, 42, 2**64 - 1])
@pytest.mark.parametrize("rate_per_s", [0.01, 1.0, 12.5, 400.0])
def test_gaps_are_exponential_with_the_rate_asked_for(rate_per_s: float, seed: int) -> None:
    gaps = np.diff(arrivals(rate_per_s, seed), prepend=0.0)
    assert distance_from_exponential(gaps, 1e9 / rate_per_s) < critical(COUNT)


@pytest.mark.parametrize("wrong", [0.9, 0.93, 1.07, 1.1])
def test_the_test_above_would_notice_a_rate_that_is_off(wrong: float) -> None:
    gaps = np.diff(arrivals(12.5, 42), prepend=0.0)
    assert distance_from_exponential(gaps, wrong * 1e9 / 12.5) > critical(COUNT)


def test_gaps_are_independent_also_across_the_blocks_they_are_made_in() -> None:
    gaps = np.diff(arrivals(100.0, 42), prepend=0.0)
    for lag in (1, 2, 1024):
        correlation = np.corrcoef(gaps[:-lag], gaps[lag:])[0, 1]
        assert abs(correlation) < 4 / COUNT**0.5


@pytest.mark.parametrize("rate_per_s", [0.001, 100.0, 1e6, 1e9])
def test_due_times_never_go_back_and_are_whole_microseconds(rate_per_s: float) -> None:
    due = list(itertools.islice(poisson(rate_per_s, 7), 3000))
    assert due == sorted(due)
    assert all(type(ns) is int and ns >= 0 and ns % 1000 == 0 for ns in due)


@pytest.mark.parametrize("rate_per_s", [100.0, 10_000.0, 100_000.0])
def test_whole_microseconds_do_not_change_the_rate(rate_per_s: float) -> None:
    count = 200_000
    last = arrivals(rate_per_s, 3, count)[-1] / 1e9
    assert count / last == pytest.approx(rate_per_s, rel=0.01)  # more than four standard deviations


def test_the_same_seed_gives_the_same_times_and_another_seed_others() -> None:
    assert np.array_equal(arrivals(10.0, 5, 3000), arrivals(10.0, 5, 3000))
    assert not np.array_equal(arrivals(10.0, 5, 10), arrivals(10.0, 6, 10))


def test_a_rate_only_stretches_the_times() -> None:
    slow, fast = arrivals(1.0, 5, 100), arrivals(10.0, 5, 100)
    assert np.allclose(slow, fast * 10, atol=1e6)


def test_at_once_is_all_at_the_start() -> None:
    assert list(itertools.islice(at_once(), 5)) == [0] * 5
