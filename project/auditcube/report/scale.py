"""Axes: where the ticks of a range of numbers stand, what they are called, and where a value lies among them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from auditcube.report.numbers import time_unit

_MULTIPLES = (1, 2, 5, 10)


@dataclass(frozen=True)
class Axis:
    """A range of values with its ticks. `logarithmic` needs `low` > 0; always `low` < `high`."""

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where `value` lies: 0 at the low end, 1 at the high end; what lies outside is put at the end."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, self.low))
        return min(max((value - low) / (high - low), 0.0), 1.0)


def count_axis(title: str, highest: float) -> Axis:
    """From zero to a little above `highest`; where that is an int, so are the ticks."""
    high = highest * 1.05 if highest > 0 else 1.0
    values = nice_ticks(0.0, high, 4, least=1.0 if isinstance(highest, int) else 0.0)
    return Axis(title, 0.0, high, tuple(zip(values, tick_labels(values), strict=True)))


def time_axis(title: str, low_ns: float, high_ns: float) -> Axis:
    """From `low_ns` to `high_ns`, with one unit for all ticks."""
    divisor, unit = _axis_unit(high_ns)
    values = nice_ticks(low_ns / divisor, high_ns / divisor, 5)
    ticks = tuple((value * divisor, label) for value, label in zip(values, tick_labels(values), strict=True))
    return Axis(f"{title} [{unit}]", low_ns, high_ns, ticks)


def log_time_axis(title: str, low_ns: float, high_ns: float) -> Axis:
    """The same with equal room for equal ratios; each tick has its own unit."""
    ticks = tuple((value, _own_unit(value)) for value in log_ticks(low_ns, high_ns))
    return Axis(f"{title} (logarithmic)", low_ns, high_ns, ticks, logarithmic=True)


def nice_ticks(low: float, high: float, about: int, least: float = 0.0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten within [low, high], `about` + 1 at most, no closer than `least`."""
    raw = max((high - low) / about, least)
    power = 10.0 ** math.floor(math.log10(raw))
    # A quotient such as 4.999999999999999 is a five.
    step = next(multiple * power for multiple in _MULTIPLES if multiple * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if first > last and raw > least:  # the range starts just above a multiple, and ends just before the next
        return nice_ticks(low, high, about + 1, least)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within [low, high], seven at most; with their doubles and quintuples where that leaves room."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = math.log10(high / low)
    multiples = (1,) if decades > 2.5 else (1, 2, 5)
    every = max(1, math.ceil(decades / 6))
    values = (multiple * 10.0**power for power in range(first, last + 1, every) for multiple in multiples)
    return [value for value in values if low <= value <= high]


def tick_labels(values: list[float]) -> list[str]:
    """One form for all: as many decimals as they need, and k, M or G where they are large."""
    highest = max(map(abs, values), default=0.0)
    factor, suffix = next((f for f in ((1e9, "G"), (1e6, "M"), (1e4, "k")) if highest >= f[0]), (1.0, ""))
    factor = 1e3 if suffix == "k" else factor
    scaled = [float(f"{value / factor:.12g}") for value in values]
    decimals = max((len(f"{value:.12f}".rstrip("0").split(".")[1]) for value in scaled), default=0)
    return [f"{value:,.{decimals}f}{suffix if value else ''}" for value in scaled]


def _own_unit(ns: float) -> str:
    divisor, unit = time_unit(ns)
    return f"{ns / divisor:,.6g} {unit}"


def _axis_unit(high_ns: float) -> tuple[float, str]:
    if high_ns >= 2 * 3600e9:
        return 3600e9, "h"
    if high_ns >= 300e9:
        return 60e9, "min"
    return time_unit(high_ns)
