"""Values that many tests need, built without a file: loads, schedules, events and whole runs."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, NamedTuple, cast

import numpy as np

from auditcube.errors import InvalidInput
from auditcube.evidence.answers import KeptAnswer, Score
from auditcube.evidence.events import EndRecord, Event, Start, Status
from auditcube.evidence.table import STATUSES, EventTable
from auditcube.load.order import Order, Single, WithoutReplacement
from auditcube.load.schedule import Load, RunSpec, Schedule, Seeds
from auditcube.metrics import Run
from auditcube.scenario import Scenario
from auditcube.values import Ints

S = 1_000_000_000


def load_of(scenario: Scenario = Scenario.OFFLINE, **changes: Any) -> Load:
    """A load as a config without a `load` section gives it; Server at 100 queries per second."""
    fields: dict[str, Any] = {
        "scenario": scenario,
        "max_in_flight": scenario.default_in_flight,
        "target_qps": 100.0 if scenario.paced else None,
        "min_queries": 100,
        "min_duration_s": 0.0,
        "max_duration_s": 14400.0,
        "workers": 1,
        "seeds": Seeds(),
    }
    fields |= changes
    if scenario is Scenario.MULTI_STREAM:
        fields.setdefault("samples_per_query", fields["max_in_flight"])
    return Load(**fields)


def schedule_of(
    queries: int, load: Load | None = None, *, order: Order | None = None, size: int = 10, **spec: Any
) -> Schedule:
    """A schedule of the reference run."""
    made = RunSpec("reference", order or WithoutReplacement(), queries, **spec)
    return Schedule(made, load or load_of(), size)


class Query(NamedTuple):
    """One planned query."""

    ordinal: int
    sample: int
    due_ns: int
    salt: str | None


def queries(schedule: Schedule) -> Iterator[Query]:
    """All queries of a schedule, without end."""
    return (Query(ordinal, *row) for ordinal, row in enumerate(chain.from_iterable(schedule.blocks())))


def planned(schedule: Schedule) -> list[Query]:
    """The queries of the plan."""
    return list(islice(queries(schedule), schedule.spec.queries))


def start_of(worker: int = 0, workers: int = 1) -> Start:
    """The head of a worker's file."""
    return Start("run", "reference", worker, workers, "0" * 64, 5, "2026-11-01T00:00:00.000000Z", "0" * 64)


def end_of(events: int, reason: str = "completed", worker: int = 0) -> EndRecord:
    """The last record of a worker's file."""
    lag_ns = {"count": 100, "p50": 1, "p99": 2, "p99.9": 3, "max": 4}
    turn_ns = {"count": 200, "p50": 5, "p99": 6, "p99.9": 7, "max": 8}
    return EndRecord(worker, reason, S, events, lag_ns, turn_ns, {"used": 9, "waited": 10})


def table_of(
    events: Iterable[Event], *, starts: Sequence[Start] = (), ends: Sequence[EndRecord] | None = None
) -> EventTable:
    """The table of these events; with no `ends` given, that of one worker which ended after the last of them."""
    rows = list(events)

    def column(name: str) -> Ints:
        return np.array([row.get(name, -1) for row in rows], dtype=np.int64)

    return EventTable(
        **{name: column(name) for name in ("ordinal", "sample", "due_ns", "issued_ns", "done_ns")},
        **{name: column(name) for name in ("first_ns", "last_ns", "chunks", "tokens_in", "tokens_out", "tries")},
        status=np.array([STATUSES.index(Status(row["status"])) for row in rows], dtype=np.int64),
        errors=tuple(dict.fromkeys(row["error"] for row in rows if "error" in row)),
        salts={row["ordinal"]: row["salt"] for row in rows if "salt" in row},
        files=(),
        starts=tuple(starts),
        ends=(end_of(len(rows)),) if ends is None else tuple(ends),
    )


def event(ordinal: int = 0, *, issued: int = 0, done: int = S, status: Status = Status.OK, **fields: Any) -> Event:
    """One event; times in nanoseconds. A field that is None is one that it does not have."""
    required: dict[str, Any] = {"ordinal": ordinal, "sample": ordinal, "due_ns": 0}
    required |= {"issued_ns": issued, "done_ns": done, "status": status.value, "bytes_in": 0}
    return cast(Event, {name: value for name, value in (required | fields).items() if value is not None})


def steady(queries: int, duration_ns: int, *, sample: int | None = None, failed: int = 0) -> list[Event]:
    """One query after the other, the first issued at 0 and the last done at exactly `duration_ns`.

    The first `failed` queries fail. Row `ordinal` is asked for, or always `sample`.
    """
    edges = [duration_ns * n // queries for n in range(queries + 1)]
    return [
        event(
            n,
            issued=edges[n],
            done=edges[n + 1],
            status=Status.HTTP_ERROR if n < failed else Status.OK,
            sample=n if sample is None else sample,
        )
        for n in range(queries)
    ]


def run_of(
    events: Iterable[Event],
    *,
    label: str = "reference",
    queries: int | None = None,
    load: Load | None = None,
    ends: Sequence[EndRecord] | None = None,
    answers: Sequence[KeptAnswer] = (),
    scores: Mapping[str, Score] | None = None,
) -> Run:
    """A run of these events; as many were planned as there are, unless `queries` says otherwise."""
    rows = list(events)
    order = WithoutReplacement() if label == "reference" else Single(0)
    spec = RunSpec(label, order, len(rows) if queries is None else queries)
    return Run(spec, load or load_of(), table_of(rows, ends=ends), lambda: iter(answers), scores or {})


def refusal_of(call: Callable[[], object]) -> str | None:
    """What the InvalidInput says that a call ends in, or None if it ends well; any other exception is a bug."""
    try:
        call()
    except InvalidInput as problem:
        return str(problem)
    return None


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: a real error in the middle of a write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
