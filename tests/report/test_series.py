"""Bars: every event is in exactly one, however many there are and however they lie."""

from __future__ import annotations

import numpy as np
import pytest

from auditcube.report.series import completions, latencies
from report.cases import MS, make_run


def test_a_run_without_events_has_no_bars() -> None:
    assert completions(make_run([])) is None
    assert latencies(make_run([])) is None


def test_a_run_in_which_nothing_completed_has_failures_and_no_latency() -> None:
    run = make_run([MS] * 3, failed=range(3))
    series = completions(run)
    assert series is not None
    assert series.completed_per_s == (0.0,)
    assert list(series.failed_per_s) == [pytest.approx(1000.0)]
    assert latencies(run) is None


@pytest.mark.parametrize("took", [0, 1, MS, 10**13])
def test_one_event_is_one_bar(took: int) -> None:
    run = make_run([took])
    series, spread = completions(run), latencies(run)
    assert series is not None
    assert spread is not None
    assert len(series.completed_per_s) == 1
    assert series.edges_ns[0] == 0 < series.edges_ns[1]
    assert spread.counts == (1,)
    assert spread.edges_ns[0] <= took <= spread.edges_ns[1]


@pytest.mark.parametrize(("events", "bars"), [(7, 1), (16, 2), (511, 63), (512, 64), (100_000, 64)])
def test_every_event_is_in_one_bar(events: int, bars: int) -> None:
    took = np.random.default_rng(1).integers(MS, 40 * MS, events)
    run = make_run(took, failed=range(0, events, 3))
    series, spread = completions(run), latencies(run)
    assert series is not None
    assert spread is not None
    assert len(series.completed_per_s) == bars
    width_s = series.edges_ns[1] / 1e9
    assert sum(series.completed_per_s) * width_s == pytest.approx(run.completed)
    assert sum(series.failed_per_s) * width_s == pytest.approx(run.failed)
    assert sum(spread.counts) == run.completed


@pytest.mark.parametrize(("slowest", "logarithmic"), [(50 * MS, False), (50 * MS + 1, True), (10**13, True)])
def test_a_wide_spread_is_shown_by_ratio(slowest: int, logarithmic: bool) -> None:
    spread = latencies(make_run([MS, 2 * MS, 3 * MS, slowest] * 8))
    assert spread is not None
    assert spread.logarithmic is logarithmic
    assert sum(spread.counts) == 32
    assert spread.edges_ns[0] == pytest.approx(MS)
    assert spread.edges_ns[-1] == pytest.approx(slowest)


def test_an_answer_in_no_time_rules_ratios_out() -> None:
    spread = latencies(make_run([0, MS, 10**12]))
    assert spread is not None
    assert not spread.logarithmic
