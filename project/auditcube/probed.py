"""What a cache probe measured: from the times of its queries to gains, contrast by contrast. Pure, and fast.

A gain is the logarithm of how many times as long the new request took as its neighbour that a cache could answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from auditcube.load.order import AGAIN, NEAR, Cell, Probe, Waves
from auditcube.metrics import Timed
from auditcube.paired import Floats, Ints, Shift, shift_of

Mask = npt.NDArray[np.bool_]

COALESCING = "coalescing"
"""The contrast of waves, and the run that has them."""
LEVEL = 0.99
"""Of each bound on a gain."""
_FASTER = math.log(2)  # how far out of proportion a hit is, at least
_BEYOND = 1.5  # and how much further than the new request that was farthest from its like
_KINDS = (AGAIN, *NEAR)


@dataclass(frozen=True)
class Contrast:
    """Requests that a cache could answer against their neighbours that it could not: rows when they are asked for
    `first`, or again (`repeat`), or both (`known`), or `near` duplicates; or waves of like requests (`coalescing`).

    `shifts` are of the logarithm of the gain, by time and, where counts differ, by time per token; `logs` are the
    single gains, by time; `hits` are answers out of all proportion, a line for each row. `waiting` is how many times as
    long as they were served requests took: what a cache saves is that much less of the time that was measured.
    """

    name: str
    logs: Floats
    mean_gain: float
    shifts: tuple[Shift, ...]
    hits: Mask
    waiting: float = 1.0

    @property
    def hit(self) -> int:
        """How many answers came out of all proportion."""
        return int(np.count_nonzero(self.hits))

    @property
    def pairs(self) -> int:
        return self.logs.size

    def p_value(self, tolerance: float) -> float:
        """Of the hypothesis that the gain is within the tolerance."""
        return max(shift.above(math.log1p(tolerance)) for shift in self.shifts)

    @property
    def low(self) -> float:
        return min(shift.lowest(LEVEL) for shift in self.shifts)

    @property
    def high(self) -> float:
        """The largest gain in service, which waiting may hide; infinite where nothing bounds it."""
        return self.stretched(max(shift.highest(LEVEL) for shift in self.shifts))

    def stretched(self, gain: float) -> float:
        """The gain in service that would show as this gain in time."""
        if gain <= 0 or self.waiting <= 1:
            return gain
        saved = -math.expm1(-gain) * self.waiting
        return -math.log1p(-saved) if saved < 1 else math.inf

    @property
    def error(self) -> float:
        """The standard error that the width of the interval tells of; infinite with too few pairs."""
        return max(shift.highest(LEVEL) - shift.lowest(LEVEL) for shift in self.shifts) / (2 * quantile(LEVEL))


class _Layout(NamedTuple):
    """Where in the plan the queries of each arm stand: a line for each row, a column for each part."""

    first: Ints
    repeat: Ints
    near: Ints
    novel: Ints
    kinds: Ints


@dataclass(frozen=True)
class Found:
    """What a probe found. `rows_hit` of `rows` had an answer out of all proportion; `noise` is the coefficient of
    variation of new requests for one row; `kinds` the single gains of near duplicates by what they differ in."""

    contrasts: tuple[Contrast, ...]
    rows: int
    rows_hit: int
    noise: float
    kinds: Mapping[str, Floats]

    def contrast(self, name: str) -> Contrast | None:
        return next((contrast for contrast in self.contrasts if contrast.name == name), None)


@lru_cache(maxsize=64)
def _layout(order: Probe, seed: int) -> _Layout:
    columns = {"first": 1, "repeat": order.repeats, "near": order.repeats, "novel": 1 + order.repeats}
    places = {arm: np.zeros((order.samples, count), dtype=np.int64) for arm, count in columns.items()}
    kinds = np.zeros((order.samples, order.repeats), dtype=np.int64)
    for ordinal, cell in enumerate(order.cells(seed)):
        places[cell.arm][cell.sample, _column(cell)] = ordinal
        if cell.arm == "near":
            kinds[cell.sample, _column(cell)] = _KINDS.index(cell.near)
    return _Layout(**places, kinds=kinds)


def _column(cell: Cell) -> int:
    """Novel requests are in the first part too, repeats and near duplicates from the second on."""
    return cell.part if cell.arm in ("first", "novel") else cell.part - 1


def _views(timed: Timed) -> list[Floats]:
    """The logarithm of each query's time, and of its time per token, of the answer and of the prompt, where their
    counts differ; NaN if it did not complete."""
    ok = np.greater_equal(timed.done_ns, 0)
    time = np.full(len(ok), np.nan)
    time[ok] = np.log(np.maximum(timed.done_ns[ok] - timed.issued_ns[ok], 1))
    views = [time]
    for counts in (timed.tokens_out, timed.tokens_in):
        tokens = counts[ok]
        if len(tokens) and 1 <= tokens.min() < tokens.max():
            per_token = time.copy()
            per_token[ok] -= np.log(tokens)
            views.append(per_token)
    return views


def find(timed: Timed, waves: Timed | None) -> Found | None:
    """None where nine tenths of the rows, or of the waves, were not answered whole."""
    assert isinstance(timed.order, Probe)
    layout, views = _layout(timed.order, timed.seed), _views(timed)
    arms = [layout.first, layout.repeat, layout.near, layout.novel]
    whole: Mask = np.asarray(~np.isnan(views[0][np.concatenate(arms, axis=1)]).any(axis=1), dtype=np.bool_)
    rows = int(np.count_nonzero(whole))
    if rows < max(2, 0.9 * len(whole)):
        return None
    first, repeat, near, novel = (arm[whole] for arm in arms)
    waiting = _waiting(views[0][novel], novel % timed.order.width)
    contrasts = [
        _contrast(name, views, arm, beside, novel, waiting)
        for name, arm, beside in (
            ("first", first, novel[:, :1]),
            ("repeat", repeat, novel[:, 1:]),
            ("known", np.concatenate([first, repeat], axis=1), novel),
            ("near", near, novel[:, 1:]),
        )
    ]
    spread = views[0][novel] - views[0][novel].mean(axis=1, keepdims=True)
    kinds = {kind: contrasts[3].logs[layout.kinds[whole].ravel() == number] for number, kind in enumerate(_KINDS)}
    if waves is not None:
        merged = _merged(waves)
        if merged is None:
            return None
        contrasts.append(merged)
    return Found(
        contrasts=tuple(contrasts),
        rows=rows,
        rows_hit=int(np.count_nonzero(contrasts[2].hits.any(axis=1))),
        noise=math.sqrt(float((spread**2).sum()) / (rows * (novel.shape[1] - 1))),
        kinds=kinds,
    )


def _waiting(logs: Floats, places: Ints) -> float:
    """How many times as long as the best placed of a round new requests take: those behind may wait for a slot."""
    means = [float(np.exp(logs[places == place]).mean()) for place in np.unique(places)]
    return sum(means) / len(means) / min(means)


def _contrast(name: str, views: list[Floats], arm: Ints, beside: Ints, novel: Ints, waiting: float) -> Contrast:
    shifts = tuple(shift_of((view[beside] - view[arm]).ravel()) for view in views)
    mean_gain = float(np.exp(views[0][beside]).sum() / np.exp(views[0][arm]).sum()) - 1
    hits: Mask = np.logical_and.reduce([_hits(view, arm, novel) for view in views])
    return Contrast(name, (views[0][beside] - views[0][arm]).ravel(), mean_gain, shifts, hits, waiting)


def _hits(view: Floats, arm: Ints, novel: Ints) -> Mask:
    """Which answers came out of all proportion: in less than half the time of the new requests for the same row, and
    farther from these than any new request is from its like."""
    new = view[novel]
    others = (new.sum(axis=1, keepdims=True) - new) / (new.shape[1] - 1)
    limit = max(_FASTER, -_BEYOND * float((new - others).min()))
    fast: Mask = view[arm] - new.mean(axis=1, keepdims=True) < -limit
    return fast


def _merged(waves: Timed) -> Contrast | None:
    """How much sooner a wave of like requests is answered than one of different ones."""
    assert isinstance(waves.order, Waves)
    shape = (2 * waves.order.pairs, waves.order.width)
    done, issued = waves.done_ns.reshape(shape), waves.issued_ns.reshape(shape)
    took = np.log(np.maximum(done.max(axis=1) - issued.min(axis=1), 1)).reshape(-1, 2)
    whole: Mask = np.asarray((done >= 0).all(axis=1).reshape(-1, 2).all(axis=1), dtype=np.bool_)
    if np.count_nonzero(whole) < max(2, 0.9 * len(whole)):
        return None
    alike = np.array(waves.order.alike(waves.seed)).reshape(-1, 2)[whole, 0]
    took = np.where(alike[:, None], took[whole], took[whole, ::-1])
    logs = took[:, 1] - took[:, 0]
    mean_gain = float(np.exp(took[:, 1]).sum() / np.exp(took[:, 0]).sum()) - 1
    return Contrast(COALESCING, logs, mean_gain, (shift_of(logs),), np.zeros((0, 0), dtype=np.bool_))


@lru_cache(maxsize=64)
def quantile(level: float) -> float:
    """Of the normal distribution."""
    return NormalDist().inv_cdf(level)
