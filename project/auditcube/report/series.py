"""From a run's events to the bars of its charts: a million events become at most `_MOST_BARS` numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from auditcube.metrics import Run
from auditcube.values import Ints

_MOST_BARS = 64
# Fewer, and a bar shows chance rather than the endpoint; a rate is the more sensitive of the two.
_ENDED_PER_BAR = 8
_LATENCIES_PER_BAR = 4
_LOG_SPREAD = 50.0  # a range this wide leaves all but the slowest answers in one bar of a linear axis


@dataclass(frozen=True)
class Completions:
    """Ended queries per second in equal intervals from the first issue to the last end."""

    edges_ns: tuple[float, ...]
    completed_per_s: tuple[float, ...]
    failed_per_s: tuple[float, ...]


@dataclass(frozen=True)
class Latencies:
    """Completed queries by latency; with `logarithmic`, bars of equal ratio."""

    edges_ns: tuple[float, ...]
    counts: tuple[int, ...]
    logarithmic: bool


def completions(run: Run) -> Completions | None:
    """None for a run without events."""
    events = run.events
    if not len(events):
        return None
    start = run.issues.low
    # One instant, or a clock that ran backwards in a damaged file, still is an interval to draw.
    span = max(float(run.values(lambda part: part.done_ns).high - start), 1.0)
    bars = _bars(len(events) // _ENDED_PER_BAR)
    per_s = bars / span * 1e9
    good, _ = _histogram((part.done_ns[part.ok] - start for part in events.parts()), bars, 0.0, span)
    bad, _ = _histogram((part.done_ns[~part.ok] - start for part in events.parts()), bars, 0.0, span)
    edges = np.linspace(0.0, span, bars + 1)
    return Completions(_numbers(edges), _numbers(good * per_s), _numbers(bad * per_s))


def latencies(run: Run) -> Latencies | None:
    """None for a run without a completed query."""
    values = run.latencies_ns
    if not len(values):
        return None
    low, high = float(values.low), float(values.high)
    bars = _bars(len(values) // _LATENCIES_PER_BAR)
    if low > 0 and high > _LOG_SPREAD * low:
        first, last = np.log10([low, high]).tolist()
        # Within the edges, whatever the last bit of a logarithm is.
        exponents_of = (np.clip(np.log10(part), first, last) for part in values.parts())
        counts, exponents = _histogram(exponents_of, bars, first, last)
        return Latencies(_numbers(10.0**exponents), tuple(map(int, counts)), logarithmic=True)
    if low == high:  # one value: a bar around it
        low, high, bars = low * 0.9, low * 1.1 + 1.0, 1
    counts, edges = _histogram(values.parts(), bars, low, high)
    return Latencies(_numbers(edges), tuple(map(int, counts)), logarithmic=False)


def _histogram(
    parts: Iterable[npt.NDArray[Any]], bars: int, low: float, high: float
) -> tuple[Ints, npt.NDArray[np.float64]]:
    """How many numbers there are in each of so many equal intervals, and the edges of these."""
    counts, edges = np.histogram(np.zeros(0), bins=bars, range=(low, high))
    for part in parts:
        counts = counts + np.histogram(part, bins=bars, range=(low, high))[0]
    return counts, edges


def _bars(wanted: int) -> int:
    return min(max(wanted, 1), _MOST_BARS)


def _numbers(values: npt.NDArray[Any]) -> tuple[float, ...]:
    return tuple(map(float, values))
