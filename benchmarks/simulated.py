"""Endpoints in virtual time: what a job's runs would measure on them, for many trials at once.

A query is the plan's own, encoded by the real adapter, so that an endpoint's cache sees what it would see over HTTP.
Service is first come, first served on `slots`; a run keeps as many queries in flight as its schedule says. All trials
of one batch share a plan and differ in everything that chance decides. Times are seconds from the start of the job.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from auditcube import adapters
from auditcube.dataset import Sample
from auditcube.evidence.events import EndRecord, Status
from auditcube.evidence.table import STATUSES, EventTable
from auditcube.load.order import stream
from auditcube.load.schedule import Load, RunSpec, Schedule, Seeds
from auditcube.metrics import Run
from auditcube.scenario import Scenario

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_ADAPTER = adapters.get("openai_completions")
_PREFIX = 40
_TIMES = {"count": 1, "p50": 0, "p99": 0, "p99.9": 0, "max": 0}


@dataclass(frozen=True)
class Endpoint:
    """How an endpoint behaves; as it comes, honest and even.

    Honest traits: `slots` serve at once; `cost` is the sigma of the rows' log-normal cost, `text` that of each text's
    own (how long its answer is, which nobody counts), `jitter` the coefficient of variation of one request's time; the
    first `warm_up` computations take up to three times as long; `drift` is how much slower the job's end is than its
    start; `batching` how much slower a full machine serves than an idle one.

    Cheats: `key` is what of a request a cache goes by (`exact`, `prompt`, `normalised`, `prefix`); it keeps `capacity`
    answers (the least recently used go) for `ttl_s`; `share` of the possible hits take `hit` of the time that they
    would take, and wait for a slot like other work if `waits`; `ready` is the share of the rows whose answers were
    there before the job. `keeps` is whether new answers are kept. `merges`: like requests in flight are answered
    together.
    """

    slots: int = 8
    cost: float = 0.0
    text: float = 0.0
    jitter: float = 0.05
    warm_up: int = 0
    drift: float = 0.0
    batching: float = 0.0
    key: str | None = None
    capacity: int = 2**30
    ttl_s: float = math.inf
    share: float = 1.0
    hit: float = 0.001
    waits: bool = False
    ready: float = 0.0
    keeps: bool = True
    merges: bool = False


@dataclass(frozen=True)
class Setting:
    """The job: how many rows the data set has, how many queries are in flight, and which scenario it is."""

    rows: int = 248
    in_flight: int = 16
    scenario: Scenario = Scenario.OFFLINE

    def load(self, seed: int) -> Load:
        """The load of this job with seeds of its own."""
        return Load(self.scenario, self.in_flight, None, self.rows, 0.0, 1e9, 1, Seeds(seed, seed, seed))


@dataclass
class _State:
    """An endpoint in the middle of a job, for each trial: a line for each trial in every array."""

    rng: np.random.Generator
    cost: Floats
    text: Floats
    free: Floats
    stored: Floats
    computed: npt.NDArray[np.int64]
    now: Floats
    total: int
    asked: int = 0
    recent: list[int] = field(default_factory=list)


def simulate(
    endpoint: Endpoint, setting: Setting, specs: Sequence[RunSpec], trials: int, seed: int
) -> Iterator[dict[str, Run]]:
    """The runs of so many trials of a job, by label, one trial after the other."""
    load = setting.load(seed)
    schedules = [Schedule(spec, load, setting.rows) for spec in specs]
    plans = [list(islice(chain.from_iterable(schedule.blocks()), schedule.spec.queries)) for schedule in schedules]
    keys, count = _keys(endpoint, plans, setting.rows)
    rng = np.random.default_rng([seed, trials])
    state = _State(
        rng=rng,
        cost=np.exp(endpoint.cost * rng.standard_normal((trials, setting.rows)) - endpoint.cost**2 / 2),
        text=np.exp(endpoint.text * rng.standard_normal((trials, count)) - endpoint.text**2 / 2),
        free=np.zeros((trials, endpoint.slots)),
        stored=np.full((trials, count), np.inf),
        computed=np.zeros(trials, dtype=np.int64),
        now=np.zeros(trials),
        total=sum(map(len, plans)),
    )
    if endpoint.ready:
        rows = _row_keys(endpoint, setting.rows)
        there = rng.random((trials, setting.rows)) < endpoint.ready
        state.stored[:, rows] = np.where(there, -np.inf, np.inf)
    measured = []
    for schedule, plan, own in zip(schedules, plans, keys, strict=True):
        samples = np.array([row for row, _, _ in plan], dtype=np.int64)
        measured.append((schedule, samples, *_run(endpoint, state, schedule, samples, own)))
    for trial in range(trials):
        yield {s.spec.label: _as_run(s, samples, issued[trial], done[trial]) for s, samples, issued, done in measured}


def _run(
    endpoint: Endpoint, state: _State, schedule: Schedule, samples: npt.NDArray[np.int64], keys: list[int]
) -> tuple[Floats, Floats]:
    """When each query of a run was issued and answered: seconds, a line for each trial."""
    trials, queries = len(state.now), len(samples)
    sigma = math.sqrt(math.log1p(endpoint.jitter**2))
    service = np.exp(sigma * state.rng.standard_normal((trials, queries)) - sigma**2 / 2) * state.cost[:, samples]
    service *= state.text[:, keys]
    issued, done = np.empty((trials, queries)), np.empty((trials, queries))
    bound = min(schedule.max_in_flight or queries, queries)
    waves = schedule.spec.together is not None
    flight = np.repeat(state.now[:, None], bound, axis=1)
    lines = np.arange(trials)
    for query in range(queries):
        if waves and query % bound == 0:
            flight[:] = flight.max(axis=1, keepdims=True)
        place = np.full(trials, query % bound) if waves else flight.argmin(axis=1)
        now = flight[lines, place]
        issued[:, query] = now
        done[:, query] = flight[lines, place] = _answer(endpoint, state, now, service[:, query], keys[query])
    state.now = done.max(axis=1)
    return issued, done


def _answer(endpoint: Endpoint, state: _State, now: Floats, service: Floats, key: int) -> Floats:
    """When a request that comes now is answered."""
    lines = np.arange(len(now))
    state.asked += 1
    slot = state.free.argmin(axis=1)
    start = np.maximum(now, state.free[lines, slot])
    took = service * (1 + endpoint.drift * state.asked / state.total)
    if endpoint.warm_up:
        took = took * (1 + 2 * np.maximum(0.0, 1 - state.computed / endpoint.warm_up))
    if endpoint.batching:
        took = took * (1 + endpoint.batching * (state.free > start[:, None]).mean(axis=1))
    computed: Floats = start + took
    served = np.zeros(len(now), dtype=np.bool_)
    done = computed
    if endpoint.key is not None or endpoint.merges:
        stored = state.stored[:, key]
        if endpoint.key is not None and _is_kept(endpoint, state, key):
            served = (stored <= now) & (now - stored <= endpoint.ttl_s)
            if endpoint.share < 1:
                served &= state.rng.random(len(now)) < endpoint.share
            done = np.where(served, (start if endpoint.waits else now) + endpoint.hit * took, done)
        if endpoint.merges:
            joins = (stored > now) & np.isfinite(stored)
            done, served = np.where(joins, stored, done), served | joins
        if endpoint.keeps:
            fresh = (stored > now) | (now - stored <= endpoint.ttl_s if endpoint.key is not None else False)
            # What is computed twice at a time is there when the first of both is.
            state.stored[:, key] = np.where(fresh, np.minimum(stored, computed), computed)
    elsewhere = np.zeros_like(served) if endpoint.waits else served
    state.free[lines, slot] = np.where(elsewhere, state.free[lines, slot], done)
    state.computed += ~served
    return done


def _is_kept(endpoint: Endpoint, state: _State, key: int) -> bool:
    """Whether a cache of this size still has what was asked for last under a key, by the order of requests."""
    if endpoint.capacity >= 2**30:
        return True
    kept = key in state.recent
    if kept:
        state.recent.remove(key)
    state.recent.append(key)
    del state.recent[: -endpoint.capacity]
    return kept


def _prompt(row: int) -> str:
    words = stream(row, "simulated prompt").random
    return " ".join(f"{int(words() * 10**5):05d}x" for _ in range(12))


def _keys(endpoint: Endpoint, plans: Sequence[Any], rows: int) -> tuple[list[list[int]], int]:
    """For each query of each plan what a cache goes by, as a number; the rows' own come first."""
    known: dict[Any, int] = {}
    samples = [Sample(row, {"prompt": _prompt(row)}) for row in range(rows)]
    for sample in samples:
        known.setdefault(_key(endpoint.key, sample), len(known))
    found = []
    for plan in plans:
        asked = (samples[row] if salt is None else _ADAPTER.salted(samples[row], salt) for row, _, salt in plan)
        found.append([known.setdefault(_key(endpoint.key, sample), len(known)) for sample in asked])
    return found, len(known)


def _row_keys(endpoint: Endpoint, rows: int) -> list[int]:
    (found,), _ = _keys(endpoint, [[(row, 0, None) for row in range(rows)]], rows)
    return found


def _key(kind: str | None, sample: Sample) -> Any:
    body = _ADAPTER.encode(sample, "simulated", {"max_tokens": 64, "temperature": 0})
    prompt = orjson.loads(body)["prompt"]
    if kind == "normalised":
        return " ".join(prompt.lower().split())
    return {"prompt": prompt, "prefix": prompt[:_PREFIX]}.get(kind or "", body)


def _as_run(schedule: Schedule, samples: npt.NDArray[np.int64], issued: Floats, done: Floats) -> Run:
    count = len(samples)
    absent = np.broadcast_to(np.int64(-1), (count,))
    start = issued.min()
    optional: Mapping[str, Any] = dict.fromkeys(
        ("first_ns", "last_ns", "chunks", "tokens_in", "tokens_out", "tries"), absent
    )
    events = EventTable(
        ordinal=np.arange(count),
        sample=samples,
        due_ns=np.zeros(count, dtype=np.int64),
        issued_ns=((issued - start) * 1e9).astype(np.int64),
        done_ns=((done - start) * 1e9).astype(np.int64),
        status=np.full(count, STATUSES.index(Status.OK)),
        errors=(),
        salts={},
        starts=(),
        ends=(EndRecord(0, "completed", 0, count, _TIMES, _TIMES, {"used": 0}),),
        **optional,
    )
    return Run(schedule.spec, schedule.load, events)
