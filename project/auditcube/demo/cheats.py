"""The endpoint's dishonesty. Each cheat is one class and one row of `CHEATS`; switched on together they nest.

A cheat stands between the endpoint and the computation: it answers a call itself (a hit, at once and without a slot),
or has it computed, or has something else computed. A call whose client went away is cancelled where it waits.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from auditcube.demo.calls import Call, Output, Served, shortened
from auditcube.demo.chance import fraction
from auditcube.demo.prediction import PredictionJob
from auditcube.demo.switches import Entry, Value
from auditcube.demo.text import TextJob

Compute = Callable[[Call], Awaitable[Served]]


class Cheat(Protocol):
    """What a cheat offers."""

    async def answer(self, call: Call, compute: Compute) -> Served:
        """Answer `call`; `compute` does the honest thing."""


def _whole_request(call: Call) -> str:
    return call.key


def _prompt_only(call: Call) -> str:
    # A video cannot answer a chat: the kind stays part of what is the same.
    return f"{call.kind}\n{call.prompt}"


class Cache:
    """Remembers answers: by the whole request or less, at most `capacity` (least recently used go), for `ttl_s`.

    Only a `share` of the possible hits is served from memory, the rest computed again: partial caching.
    """

    def __init__(
        self,
        key: Callable[[Call], str] = _whole_request,
        capacity: float = float("inf"),
        ttl_s: float = float("inf"),
        share: float = 1.0,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key, self._capacity, self._ttl_s, self._share, self._seed = key, capacity, ttl_s, share, seed
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Output]] = OrderedDict()
        self._possible_hits = itertools.count()

    async def answer(self, call: Call, compute: Compute) -> Served:
        """From memory where it can be."""
        key = self._key(call)
        output = self._look_up(key)
        if output is not None:
            return Served(output, hit=True)
        served = await compute(call)
        self._keep(key, served.output)
        return served

    def _look_up(self, key: str) -> Output | None:
        since, output = self._kept.get(key, (0.0, None))
        if output is None or self._clock() - since >= self._ttl_s:
            return None
        self._kept.move_to_end(key)
        return output if fraction(self._seed, "partial_cache", next(self._possible_hits)) < self._share else None

    def _keep(self, key: str, output: Output) -> None:
        self._kept[key] = (self._clock(), output)
        self._kept.move_to_end(key)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)


class Preloaded:
    """Has the answers to the data set's prompts ready, whatever the other parameters; the rest is honest.

    An answer is made when it is asked for, in the milliseconds that the work takes, but costs no service time: seen
    from outside it was there before.
    """

    def __init__(self, prompts: frozenset[str]) -> None:
        self._prompts = prompts

    async def answer(self, call: Call, compute: Compute) -> Served:
        """At once for a known prompt."""
        if call.prompt not in self._prompts:
            return await compute(call)
        output = await asyncio.get_running_loop().run_in_executor(None, call.work)
        return Served(output, hit=True)


class Coalescing:
    """Lets an identical request that is being computed answer for all others that arrive meanwhile; keeps nothing."""

    def __init__(self) -> None:
        self._in_flight: dict[str, asyncio.Future[Served]] = {}

    async def answer(self, call: Call, compute: Compute) -> Served:
        """Join the computation in flight, or start one."""
        shared = self._in_flight.get(call.key)
        if shared is not None:
            return replace(await asyncio.shield(shared), hit=True)
        # Shielded: when the first client goes away, the others still wait for the answer.
        task = asyncio.ensure_future(compute(call))
        self._in_flight[call.key] = task
        task.add_done_callback(lambda _: self._in_flight.pop(call.key))
        return await asyncio.shield(task)


class Truncated:
    """Computes only a `share` of the asked frames or tokens, and takes only that share of the time."""

    def __init__(self, share: float) -> None:
        self._share = share

    async def answer(self, call: Call, compute: Compute) -> Served:
        """A shorter answer."""
        return await compute(shortened(call, self._share))


class Changed:
    """Computes another text than was asked for: `change` makes another job of it. Videos are left alone."""

    def __init__(self, change: Callable[[TextJob], TextJob], share: float = 1.0, seed: int = 0) -> None:
        self._change, self._share, self._seed = change, share, seed
        self._calls = itertools.count()

    async def answer(self, call: Call, compute: Compute) -> Served:
        """Of a `share` of the calls, another answer."""
        if isinstance(call.job, TextJob) and fraction(self._seed, "changed", next(self._calls)) < self._share:
            call = replace(call, job=self._change(call.job))
        return await compute(call)


class Guessed:
    """Of a `share` of the calls, predicts by another model. What is no prediction is left alone."""

    def __init__(self, share: float, seed: int) -> None:
        self._share, self._seed = share, seed
        self._calls = itertools.count()

    async def answer(self, call: Call, compute: Compute) -> Served:
        """Predictions of a model of another seed."""
        job = call.job
        if isinstance(job, PredictionJob) and fraction(self._seed, "guessed", next(self._calls)) < self._share:
            call = replace(call, job=replace(job, seed=job.seed + 1))
        return await compute(call)


CHEATS: dict[str, Entry[Cheat]] = {
    "exact_cache": Entry(lambda _value, _context: Cache()),
    "prompt_cache": Entry(lambda _value, _context: Cache(_prompt_only)),
    "lru_cache": Entry(lambda value, _context: Cache(capacity=value), Value("K answers", 1, whole=True)),
    "ttl_cache": Entry(lambda value, _context: Cache(ttl_s=value), Value("SECONDS", 0)),
    "partial_cache": Entry(
        lambda value, context: Cache(share=value, seed=context.seed), Value("SHARE of the hits", 0, 1)
    ),
    "preloaded": Entry(lambda _value, context: Preloaded(context.preload)),
    "coalescing": Entry(lambda _value, _context: Coalescing()),
    "other_model": Entry(
        lambda value, context: Changed(lambda job: replace(job, seed=job.seed + 1), value, context.seed),
        Value("SHARE of the calls", 0, 1, 0.5),
    ),
    "double_eos": Entry(lambda _value, _context: Changed(lambda job: replace(job, ends=2))),
    "padded_outputs": Entry(
        lambda value, _context: Changed(lambda job: replace(job, padding=int(value))),
        Value("TOKENS more, at no cost", 1, 100_000, 64, whole=True),
    ),
    "wrong_counts": Entry(
        lambda value, _context: Changed(lambda job: replace(job, overcount=int(value))),
        Value("TOKENS too many in usage", 1, 100_000, 8, whole=True),
    ),
    "wrong_first_token": Entry(lambda _value, _context: Changed(lambda job: replace(job, false_start=True))),
    "uneven_outputs": Entry(
        lambda value, _context: Changed(lambda job: replace(job, spread=value)),
        Value("SHARE by which every second prompt's answer is longer, the others' shorter", 0.01, 0.99, 0.5),
    ),
    "wrong_predictions": Entry(
        lambda value, context: Guessed(value, context.seed), Value("SHARE of the calls", 0, 1, 0.5)
    ),
    "truncated_outputs": Entry(lambda value, _context: Truncated(value), Value("SHARE that is left", 0.01, 1, 0.5)),
}
"""`--cheat NAME[=VALUE]`"""


def chain(cheats: list[Cheat], compute: Compute) -> Compute:
    """`compute` behind all the cheats, the first one outermost."""
    for cheat in reversed(cheats):
        compute = _behind(cheat, compute)
    return compute


def _behind(cheat: Cheat, compute: Compute) -> Compute:
    async def answer(call: Call) -> Served:
        return await cheat.answer(call, compute)

    return answer
