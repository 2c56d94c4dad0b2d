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
from typing import Any, NamedTuple

from auditcube.load.arrivals import at_once, poisson
from auditcube.load.order import Order, order_to_json, stream
from auditcube.scenario import Scenario


@dataclass(frozen=True)
class Seeds:
    """One seed per dimension (0 <= seed < 2**64): changing one moves nothing that the others determine."""

    order: int = 42
    arrival: int = 42
    capture: int = 42


@dataclass(frozen=True)
class Load:
    """How an endpoint is loaded, whatever the run: the part of the config that audits and the engine see."""

    scenario: Scenario
    max_in_flight: int | None
    target_qps: float | None
    min_queries: int
    min_duration_s: float
    max_duration_s: float
    workers: int
    seeds: Seeds


@dataclass(frozen=True)
class RunSpec:
    """What one run is to show. Two audits that plan equal specs share one run.

    `queries` are issued in any case, and more until `min_duration_s` has passed; `capture` is the share of queries
    (0 to 1) whose outputs are kept.
    """

    label: str
    order: Order
    queries: int
    min_duration_s: float = 0.0
    capture: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "order": order_to_json(self.order)}


class Query(NamedTuple):
    """One planned request; `due_ns` counts from the start of the run."""

    ordinal: int
    sample: int
    due_ns: int
    salt: str | None = None


@dataclass(frozen=True)
class Schedule:
    """Every query of a run, in order."""

    spec: RunSpec
    load: Load
    dataset_size: int

    def queries(self) -> Iterator[Query]:
        """All queries, without end; the first `spec.queries` are the plan."""
        seeds = self.load.seeds
        draws = self.spec.order.draws(self.dataset_size, self.spec.queries, seeds.order)
        rate = self.load.target_qps
        dues = poisson(rate, seeds.arrival) if self.load.scenario.paced and rate else at_once()
        for ordinal, (draw, due_ns) in enumerate(zip(draws, dues, strict=True)):
            yield Query(ordinal, draw.sample, due_ns, draw.salt)

    def planned(self) -> Iterator[Query]:
        """The queries that are issued in any case."""
        return itertools.islice(self.queries(), self.spec.queries)

    def captures(self, ordinal: int) -> bool:
        """Whether this query's output is kept: a coin of its own for each, so no other choice moves it."""
        share = self.spec.capture
        return share > 0 and stream(self.load.seeds.capture, "capture", ordinal).random() < share

    def digest(self) -> str:
        """sha256 over the plan, one line `ordinal sample due_ns salt` (`-` for no salt) per planned query."""
        sha256 = hashlib.sha256()
        for q in self.planned():
            sha256.update(f"{q.ordinal} {q.sample} {q.due_ns} {q.salt or '-'}\n".encode())
        return sha256.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The file schedule.json: the rule, its digest and its plan in columns; seeds are strings (> 2**53)."""
        plan = list(self.planned())
        paced = self.load.scenario.paced
        salted = any(q.salt for q in plan)
        return {
            "spec": self.spec.to_json(),
            "load": {
                "scenario": self.load.scenario.value,
                "max_in_flight": self.load.max_in_flight,
                "target_qps": self.load.target_qps,
                "max_duration_s": self.load.max_duration_s,
                "workers": self.load.workers,
                "seeds": {name: str(seed) for name, seed in asdict(self.load.seeds).items()},
            },
            "dataset_size": self.dataset_size,
            "schedule_sha256": self.digest(),
            "samples": [q.sample for q in plan],
            "due_ns": [q.due_ns for q in plan] if paced else None,
            "salts": [q.salt for q in plan] if salted else None,
        }
