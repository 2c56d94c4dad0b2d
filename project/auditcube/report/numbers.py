"""Numbers for people: four significant digits, a unit that fits, no exponents. The exact ones are in the JSON files."""

from __future__ import annotations

import math
from typing import Any

from auditcube.report.text import plain

_DIGITS = 4
_SURE = 0.0001  # of a p-value that is smaller nobody wants the digits
_TIME_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def number(value: float) -> str:
    """A number with four significant digits; integers are given whole, with thousands separated."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    decimals = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


def rate(per_s: float) -> str:
    return f"{number(float(per_s))}/s"


def percent(share: float, signed: bool = False) -> str:
    """A share as a percentage with one decimal; what is not quite none or all does not round to it."""
    if not signed and 0 < share < 0.0005:
        return "<0.1%"
    if not signed and 0.9995 <= share < 1:
        return ">99.9%"
    return f"{share * 100:{'+' if signed else ''},.1f}".replace(".0", "") + "%"


def duration(ns: float) -> str:
    """Nanoseconds in a unit that fits: 850 ns, 49.3 ms, 12.34 s, 3 min 05 s, 2 h 07 min."""
    seconds = ns / 1e9
    if abs(seconds) >= 3599.5:
        minutes = round(seconds / 60)
        return f"{minutes // 60:,} h {minutes % 60:02d} min"
    if abs(seconds) >= 119.995:
        whole = round(seconds)
        return f"{whole // 60} min {whole % 60:02d} s"
    divisor, unit = time_unit(ns)
    return f"{number(ns / divisor)} {unit}"


def time_unit(ns: float) -> tuple[float, str]:
    """The largest unit of which `ns` is at least one, as nanoseconds and name."""
    return next((unit for unit in _TIME_UNITS if abs(ns) >= unit[0]), _TIME_UNITS[-1])


def size(octets: Any) -> str:
    """A file's size in decimal units."""
    if not isinstance(octets, int) or octets < 1000:
        return f"{plain(octets)} B"
    power = min(int(math.log10(octets) / 3), 4)
    return f"{number(octets / 1000.0**power)} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def named(name: str, value: Any) -> str:
    """A verdict's number, in the unit that its name tells: `_per_s`, `_ns`, `_s`, `_p` (a p-value), `gain` anywhere,
    `threshold`, `_share`, `_cv`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return plain(value)
    if name.endswith("_per_s"):
        return rate(value)
    if name.endswith("_ns"):
        return duration(value)
    if name.endswith("_s"):
        return duration(value * 1e9)
    if name.endswith("_p") and value < _SURE:
        return f"<{_SURE:g}"
    if "gain" in name.split("_"):
        return percent(value, signed=True)
    if name == "threshold" or name.endswith(("_share", "_cv")):
        return percent(value)
    return number(value)


def heading(name: str) -> str:
    """The words for a number's name, without the unit that `named` shows beside the value."""
    for suffix in ("_per_s", "_ns", "_s"):
        name = name.removesuffix(suffix)
    return name.replace("_", " ")
