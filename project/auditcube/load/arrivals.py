"""When each query is due, in nanoseconds after the start of the run: pure functions of a seed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from auditcube.load.order import stream


def at_once() -> Iterator[int]:
    """Everything is due at the start; only the number in flight bounds the load."""
    return itertools.repeat(0)


def poisson(rate_per_s: float, seed: int) -> Iterator[int]:
    """Due times of a Poisson process: independent exponential gaps with mean 1/`rate_per_s`.

    Gaps are whole microseconds, so that a last-bit difference between two mathematical libraries cannot change a
    schedule's digest from one machine to another.
    """
    due_ns = 0
    draw = stream(seed, "arrival").random
    while True:
        due_ns += round(-math.log(1.0 - draw()) / rate_per_s * 1e6) * 1000
        yield due_ns
