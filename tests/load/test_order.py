"""Orders: which sample each query asks for, as a function of a seed alone."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.load.order import Order, Salted, Single, WithoutReplacement, WithReplacement, order_to_json, stream

SEEDS = st.integers(0, 2**64 - 1)
SIZES = st.integers(1, 60)


def draws(order: Order, size: int, queries: int, seed: int = 42) -> list[tuple[int, str | None]]:
    """Rows with their salts."""
    both = zip(order.rows(size, queries, seed), order.salts(seed), strict=False)
    return list(itertools.islice(both, queries))


def rows(order: Order, size: int, queries: int, seed: int = 42) -> list[int]:
    return [row for row, _ in draws(order, size, queries, seed)]


@given(SIZES, SEEDS, st.integers(1, 3))
def test_no_row_comes_twice_before_all_have_come_once(size: int, seed: int, blocks: int) -> None:
    drawn = rows(WithoutReplacement(), size, blocks * size, seed)
    for block in range(blocks):
        assert sorted(drawn[block * size : (block + 1) * size]) == list(range(size))


@given(st.data(), SIZES, SEEDS)
def test_middle_rows_are_in_the_middle_and_still_none_comes_twice(data: st.DataObject, size: int, seed: int) -> None:
    middle = tuple(data.draw(st.sets(st.integers(0, size - 1), max_size=size)))
    queries = data.draw(st.integers(max(len(middle), 1), size))
    drawn = rows(WithoutReplacement(middle), size, queries, seed)
    first = (queries - len(middle)) // 2
    assert tuple(drawn[first : first + len(middle)]) == middle
    assert len(set(drawn)) == queries


@pytest.mark.parametrize(("queries", "at"), [(1, 0), (2, 0), (3, 1), (144, 71), (1000, 123)])
def test_where_the_middle_is(queries: int, at: int) -> None:
    assert rows(WithoutReplacement((3,)), 248, queries)[at] == 3


def test_a_run_longer_than_the_data_set_is_in_another_order_each_time() -> None:
    drawn = rows(WithoutReplacement(), 50, 150)
    assert len({tuple(drawn[n : n + 50]) for n in (0, 50, 100)}) == 3


@given(SEEDS)
def test_the_same_seed_gives_the_same_sequence(seed: int) -> None:
    for order in (WithoutReplacement((1,)), WithReplacement(), Single(4), Salted()):
        assert draws(order, 9, 30, seed) == draws(order, 9, 30, seed)


def test_another_seed_gives_another_sequence() -> None:
    assert len({tuple(rows(WithoutReplacement(), 30, 30, seed)) for seed in (0, 1, 42, 2**64 - 1)}) == 4
    assert len({tuple(draws(Salted(), 30, 5, seed)) for seed in (0, 1, 42, 2**64 - 1)}) == 4


def test_a_permutation_is_uniform() -> None:
    counted = Counter(tuple(rows(WithoutReplacement(), 3, 3, seed)) for seed in range(6000))
    assert len(counted) == 6
    # Chi squared with 5 degrees of freedom is below 20.5 with a probability of 0.999; the seeds are fixed.
    assert sum((n - 1000) ** 2 / 1000 for n in counted.values()) < 20.5


def test_streams_of_another_purpose_or_block_are_independent() -> None:
    first = [stream(1, purpose, block).random() for purpose in ("order", "arrival", "capture") for block in (0, 1)]
    assert len(set(first)) == 6


def test_single_is_one_row_without_salt() -> None:
    assert draws(Single(7), 10, 3) == [(7, None)] * 3


@pytest.mark.parametrize("seed", [0, 42, 2**64 - 1])
def test_with_replacement_any_row_comes_at_any_time(seed: int) -> None:
    counted = Counter(rows(WithReplacement(), 10, 5000, seed))
    assert counted.keys() == set(range(10))
    # Chi squared with 9 degrees of freedom is below 27.9 with a probability of 0.999; the seeds are fixed.
    assert sum((n - 500) ** 2 / 500 for n in counted.values()) < 27.9
    assert len(set(rows(WithReplacement(), 10, 10, seed))) < 10


def test_salted_never_repeats_a_salt_and_draws_from_all_rows() -> None:
    drawn = draws(Salted(), 5, 500)
    salts = [salt for _, salt in drawn]
    assert len(set(salts)) == 500
    assert all(salt is not None and len(salt) == 12 and int(salt, 16) >= 0 for salt in salts)
    assert {row for row, _ in drawn} == set(range(5))


def test_salted_is_the_same_however_long_the_run_is() -> None:
    assert draws(Salted(), 5, 3) == draws(Salted(), 5, 30)[:3]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (WithoutReplacement(), {"kind": "without_replacement", "middle": []}),
        (WithoutReplacement((3, 1)), {"kind": "without_replacement", "middle": [3, 1]}),
        (WithReplacement(), {"kind": "with_replacement"}),
        (Single(3), {"kind": "single", "index": 3}),
        (Salted(), {"kind": "salted"}),
    ],
)
def test_an_order_as_json(order: Order, expected: dict[str, object]) -> None:
    assert order_to_json(order) == expected


def test_orders_with_equal_fields_are_equal() -> None:
    assert WithoutReplacement((3,)) == WithoutReplacement((3,))
    assert WithoutReplacement((3,)) != WithoutReplacement((4,))
    assert Single(3) != Single(4)
