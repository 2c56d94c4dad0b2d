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
_UNEVEN = 2.0  # times the variance of one text's times: then new texts differ in cost
_KINDS = (AGAIN, *NEAR)


@dataclass(frozen=True)
class Contrast:
    """Requests that a cache could answer against their neighbours that it could not: rows when they are asked for
    `first`, or again (`repeat`), or both (`known`), or `near` duplicates; or waves of like requests (`coalescing`).

    `shifts` are of the logarithm of the gain, in several views: time, and time per token where counts differ. `logs`
    are the single gains, by time; `hits` are answers out of all proportion, a line for each row. `waiting` is how many
    times as long as they were served requests took: what a cache saves is that much less of the time that was measured.
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
        """How many comparisons have a say."""
        return self.shifts[0].pairs

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
    variation of new requests for one row; `uneven`: it comes from the texts, which differ in cost; `kinds` are the
    single gains of near duplicates by what they differ in."""

    contrasts: tuple[Contrast, ...]
    rows: int
    rows_hit: int
    noise: float
    uneven: bool
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
    known = np.concatenate([first, repeat], axis=1)
    uneven = _within(views[0][novel]) > _UNEVEN * _within(views[0][known])
    contrasts = [
        _contrast(name, views, arm, beside, _hits(views, arm, novel), uneven, waiting)
        for name, arm, beside in (
            ("first", first, novel[:, :1]),
            ("repeat", repeat, novel[:, 1:]),
            ("known", known, novel),
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
        uneven=uneven,
        kinds=kinds,
    )


def _waiting(logs: Floats, places: Ints) -> float:
    """How many times as long as the best placed of a round new requests take: those behind may wait for a slot."""
    means = [float(np.exp(logs[places == place]).mean()) for place in np.unique(places)]
    return sum(means) / len(means) / min(means)


def _within(logs: Floats) -> float:
    """How much the requests of one row differ from each other, as a variance."""
    return float(((logs - logs.mean(axis=1, keepdims=True)) ** 2).mean())


def _contrast(
    name: str, views: list[Floats], arm: Ints, beside: Ints, hits: Mask, uneven: bool, waiting: float
) -> Contrast:
    """`uneven`: new texts differ from each other in cost, and not only from time to time. What a row's own text costs
    more or less than a new one is then the same each time it is asked for, and a row has a say but once."""
    gains = [view[beside] - view[arm] for view in views]
    shifts = tuple(shift_of(gain[:, 0] if uneven else gain.ravel()) for gain in gains)
    mean_gain = float(np.exp(views[0][beside]).sum() / np.exp(views[0][arm]).sum()) - 1
    counted: Mask = np.asarray(hits.any(axis=1, keepdims=True), dtype=np.bool_) if uneven else hits
    return Contrast(name, gains[0].ravel(), mean_gain, shifts, counted, waiting)


def _hits(views: list[Floats], arm: Ints, novel: Ints) -> Mask:
    """Which answers came out of all proportion, in every view: in less than half the time of the new requests for the
    same row, and farther from these than any new request is from its like."""
    fast = np.ones(arm.shape, dtype=np.bool_)
    for view in views:
        new = view[novel]
        others = (new.sum(axis=1, keepdims=True) - new) / (new.shape[1] - 1)
        limit = max(_FASTER, -_BEYOND * float((new - others).min()))
        fast &= view[arm] - new.mean(axis=1, keepdims=True) < -limit
    return fast


def _merged(waves: Timed) -> Contrast | None:
    """How much sooner a wave of like requests is answered than one of different ones.

    In two views: the whole wave; and how much longer its second half takes than its first, which is how long it waits
    for slots. Different texts have answers of different length, and a wave takes as long as the longest; but requests
    that are answered together do not wait for each other, whatever they cost.
    """
    assert isinstance(waves.order, Waves)
    pairs, width = waves.order.pairs, waves.order.width
    done, issued = waves.done_ns.reshape(pairs, 2, width), waves.issued_ns.reshape(pairs, 2, width)
    whole: Mask = np.asarray((done >= 0).all(axis=(1, 2)), dtype=np.bool_)
    if np.count_nonzero(whole) < max(2, 0.9 * pairs):
        return None
    done, issued = done[whole], issued[whole]
    took = np.maximum(done - issued, 1).astype(np.float64)
    half = width // 2
    waits = np.log(took[:, :, -half:].mean(axis=2) / took[:, :, :half].mean(axis=2))
    lasted = np.log(np.maximum(done.max(axis=2) - issued.min(axis=2), 1))
    alike = np.array(waves.order.alike(waves.seed)).reshape(-1, 2)[whole, 0]
    sign = np.where(alike, 1, -1)
    logs, waited = sign * (lasted[:, 1] - lasted[:, 0]), sign * (waits[:, 1] - waits[:, 0])
    ends = np.exp(np.where(alike[:, None], lasted, lasted[:, ::-1])).sum(axis=0)
    shifts = (shift_of(logs), shift_of(waited))
    return Contrast(COALESCING, logs, float(ends[1] / ends[0]) - 1, shifts, np.zeros((0, 0), dtype=np.bool_))


@lru_cache(maxsize=64)
def quantile(level: float) -> float:
    """Of the normal distribution."""
    return NormalDist().inv_cdf(level)
