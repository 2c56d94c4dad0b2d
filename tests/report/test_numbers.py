"""Numbers for people: digits, units, and the bounds at which a unit changes."""

from __future__ import annotations

from typing import Any

import pytest

from auditcube.report.numbers import duration, heading, named, number, percent, size


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (1000000, "1,000,000"),
        (155.85042, "155.9"),
        (5871.53, "5,872"),
        (1234567.0, "1,235,000"),
        (0.00321456, "0.003215"),
        (99.999, "100.00"),
        (-2.5, "-2.500"),
        (1e-9, "0.000000001000"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
    ],
)
def test_four_significant_digits(value: float, words: str) -> None:
    assert number(value) == words


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (0, "0 ns"),
        (850, "850.0 ns"),
        (1_000, "1.000 µs"),
        (49_303_293, "49.30 ms"),
        (1_234_567_890, "1.235 s"),
        (119_990_000_000, "120.0 s"),
        (120_000_000_000, "2 min 00 s"),
        (185_400_000_000, "3 min 05 s"),
        (3_599_400_000_000, "59 min 59 s"),
        (3_599_600_000_000, "1 h 00 min"),
        (7_620_000_000_000, "2 h 07 min"),
    ],
)
def test_durations_have_a_unit_that_fits(ns: float, words: str) -> None:
    assert duration(ns) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        *((0.0, "0%"), (0.0001, "<0.1%"), (0.0005, "0.1%"), (0.123, "12.3%"), (0.1, "10%")),
        *((0.9994, "99.9%"), (0.999999, ">99.9%"), (1.0, "100%"), (36.988, "3,698.8%")),
    ],
)
def test_a_share_is_none_or_all_only_if_it_is(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("octets", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.000 kB"), (3490, "3.490 kB"), (10**9, "1.000 GB"), (None, "– B")],
)
def test_sizes(octets: Any, words: str) -> None:
    assert size(octets) == words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("reference_per_s", 155.86, "155.9/s"),
        ("median_ns", 2_000_000, "2.000 ms"),
        ("window_s", 0.5, "500.0 ms"),
        ("gain", 0.0177, "+1.8%"),
        ("gain", -0.1, "-10%"),
        ("threshold", 0.1, "10%"),
        ("hit_share", 0.25, "25%"),
        ("pairs", 32, "32"),
        ("repeat_gain_low", 0.053, "+5.3%"),
        ("repeat_p", 0.0002, "0.0002000"),
        ("repeat_p", 1e-20, "<0.0001"),
        ("noise_cv", 0.0729, "7.3%"),
        ("limit_per_s", None, "–"),
        ("relaxed", True, "yes"),
        ("gain", "unknown", "unknown"),
        ("ratios", [1, 2], "[1, 2]"),
    ],
)
def test_a_verdicts_number_is_shown_as_its_name_tells(name: str, value: Any, words: str) -> None:
    assert named(name, value) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [("reference_per_s", "reference"), ("median_ns", "median"), ("window_s", "window"), ("run_id", "run id")],
)
def test_a_heading_leaves_the_unit_to_the_value(name: str, words: str) -> None:
    assert heading(name) == words
