"""Statistics of numbers that are not held: the same as of all of them, sorted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditcube import values
from auditcube.values import PERCENTILES, Ints, Values, distinct


@pytest.mark.parametrize(
    ("count", "share", "rank"),
    [
        (1, 50, 1),
        (1, 99.9, 1),
        (1, 100, 1),
        (2, 50, 1),
        (2, 50.1, 2),
        (3, 50, 2),
        (10, 90, 9),
        (10, 90.1, 10),
        (10, 97, 10),
        (20, 95, 19),
        (100, 97, 97),
        (100, 99, 99),
        (100, 99.9, 100),
        (101, 99, 100),
        (1000, 99.9, 999),  # 99.9 / 100 * 1000 is 999.0000000000001
        (1001, 99.9, 1000),
        (2000, 99.9, 1998),
        (10_000, 99.9, 9990),
        (100, 7, 7),  # 7 / 100 * 100 is 7.000000000000001
        (10, 0.0001, 1),
        (10, 100, 10),
    ],
)
def test_a_percentile_is_the_nearest_rank(count: int, share: float, rank: int) -> None:
    assert Values.of(np.arange(1, count + 1, dtype=np.int64)).percentile(share) == rank


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=300), st.sampled_from([*PERCENTILES, 1.0, 33.0, 100.0]))
def test_a_percentile_is_the_smallest_value_with_that_share_not_above_it(numbers: list[int], share: float) -> None:
    found = Values.of(np.array(numbers, dtype=np.int64)).percentile(share)
    # In integers, so that nothing rounds: share has one decimal.
    needed = round(share * 10) * len(numbers)
    assert 1000 * sum(value <= found for value in numbers) >= needed
    assert 1000 * sum(value < found for value in numbers) < needed


def test_a_distribution() -> None:
    numbers = np.arange(1000, 0, -1, dtype=np.int64)
    assert Values.of(numbers).distribution() == {
        "count": 1000,
        "min": 1,
        "mean": 500.5,
        "max": 1000,
        "percentiles": {"50": 500, "90": 900, "95": 950, "97": 970, "99": 990, "99.9": 999},
    }
    assert Values.of(numbers[:0]).distribution() is None


def test_a_mean_is_exact_where_floating_point_sums_are_not() -> None:
    assert Values.of(np.array([2**53, 1, 1, -(2**53)], dtype=np.int64)).mean == 0.5


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-5, 5),
    st.integers(10**9, 10**9 + 10**6),
    st.sampled_from([-(2**63), 2**63 - 1, 2**53, 2**53 + 1, -(2**53), 2**62 - 1, 2**62, 4095, 4096, 4097]),
)


@settings(max_examples=300)
@given(st.lists(st.lists(NUMBERS, max_size=40), min_size=1, max_size=5), st.data())
def test_numbers_in_parts_are_as_good_as_sorted_ones(parts: list[list[int]], data: st.DataObject) -> None:
    arrays = [np.array(part, dtype=np.int64) for part in parts]
    found, exact = Values(lambda: arrays), sorted(number for part in parts for number in part)
    assert len(found) == len(exact)
    assert found.total == sum(exact)
    if not exact:
        return
    assert (found.low, found.high) == (exact[0], exact[-1])
    assert found.at(range(len(exact))) == exact
    places = data.draw(st.lists(st.integers(0, len(exact) - 1), max_size=5))
    assert found.at(places) == [exact[place] for place in places]
    bound = data.draw(NUMBERS)
    assert found.above(bound) == sum(number > bound for number in exact)


@given(st.lists(NUMBERS, min_size=2))
def test_no_larger_number_has_a_smaller_bucket(numbers: list[int]) -> None:
    buckets = values._bucket(np.sort(np.array(numbers, dtype=np.int64)))
    assert np.all(np.diff(buckets) >= 0)
    assert 0 <= buckets.min() <= buckets.max() < 2 * values._SIDE


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("together", [1, 100, 10_000, 2**20])
def test_many_numbers_of_one_bucket_are_counted_together(
    seed: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values, "_TOGETHER", together)
    chance = np.random.default_rng(seed)
    numbers = np.concatenate([chance.integers(10**12, 10**12 + 1000, 20_000), chance.lognormal(10, 3, 20_000)])
    numbers = chance.permutation(numbers.astype(np.int64))
    found = Values(lambda: np.array_split(numbers, 37))
    places = sorted({*chance.integers(0, len(numbers), 50).tolist(), 0, len(numbers) - 1})
    assert found.at(places) == np.sort(numbers)[places].tolist()


def test_parts_are_read_anew_and_never_all_held() -> None:
    reads = 0

    def parts() -> Iterator[Ints]:
        nonlocal reads
        reads += 1
        for start in range(0, 1000, 100):
            yield np.arange(start, start + 100, dtype=np.int64)

    found = Values(parts)
    assert found.at([0, 500, 999]) == [0, 500, 999]
    assert found.at([1]) == [1]
    assert reads == 4  # how many there are, and how they are spread; then once for each question


@pytest.mark.parametrize("place", [-1, 3])
def test_a_place_beyond_the_last_is_an_error(place: int) -> None:
    with pytest.raises(IndexError, match=f"places \\[{place}\\] of 3 numbers"):
        Values.of(np.arange(3)).at([place])


@given(st.lists(st.integers(-3, 3)))
def test_distinct_values(numbers: list[int]) -> None:
    assert distinct(np.array(numbers, dtype=np.int64)).tolist() == sorted(set(numbers))


def test_no_numbers_have_no_extremes() -> None:
    nothing = Values.of(np.zeros(0, dtype=np.int64))
    assert (len(nothing), nothing.total, nothing.above(0)) == (0, 0, 0)
    for name in ("low", "high"):
        with pytest.raises(ValueError, match="there are no numbers"):
            getattr(nothing, name)
