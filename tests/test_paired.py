"""Signed ranks: against all signs by hand, and against what statistics books print."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube import paired
from auditcube.paired import least_pairs, share_below, shift_of

NUMBERS = st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=1, max_size=9)


def reached(pairs: int, seen: int, power: int) -> float:
    """The share of all signs with which the powers of the positive ranks have the sum that was seen, or more."""
    signs = itertools.product((False, True), repeat=pairs)
    weights: list[int] = [rank**power for rank in range(1, pairs + 1)]
    sums = [sum(itertools.compress(weights, each)) for each in signs]
    return sum(total >= seen for total in sums) / len(sums)


def by_hand(differences: list[float], bound: float) -> float:
    """The p-value over all signs; of two that are as large, the positive one has the lower rank."""
    moved = sorted((abs(value - bound), value <= bound) for value in differences)
    return reached(len(moved), sum(rank**2 for rank, (_, negative) in enumerate(moved, 1) if not negative), 2)


def wilcoxon(differences: list[float], bound: float) -> float:
    """The p-value of his test: positive ranks are as many as pairwise means above the bound."""
    means = [(one + other) / 2 for one, other in itertools.combinations_with_replacement(differences, 2)]
    return reached(len(differences), sum(mean > bound for mean in means), 1)


@given(NUMBERS)
def test_the_p_value_is_that_over_all_signs(differences: list[float]) -> None:
    assert shift_of(np.array(differences)).above(0.0) == pytest.approx(by_hand(differences, 0.0))


@given(NUMBERS, st.sampled_from([0.8, 0.95, 0.99]))
def test_an_interval_holds_what_wilcoxons_test_does_not_reject(differences: list[float], level: float) -> None:
    shift = shift_of(np.array(differences))
    low, high = shift.lowest(level), shift.highest(level)
    assert low <= shift.estimate <= high
    if math.isfinite(low):
        assert wilcoxon(differences, low) > 1 - level
        assert wilcoxon(differences, float(np.nextafter(low, -math.inf))) <= 1 - level
    assert (math.isinf(low), math.isinf(high)) == (len(differences) < least_pairs(level),) * 2


def test_a_table_from_a_book() -> None:
    """Hamilton's scale before and after: Hollander, Wolfe and Chicken, example 3.1; 0.46, from 0.010 to 0.786."""
    before = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    after = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    shift = shift_of(before - after)
    assert shift.estimate == pytest.approx(0.46)
    assert (shift.lowest(0.98), shift.highest(0.98)) == pytest.approx((0.010, 0.786))
    assert shift.above(0.0) == by_hand(list(before - after), 0.0) == 7 / 512


def test_an_effect_that_some_have_is_found_with_fewer_of_them() -> None:
    """Why ranks are squared: ten pairs without an effect, on both sides, and six with a large one."""
    mixed = np.concatenate([np.linspace(-1, 0.9, 10), np.linspace(3, 4, 6)])
    assert shift_of(mixed).above(0.0) == pytest.approx(0.01387, abs=1e-5)
    assert wilcoxon(list(mixed), 0.0) == pytest.approx(0.02533, abs=1e-5)


@pytest.mark.parametrize(("level", "pairs"), [(0.5, 1), (0.9, 4), (0.99, 7), (0.995, 8)])
def test_the_fewest_pairs_that_show_anything(level: float, pairs: int) -> None:
    assert least_pairs(level) == pairs
    assert shift_of(np.ones(pairs)).above(0.0) <= 1 - level
    assert shift_of(np.ones(pairs - 1)).above(0.0) > 1 - level


def test_no_differences_show_nothing() -> None:
    shift = shift_of(np.zeros(0))
    assert (shift.above(0.0), shift.lowest(0.99), shift.highest(0.99)) == (1.0, -math.inf, math.inf)


def test_equal_differences_are_not_above_themselves() -> None:
    shift = shift_of(np.full(40, 0.25))
    assert (shift.above(0.25), shift.estimate) == (1.0, 0.25)
    assert shift.lowest(0.99) == shift.highest(0.99) == 0.25


def test_many_pairs_go_by_the_normal_distribution_and_hardly_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 250)
    near = shift_of(values)
    told = near.above(0.0), near.lowest(0.985), near.highest(0.985)
    paired._place.cache_clear()
    monkeypatch.setattr(paired, "_EXACT_UP_TO", 250)
    assert told[0] == pytest.approx(near.above(0.0), abs=1e-3)
    assert told[1:] == pytest.approx((near.lowest(0.985), near.highest(0.985)), abs=5e-3)
    paired._place.cache_clear()


def test_the_interval_covers_as_often_as_it_says() -> None:
    """A skewed distribution would not do: signs must be equally likely, which random order makes them."""
    rng = np.random.default_rng(7)
    missed = sum(shift_of(rng.standard_t(2, 20) + 3).lowest(0.95) > 3 for _ in range(2000))
    assert missed / 2000 <= 0.065


@pytest.mark.parametrize(
    ("found", "of", "level", "bound"),
    [(0, 32, 0.99, 1 - 0.01 ** (1 / 32)), (32, 32, 0.99, 1.0), (1, 1, 0.5, 1.0), (1, 10, 0.95, 0.3942)],
)
def test_the_bound_of_a_share(found: int, of: int, level: float, bound: float) -> None:
    assert share_below(found, of, level) == pytest.approx(bound, abs=1e-4)
