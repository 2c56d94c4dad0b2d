"""The summary of a run: every number of it, from its events alone. docs/metrics.md explains each member.

A live run and `verify` call the same function, so that a reviewer's numbers are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from auditcube.evidence.table import STATUSES, EventTable
from auditcube.metrics import Run
from auditcube.values import Ints, distinct

_TIMES = ("p50", "p99", "p99.9", "max")


def summarize(run: Run) -> dict[str, Any]:
    """The file summary.json: everything in it follows from the run's other files."""
    events = run.events
    codes = np.zeros(len(STATUSES), dtype=np.int64)
    retried, samples = 0, np.zeros(0, dtype=np.int64)
    for part in events.parts():
        codes += np.bincount(part.status, minlength=len(STATUSES))
        retried += int(np.count_nonzero(part.tries > 1))
        samples = distinct(np.concatenate([samples, part.sample]))
    multi = run.load.samples_per_query > 1
    return {
        "label": run.spec.label,
        "end": run.end.value if run.end else None,
        "settings": _settings(run),
        "queries": {
            "planned": run.spec.queries,
            "issued": len(events),
            "completed": run.completed,
            "failed": {STATUSES[c].value: n for c, n in enumerate(codes.tolist()) if n and STATUSES[c].value != "ok"},
            "retried": retried,
            "distinct_samples": len(samples),
        },
        "errors": list(events.errors),
        "duration_s": run.duration_s,
        "throughput_per_s": run.throughput_per_s,
        "scheduled_per_s": _scheduled_per_s(run),
        "completed_per_s": _completed_per_s(run),
        "latency_ns": run.latency_ns,
        "query_latency_ns": run.query_latencies_ns.distribution() if multi else None,
        "early_stopping": run.early_stopping,
        "latency_bounds": run.latency_bounds,
        "schedule_slip_ns": run.slips_ns.distribution(),
        "schedule_kept": None if not run.load.scenario.paced else run.late_s is None,
        "client_lag_ns": _most(run, "lag_ns"),
        "client_turn_ns": _most(run, "turn_ns"),
        "client_cpu_ns": _client_cpu_ns(run),
        "time_to_first_token_ns": run.first_token_ns.distribution(),
        "time_per_output_token_ns": run.per_token_ns.distribution(),
        "inter_chunk_ns": run.values(_inter_chunk_ns).distribution(),
        "tokens": _tokens(run),
    }


def remarks(run: Run) -> list[str]:
    """What a reader of the summary should not overlook, a sentence each."""
    load = run.load
    found = []
    if run.late_s is not None:
        late, allowed = f"{run.late_s * 1e3:.1f} ms", f"{load.max_slip_s * 1e3:g} ms"
        found.append(
            f"1 % of the queries were issued {late} late or more (load.max_slip_s: {allowed}): we were too slow"
        )
    found += [text for entry in run.early_stopping if (text := run.unshown(entry)) is not None]
    for bound in run.latency_bounds:
        of = (
            f"{bound['over']} of {bound['queries']} queries exceed the bound of {bound['bound_s']:g} s on {bound['of']}"
        )
        if not bound["met"]:
            found.append(f"{of}: it is not kept by {bound['percentile']:g} %")
        elif not bound["shown"]:
            found.append(f"{of}: kept, but too few queries to show it with 99 % confidence")
    return found


def _settings(run: Run) -> dict[str, Any]:
    """What was asked for, and what was in force."""
    load, events = run.load, run.events
    issuing_ns = run.issues.high - run.issues.low if len(events) else 0
    seeds = {name: str(seed) for name, seed in asdict(load.seeds).items()}
    return {
        "scenario": load.scenario.value,
        "requested": {
            "queries": run.spec.queries,
            "min_duration_s": run.spec.min_duration_s,
            "max_duration_s": load.max_duration_s,
            "target_qps": load.target_qps,
            "max_in_flight": load.max_in_flight,
            "samples_per_query": load.samples_per_query,
            "workers": load.workers,
            "seeds": seeds,
        },
        "effective": {
            "queries": len(events),
            "issuing_s": issuing_ns / 1e9,
            "issued_per_s": (len(events) - 1) / issuing_ns * 1e9 if issuing_ns > 0 else None,
            "workers": len(events.starts),
        },
    }


def _scheduled_per_s(run: Run) -> float | None:
    """The rate of the due times: LoadGen's `result_scheduled_samples_per_sec`."""
    if not run.load.scenario.paced or len(run.events) < 2:
        return None
    due_ns = run.values(lambda part: part.due_ns)
    took_ns = due_ns.high - due_ns.low
    return (len(run.events) - 1) / took_ns * 1e9 if took_ns > 0 else None


def _completed_per_s(run: Run) -> float | None:
    """LoadGen's result of Server: completed queries but one, by the time from the first due query to the completion of
    the last issued one.

    Source: mlcommons/inference, loadgen/results.cc, `result_completed_samples_per_sec`.
    """
    if not run.load.scenario.paced or run.completed < 2:
        return None
    last, done_ns = -1, 0
    for part in run.events.parts():
        ordinals = np.where(part.ok, part.ordinal, -1)
        if len(part) and (highest := int(ordinals.max())) > last:
            last, done_ns = highest, int(part.done_ns[np.argmax(ordinals)])
    took_ns = done_ns - run.values(lambda part: part.due_ns).low
    return (run.completed - 1) / took_ns * 1e9 if took_ns > 0 else None


def _most(run: Run, member: str) -> dict[str, int] | None:
    """The event loop's times of the worker that had most of each; None where no worker's end is told."""
    told: list[Mapping[str, int]] = [getattr(end, member) for end in run.events.ends]
    return {name: max(times[name] for times in told) for name in _TIMES} if told else None


def _client_cpu_ns(run: Run) -> dict[str, int | None] | None:
    """What all workers used together, and the longest that one of them waited for a CPU, where that is told."""
    told = [end.cpu_ns for end in run.events.ends]
    if not told:
        return None
    waited = [cpu["waited"] for cpu in told if "waited" in cpu]
    return {"used": sum(cpu["used"] for cpu in told), "waited": max(waited) if len(waited) == len(told) else None}


def _inter_chunk_ns(part: EventTable) -> Ints:
    """The mean time between two chunks of an answer."""
    told = part.ok & (part.chunks > 1)
    gaps: Ints = (part.last_ns - part.first_ns)[told] // (part.chunks[told] - 1)
    return gaps


def _tokens(run: Run) -> dict[str, Any] | None:
    """The sums of what was counted, by the server (its usage) or by a tokenizer; None where nobody counted."""
    counted = run.values(lambda part: part.tokens_out[part.ok & (part.tokens_out >= 0)])
    if not len(counted):
        return None
    read = run.values(lambda part: part.tokens_in[part.ok & (part.tokens_out >= 0) & (part.tokens_in >= 0)])
    out = counted.total
    return {
        "source": "usage" if run.load.tokenizer_sha256 is None else "tokenizer",
        "tokenizer_sha256": run.load.tokenizer_sha256,
        "answers": len(counted),
        "in": read.total,
        "out": out,
        "out_per_s": out / run.duration_s if run.duration_s > 0 else None,
    }
