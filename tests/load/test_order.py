"""Orders: which sample each query asks for, as a function of a seed alone."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.load.order import (
    AGAIN,
    NEAR,
    Order,
    Probe,
    Salted,
    Single,
    Waves,
    WithoutReplacement,
    WithReplacement,
    order_to_json,
    stream,
)

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
        (Probe(6, 2, 3), {"kind": "probe", "samples": 6, "repeats": 2, "width": 3}),
        (Waves(4, 8), {"kind": "waves", "pairs": 4, "width": 8}),
    ],
)
def test_an_order_as_json(order: Order, expected: dict[str, object]) -> None:
    assert order_to_json(order) == expected


def test_orders_with_equal_fields_are_equal() -> None:
    assert WithoutReplacement((3,)) == WithoutReplacement((3,))
    assert WithoutReplacement((3,)) != WithoutReplacement((4,))
    assert Single(3) != Single(4)


PROBES = st.builds(
    lambda groups, repeats, width: Probe(groups * width, repeats, width),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 4),
)


@given(PROBES, st.integers(0, 2**64 - 1))
def test_a_probe_gives_every_request_a_neighbour_that_nobody_has_seen(probe: Probe, seed: int) -> None:
    cells = probe.cells(seed)
    planned = list(zip(cells, draws(probe, 30, probe.queries, seed), strict=True))
    assert len(cells) == probe.queries
    novel = [salt for cell, (_, salt) in planned if cell.arm == "novel"]
    assert len(set(novel)) == len(novel) == probe.samples * (1 + probe.repeats)
    assert all(salt is not None and salt.startswith("new:") for salt in novel)
    rows = {cell.sample: row for cell, (row, _) in planned}
    assert len(set(rows.values())) == probe.samples
    for sample, row in rows.items():
        mine = [(cell, salt) for cell, (asked, salt) in planned if cell.sample == sample and asked == row]
        assert [cell.part for cell, _ in mine] == sorted(cell.part for cell, _ in mine)
        for part in range(1 + probe.repeats):
            arms = sorted(cell.arm for cell, _ in mine if cell.part == part)
            assert arms == (["near", "novel", "repeat"] if part else ["first", "novel"])
        assert all((salt is None) == (cell.arm in ("first", "repeat")) for cell, salt in mine)
    # A round asks for as many rows as it has queries.
    for start in range(0, len(cells), probe.width):
        assert len({cell.sample for cell in cells[start : start + probe.width]}) == probe.width


@given(PROBES, st.integers(0, 2**64 - 1))
def test_what_is_nearly_a_row_differs_in_one_thing_and_what_is_asked_again_in_none(probe: Probe, seed: int) -> None:
    planned = list(zip(probe.cells(seed), draws(probe, 30, probe.queries, seed), strict=True))
    first = {cell.sample: salt for cell, (_, salt) in planned if cell.arm == "novel" and cell.part == 0}
    for cell, (_, salt) in planned:
        if cell.arm == "near":
            assert salt is not None
            assert salt == first[cell.sample] if cell.near == AGAIN else salt.startswith(f"{cell.near}:")
    kinds = Counter(cell.near for cell, _ in planned if cell.arm == "near")
    assert max(kinds[kind] for kind in NEAR) - min(kinds[kind] for kind in NEAR) <= 1
    assert abs(kinds[AGAIN] - 2 * kinds[NEAR[0]]) <= 2


def test_chance_decides_the_order_within_a_part() -> None:
    cells = Probe(200, 1).cells(7)
    firsts = sum(cells[start].arm == "first" for start in range(0, len(cells), 5))
    assert 70 < firsts < 130
    orders = Counter(tuple(cell.arm for cell in cells[start + 2 : start + 5]) for start in range(0, len(cells), 5))
    assert len(orders) == 6
    assert max(orders.values()) < 60


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**64 - 1))
def test_waves_are_all_alike_or_all_different(pairs: int, width: int, seed: int) -> None:
    waves = Waves(pairs, width)
    planned = draws(waves, 9, waves.queries, seed)
    alike = waves.alike(seed)
    assert len(planned) == len(alike) * width
    seen: set[str | None] = set()
    for number, kind in enumerate(alike):
        wave = planned[number * width : (number + 1) * width]
        assert len({row for row, _ in wave}) == 1
        salts = {salt for _, salt in wave}
        assert len(salts) == (1 if kind else width)
        assert not salts & seen
        seen |= salts
    assert all({*alike[start : start + 2]} == {True, False} for start in range(0, len(alike), 2))


@pytest.mark.parametrize("order", [Probe(4, 2, 2), Waves(2, 3)])
def test_behind_its_plan_a_probe_asks_for_nothing_seen(order: Probe | Waves) -> None:
    salts = [salt for _, salt in draws(order, 9, order.queries + 50)][order.queries :]
    assert len(set(salts)) == 50
    assert None not in salts
