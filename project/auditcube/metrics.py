"""From events to numbers: pure functions, used alike by a live run and by `verify`.

Definitions. Completed: status `ok`. Throughput: completed queries divided by the time from the first issue to the last
completion (LoadGen's Offline definition, `samples / (last completion - first issue)`). Latency: from the issue to the
end of the answer; in the Server scenario from the due time, so that a stall delays nobody's clock (no coordinated
omission). Failed queries are in no rate and in no percentile. A percentile is the nearest rank: the smallest value
such that at least that share of all values is not larger; no interpolation. docs/metrics.md explains every member of a
summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from auditcube import early_stopping
from auditcube.evidence.answers import KeptAnswer, Score
from auditcube.evidence.table import Events, EventTable
from auditcube.load.order import Order
from auditcube.load.pacing import End
from auditcube.load.schedule import Load, RunSpec
from auditcube.scenario import Scenario
from auditcube.values import Ints, Values, distinct

_AROUND = 8
SLIP_PERCENTILE = 99.0

# What LoadGen estimates of a scenario's latency; SingleStream's second one is for comparing it with MultiStream.
_ESTIMATED = {Scenario.SINGLE_STREAM: (90.0, 99.0), Scenario.MULTI_STREAM: (99.0,)}


class Timed(NamedTuple):
    """The planned queries of a run, each in its place: int64 arrays as long as the plan. `order` and `seed` say what
    each query was for; where one did not complete, `done_ns` is -1, as token counts are where nobody counted."""

    order: Order
    seed: int
    issued_ns: Ints
    done_ns: Ints
    tokens_in: Ints
    tokens_out: Ints


def _nothing_kept() -> Iterator[KeptAnswer]:
    return iter(())


@dataclass(frozen=True)
class Run:
    """One run as its files tell it: what was planned, the events that came of it, and how to read what was kept.

    `parameters` are what was sent with every request besides its row.
    """

    spec: RunSpec
    load: Load
    events: Events
    kept: Callable[[], Iterator[KeptAnswer]] = _nothing_kept
    scores: Mapping[str, Score] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return self.spec.label

    @property
    def scenario(self) -> Scenario:
        return self.load.scenario

    @property
    def requested(self) -> int:
        """How many queries were planned."""
        return self.spec.queries

    @property
    def issued(self) -> int:
        return len(self.events)

    @property
    def min_duration_s(self) -> float:
        """How long the performance run of this job lasts at least."""
        return self.load.min_duration_s

    def score(self, test_id: str) -> Score | None:
        """What an audit's scorer made of the answers; None if it did not look at them."""
        return self.scores.get(test_id)

    def answers(self) -> Iterator[KeptAnswer]:
        """What was kept of the answers, read anew at each call; none where none were kept."""
        return self.kept()

    @cached_property
    def end(self) -> End | None:
        """Why the run ended; None if a worker's end record is missing (the run was killed) or gives no known reason."""
        reasons = {end.reason for end in self.events.ends}
        workers = sorted(end.worker for end in self.events.ends)
        if workers != [*range(self.load.workers)] or not reasons <= {end.value for end in End}:
            return None
        # The worst that happened to any worker happened to the run.
        return next((end for end in (End.INTERRUPTED, End.MAX_DURATION) if end.value in reasons), End.COMPLETED)

    @cached_property
    def completed(self) -> int:
        return sum(int(np.count_nonzero(part.ok)) for part in self.events.parts())

    @cached_property
    def failed(self) -> int:
        return len(self.events) - self.completed

    @cached_property
    def duration_s(self) -> float:
        """From the first issue to the last completion, in seconds; 0 if nothing completed."""
        if not self.completed:
            return 0.0
        return float(self.completions.high - self.issues.low) / 1e9

    @cached_property
    def throughput_per_s(self) -> float | None:
        """Completed queries per second, or None where nothing can be said."""
        return self.completed / self.duration_s if self.duration_s > 0 else None

    def values(self, of: Callable[[EventTable], Ints]) -> Values:
        """A number of each event, or of some of them."""
        return Values(lambda: map(of, self.events.parts()))

    @cached_property
    def issues(self) -> Values:
        """When each query was issued, in nanoseconds."""
        return self.values(lambda part: part.issued_ns)

    @cached_property
    def completions(self) -> Values:
        """When each completed query was."""
        return self.values(lambda part: part.done_ns[part.ok])

    def _since(self, part: EventTable) -> Ints:
        """Where the clock of each query starts."""
        return part.due_ns if self.load.scenario.paced else part.issued_ns

    @cached_property
    def latencies_ns(self) -> Values:
        """The latency of every completed query."""
        return self.values(lambda part: (part.done_ns - self._since(part))[part.ok])

    @cached_property
    def latency_ns(self) -> dict[str, Any] | None:
        """The distribution of the latencies; None if nothing completed."""
        return self.latencies_ns.distribution()

    @cached_property
    def median_latency_ns(self) -> float | None:
        """The median of the latencies; None if nothing completed."""
        return None if self.latency_ns is None else float(self.latency_ns["percentiles"]["50"])

    @property
    def _together(self) -> int:
        return self.spec.together or self.load.samples_per_query

    @cached_property
    def query_latencies_ns(self) -> Values:
        """The latency of every LoadGen query all of whose samples completed: until its last one's answer.

        That of the samples themselves but in MultiStream, where `samples_per_query` samples are one query.
        """
        together = self._together
        if together == 1:
            return self.latencies_ns
        events = self.events.whole()
        query = events.ordinal[events.ok] // together
        numbers, at, counts = np.unique(query, return_inverse=True, return_counts=True)
        done = np.full(len(numbers), np.iinfo(np.int64).min)
        issued = np.full(len(numbers), np.iinfo(np.int64).max)
        np.maximum.at(done, at, events.done_ns[events.ok])
        np.minimum.at(issued, at, events.issued_ns[events.ok])
        return Values.of((done - issued)[counts == together])

    @cached_property
    def queries_issued(self) -> int:
        """How many LoadGen queries were issued, whether or not they completed."""
        together = self._together
        return len(self.events) if together == 1 else len(distinct(self.events.whole().ordinal // together))

    @cached_property
    def slips_ns(self) -> Values:
        """How late each query of a paced run was issued; none for others."""
        if not self.load.scenario.paced:
            return Values.of(np.zeros(0, dtype=np.int64))
        return self.values(lambda part: part.issued_ns - part.due_ns)

    @cached_property
    def late_s(self) -> float | None:
        """The 99th percentile of the slip in seconds, if it is larger than the load allows; then the client was the
        bottleneck, and the run shows nothing about the endpoint."""
        if not len(self.slips_ns):
            return None
        slip_s = self.slips_ns.percentile(SLIP_PERCENTILE) / 1e9
        return slip_s if slip_s > self.load.max_slip_s else None

    def timed(self) -> Timed:
        """The planned queries, each in its place."""
        events = self.events.whole()
        ok = events.ok & (events.ordinal >= 0) & (events.ordinal < self.spec.queries)
        columns = []
        for values in (events.issued_ns, events.done_ns, events.tokens_in, events.tokens_out):
            column = np.full(self.spec.queries, -1, dtype=np.int64)
            column[events.ordinal[ok]] = values[ok]
            columns.append(column)
        return Timed(self.spec.order, self.load.seeds.order, *columns)

    @cached_property
    def first_token_ns(self) -> Values:
        """Until the first chunk that carried output; in Server from the due time, like a latency."""
        return self.values(lambda part: (part.first_ns - self._since(part))[_streamed(part)])

    @cached_property
    def per_token_ns(self) -> Values:
        """LoadGen's TPOT: the time from the first token to the answer's end, by the server's count of the others."""
        return self.values(_per_token_ns)

    @cached_property
    def early_stopping(self) -> list[dict[str, Any]]:
        """The estimates of latency that hold with 99 % confidence, however few the queries were.

        A query without an answer took longer than any other: where the estimate would be one of them, there is none.
        """
        if self.load.scenario not in _ESTIMATED:
            return []
        answered = self.query_latencies_ns
        unanswered = self.queries_issued - len(answered)
        found = []
        for share in _ESTIMATED[self.load.scenario]:
            rank = early_stopping.rank_from_top(self.queries_issued, share / 100)
            shown = [] if rank is None or rank <= unanswered else answered.at([self.queries_issued - rank])
            found.append(
                {
                    "percentile": share,
                    "queries": self.queries_issued,
                    "least_queries": early_stopping.least_queries(1, share / 100),
                    "estimate_ns": shown[0] if shown else None,
                }
            )
        return found

    @cached_property
    def latency_bounds(self) -> list[dict[str, Any]]:
        """How the bounds of Server were kept. `met`: LoadGen's percentile is within; `shown`: with 99 % confidence.

        A query that failed kept no bound, and neither did one whose answer does not tell what the bound is on.
        LoadGen's percentile is the value at `int(count * share)` of all, counted from 0 and from the smallest.
        """
        load = self.load
        if load.target_latency_s is None and load.ttft_latency_s is None and load.tpot_latency_s is None:
            return []
        share = load.target_latency_percentile / 100
        alone = len(self.values(lambda part: part.ordinal[part.ok & (part.tokens_out >= 0) & (part.tokens_out <= 1)]))
        kinds = (
            ("latency", load.target_latency_s, self.latencies_ns, 0),
            ("time_to_first_token", load.ttft_latency_s, self.first_token_ns, 0),
            ("time_per_output_token", load.tpot_latency_s, self.per_token_ns, alone),  # one token has no further one
        )
        found = []
        for name, bound_s, values, exempt in kinds:
            if bound_s is None:
                continue
            count = len(self.events) - exempt
            over = values.above(round(bound_s * 1e9)) + count - len(values)
            found.append(
                {
                    "of": name,
                    "bound_s": bound_s,
                    "percentile": load.target_latency_percentile,
                    "queries": count,
                    "over": over,
                    "met": count > 0 and over <= count - 1 - int(count * share),
                    "shown": early_stopping.shows(count, over, share),
                }
            )
        return found

    def unshown(self, entry: Mapping[str, Any]) -> str | None:
        """Why one of `early_stopping` has no estimate, in words; None if it has one."""
        if entry["estimate_ns"] is not None:
            return None
        few = entry["queries"] < entry["least_queries"]
        why = f"{entry['least_queries']} would do" if few else "too many of them have no answer"
        told = f"{entry['queries']} queries do not show the {entry['percentile']:g}th percentile of latency"
        return f"{told} with 99 % confidence: {why}"

    def shortfalls(self) -> list[str]:
        """What keeps the run from being a valid result by LoadGen's rules, but for bounds that were exceeded."""
        found = []
        if self.end is not End.COMPLETED:
            found.append(f"the run ended by {self.end.value if self.end else 'being killed'}")
        if self.issued < self.load.min_queries:
            found.append(f"{self.issued} queries were issued, and load.min_queries is {self.load.min_queries}")
        if self.duration_s < self.load.min_duration_s:
            found.append(f"it lasted {self.duration_s:.1f} s, and load.min_duration_s is {self.load.min_duration_s:g}")
        found += [text for entry in self.early_stopping[:1] if (text := self.unshown(entry)) is not None]
        found += [
            f"too few queries show that the bound on {bound['of']} is kept"
            for bound in self.latency_bounds
            if bound["met"] and not bound["shown"]
        ]
        return found

    def exceeded(self) -> list[str]:
        """Which bounds on latency were not kept."""
        return [
            f"{bound['over']} of {bound['queries']} queries exceed {bound['bound_s']:g} s of {bound['of']}"
            for bound in self.latency_bounds
            if not bound["met"]
        ]

    def half_throughputs_per_s(self) -> tuple[float, float] | None:
        """Throughput over the first and the second half of the completions; None with fewer than four."""
        count = len(self.completions)
        if count < 4:
            return None
        middle = count // 2
        halfway = self.completions.at([middle - 1])[0]
        first, second = halfway - self.issues.low, self.completions.high - halfway
        if first <= 0 or second <= 0:
            return None
        return middle / first * 1e9, (count - middle) / second * 1e9

    def relative_latency(self, index: int) -> float | None:
        """One row's latency, divided by the mean latency of the queries issued around its own.

        Around: as many before and after as are in flight at once (8 at least), so that waiting in a queue, which all
        of them share, says nothing about the row. None if the row, or all around it, did not complete.
        """
        asked = self.values(lambda part: part.ordinal[part.ok & (part.sample == index)])
        if not len(asked):
            return None
        row, reach = asked.low, max(self.load.max_in_flight or 0, _AROUND)
        ordinals, latencies = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        for part in self.events.parts():
            ordinals = np.concatenate([ordinals, part.ordinal[part.ok]])
            latencies = np.concatenate([latencies, (part.done_ns - self._since(part))[part.ok]])
            order = np.argsort(ordinals, kind="stable")
            at = int(np.searchsorted(ordinals[order], row))
            near = order[max(at - reach, 0) : at + 1 + reach]
            ordinals, latencies = ordinals[near], latencies[near]
        at = int(np.searchsorted(ordinals, row))
        others = np.delete(latencies, at)
        return int(latencies[at]) / Values.of(others).mean if others.any() else None


def _streamed(part: EventTable) -> npt.NDArray[np.bool_]:
    return part.ok & (part.chunks > 0)


def _per_token_ns(part: EventTable) -> Ints:
    told = _streamed(part) & (part.tokens_out > 1)
    gaps: Ints = (part.done_ns - part.first_ns)[told] // (part.tokens_out[told] - 1)
    return gaps
