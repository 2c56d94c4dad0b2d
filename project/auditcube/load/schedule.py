"""The complete plan of a run, made before the first request: which query asks for which sample, and when it is due.

A schedule is a value: spec, load and size of the data set determine every query and so the digest. A run that must
also last a minimum time may need more queries than planned; they follow by the same rule, so they are as
predetermined as the planned ones.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import orjson

from auditcube.load.arrivals import at_once, poisson
from auditcube.load.order import Order, WithoutReplacement, order_to_json, stream
from auditcube.scenario import Scenario


@dataclass(frozen=True)
class Seeds:
    """One seed per dimension (0 <= seed < 2**64): changing one moves nothing that the others determine."""

    order: int = 42
    arrival: int = 42
    capture: int = 42


@dataclass(frozen=True)
class Load:
    """How an endpoint is loaded, whatever the run: the part of the config that audits and the engine see.

    `samples_per_query` samples go out together and are all answered before the next go (MultiStream; 1 elsewhere).
    `max_slip_s` is how late the 99th percentile of a paced run's queries may be issued for the run to count. The bounds
    of Server (`target_latency_s`, and of the time to the first token and per further one) are to be kept by
    `target_latency_percentile` percent of its queries; None is no bound. `tokenizer_sha256` names the tokenizer that
    counts the tokens of answers; None: the server does. `order` and `capture` are those of the performance run.
    `config_sha256` is of the config that all of this follows from; every file of events repeats it.
    """

    scenario: Scenario
    max_in_flight: int | None
    target_qps: float | None
    min_queries: int
    min_duration_s: float
    max_duration_s: float
    workers: int
    seeds: Seeds
    samples_per_query: int = 1
    max_slip_s: float = 0.01
    target_latency_s: float | None = None
    target_latency_percentile: float = 99.0
    ttft_latency_s: float | None = None
    tpot_latency_s: float | None = None
    tokenizer_sha256: str | None = None
    order: Order = WithoutReplacement()
    capture: float = 0.0
    config_sha256: str = ""

    def performance(self, label: str) -> RunSpec:
        """The performance run of the job."""
        return RunSpec(label, self.order, self.min_queries, self.min_duration_s, self.capture)


@dataclass(frozen=True)
class RunSpec:
    """What one run is to show. Two audits that plan equal specs share one run.

    `queries` are issued in any case, and more until `min_duration_s` has passed; `capture` is the share of queries
    (0 to 1) whose outputs are kept. `whole`: answers are asked for in one piece, although the config streams them.
    `media`: of the outputs kept, the videos themselves are, too. `together`, where it is given, is how many queries go
    out at once, none of the next so many before all of these are answered, whatever the load says.
    """

    label: str
    order: Order
    queries: int
    min_duration_s: float = 0.0
    capture: float = 0.0
    whole: bool = False
    media: bool = False
    together: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "order": order_to_json(self.order)}


Planned = tuple[int, int, "str | None"]
"""One planned request: row of the data set, due time in nanoseconds after the start of the run, salt or None. Its
ordinal is its place in the plan."""

BLOCK = 1024  # queries of a line of what is digested, and coins that are tossed together


@dataclass(frozen=True)
class Schedule:
    """Every query of a run, in order."""

    spec: RunSpec
    load: Load
    dataset_size: int

    @property
    def max_in_flight(self) -> int | None:
        """How many queries may be under way at once; None for no bound."""
        return self.spec.together or self.load.max_in_flight

    def queries(self) -> Iterator[Planned]:
        """All queries, without end, each made when it is asked for; the first `spec.queries` are the plan."""
        seeds, order, rate = self.load.seeds, self.spec.order, self.load.target_qps
        rows = order.rows(self.dataset_size, self.spec.queries, seeds.order)
        dues = poisson(rate, seeds.arrival) if self.load.scenario.paced and rate else at_once()
        return zip(rows, dues, order.salts(seeds.order), strict=True)

    def blocks(self) -> Iterator[list[Planned]]:
        """The same in lists of `BLOCK`."""
        queries = self.queries()
        while True:
            yield list(itertools.islice(queries, BLOCK))

    def captures(self, ordinal: int) -> bool:
        """Whether this query's output is kept: a coin of its own for each, so no other choice moves it."""
        share = self.spec.capture
        return share >= 1 or (share > 0 and _coins(self.load.seeds.capture, ordinal // BLOCK)[ordinal % BLOCK] < share)

    def digest(self) -> str:
        """sha256 over the plan: for each block of `BLOCK` queries one line, the JSON array of its queries, each as
        [sample, due_ns, salt or null]; the last block ends with the plan."""
        sha256 = hashlib.sha256()
        left = self.spec.queries
        for block in self.blocks():
            if left <= 0:
                return sha256.hexdigest()
            sha256.update(orjson.dumps(block[:left], option=orjson.OPT_APPEND_NEWLINE))
            left -= BLOCK
        raise AssertionError("a plan has no end")

    def to_json(self) -> dict[str, Any]:
        """The file schedule.json: the rule that every query follows from, and the digest of the plan.

        The plan itself is not listed: it may be ten million queries long, and nothing in it is not in the rule. Seeds
        are strings, as they may exceed 2**53.
        """
        load = self.load
        return {
            "spec": self.spec.to_json(),
            "load": {
                "scenario": load.scenario.value,
                "max_in_flight": load.max_in_flight,
                "samples_per_query": load.samples_per_query,
                "target_qps": load.target_qps,
                "max_duration_s": load.max_duration_s,
                "workers": load.workers,
                "seeds": {name: str(seed) for name, seed in asdict(load.seeds).items()},
            },
            "dataset_size": self.dataset_size,
            "schedule_sha256": self.digest(),
        }


@lru_cache(maxsize=4)
def _coins(seed: int, block: int) -> list[float]:
    draw = stream(seed, "capture", block).random
    return [draw() for _ in range(BLOCK)]
