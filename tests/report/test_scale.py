"""Axes: nice ticks, their labels, and where values lie."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditcube.report.scale import Axis, count_axis, log_ticks, log_time_axis, nice_ticks, tick_labels, time_axis


@pytest.mark.parametrize(
    ("low", "high", "about", "ticks"),
    [
        (0.0, 10.0, 5, [0, 2, 4, 6, 8, 10]),
        (0.0, 9.9, 5, [0, 2, 4, 6, 8]),
        (0.0, 1.0, 4, [0, 0.5, 1.0]),
        (0.0, 0.3, 3, [0, 0.1, 0.2, 0.3]),
        (29.0, 63.0, 5, [30, 40, 50, 60]),
        (0.0, 183000.0, 4, [0, 50000, 100000, 150000]),
        (0.0, 0.000031, 4, [0, 0.00001, 0.00002, 0.00003]),
        (-5.0, 5.0, 4, [-5, 0, 5]),
    ],
)
def test_nice_ticks(low: float, high: float, about: int, ticks: list[float]) -> None:
    assert nice_ticks(low, high, about) == ticks


@example(500001.0, 400000000400001.0, 2)  # just above a multiple of the step, to just before the next
@given(
    st.floats(0, 1e15, allow_subnormal=False),
    st.floats(1e-9, 1e15, allow_subnormal=False),
    st.integers(2, 10),
)
def test_ticks_lie_within_and_are_neither_too_many_nor_equal(low: float, span: float, about: int) -> None:
    if low + span - low < low * 1e-6:
        return  # an axis of less than a millionth of its values has no distinct ticks to show
    high = low + span
    ticks = nice_ticks(low, high, about)
    assert 1 <= len(ticks) <= about + 1
    assert ticks == sorted(set(ticks))
    slack = (high - low) * 1e-6 + high * 1e-11
    assert low - slack <= ticks[0]
    assert ticks[-1] <= high + slack


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1.0, 100.0, [1, 2, 5, 10, 20, 50, 100]),
        (3.0, 5000.0, [10, 100, 1000]),
        (1.0, 1e12, [1, 100, 1e4, 1e6, 1e8, 1e10, 1e12]),
        (1.5, 80.0, [2, 5, 10, 20, 50]),
    ],
)
def test_log_ticks(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == ticks


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([], []),
        ([0.0], ["0"]),
        ([0.0, 0.5, 1.0], ["0.0", "0.5", "1.0"]),
        ([0.0, 2000.0, 4000.0], ["0", "2,000", "4,000"]),
        ([0.0, 5000.0, 10000.0], ["0", "5k", "10k"]),
        ([0.0, 500000.0, 1000000.0], ["0.0", "0.5M", "1.0M"]),
        ([0.0, 2e9], ["0", "2G"]),
        ([0.1, 0.2, 0.3], ["0.1", "0.2", "0.3"]),
    ],
)
def test_labels_have_one_form(values: list[float], labels: list[str]) -> None:
    assert tick_labels(values) == labels


@pytest.mark.parametrize(
    ("high_ns", "unit", "last"),
    [
        (900.0, "ns", "800"),
        (50e6, "ms", "50"),
        (299e9, "s", "200"),
        (600e9, "min", "10"),
        (7200e9, "h", "2.0"),
    ],
)
def test_a_time_axis_has_one_unit(high_ns: float, unit: str, last: str) -> None:
    axis = time_axis("time", 0.0, high_ns)
    assert axis.title == f"time [{unit}]"
    assert axis.ticks[-1][1] == last
    assert axis.ticks[-1][0] <= high_ns


def test_a_logarithmic_axis_has_a_unit_for_each_tick() -> None:
    axis = log_time_axis("latency", 5e5, 2e10)
    assert [label for _, label in axis.ticks] == ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]
    assert axis.share(1e8) == pytest.approx(0.5)


@pytest.mark.parametrize(("value", "share"), [(-1.0, 0.0), (0.0, 0.0), (5.0, 0.5), (10.0, 1.0), (11.0, 1.0)])
def test_what_lies_outside_is_put_at_the_end(value: float, share: float) -> None:
    assert Axis("", 0.0, 10.0, ()).share(value) == share


@pytest.mark.parametrize(
    ("highest", "labels"),
    [(0, ["0", "1"]), (1, ["0", "1"]), (1.0, ["0.0", "0.5", "1.0"]), (3, ["0", "1", "2", "3"])],
)
def test_whole_counts_have_whole_ticks(highest: float, labels: list[str]) -> None:
    assert [label for _, label in count_axis("queries", highest).ticks] == labels
