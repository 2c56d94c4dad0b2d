"""The summary of a run: every number of it, from its events alone. docs/metrics.md explains each member.

A live run and `verify` call the same function, so that a reviewer's numbers are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from auditcube.evidence.table import STATUSES, Ints, distinct
from auditcube.metrics import Run, distribution

_TIMES = ("p50", "p99", "p99.9", "max")


def summarize(run: Run) -> dict[str, Any]:
    """The file summary.json: everything in it follows from the run's other files."""
    events = run.events
    multi = run.load.samples_per_query > 1
    codes = np.bincount(events.status, minlength=len(STATUSES)).tolist()
    return {
        "label": run.spec.label,
        "end": run.end.value if run.end else None,
        "settings": _settings(run),
        "queries": {
            "planned": run.spec.queries,
            "issued": len(events),
            "completed": run.completed,
            "failed": {STATUSES[c].value: n for c, n in enumerate(codes) if n and STATUSES[c].value != "ok"},
            "retried": int(np.count_nonzero(events.tries > 1)),
            "distinct_samples": len(distinct(events.sample)),
        },
        "errors": list(events.errors),
        "duration_s": run.duration_s,
        "throughput_per_s": run.throughput_per_s,
        "scheduled_per_s": _scheduled_per_s(run),
        "completed_per_s": _completed_per_s(run),
        "latency_ns": run.latency_ns,
        "query_latency_ns": distribution(run.query_latencies_ns) if multi else None,
        "early_stopping": run.early_stopping,
        "latency_bounds": run.latency_bounds,
        "schedule_slip_ns": distribution(run.slips_ns),
        "schedule_kept": None if not run.load.scenario.paced else run.late_s is None,
        "client_lag_ns": _most(run, "lag_ns"),
        "client_turn_ns": _most(run, "turn_ns"),
        "client_cpu_ns": _client_cpu_ns(run),
        "time_to_first_token_ns": distribution(run.first_token_ns),
        "time_per_output_token_ns": distribution(run.per_token_ns),
        "inter_chunk_ns": distribution(_inter_chunk_ns(run)),
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
    issuing_ns = int(events.issued_ns.max() - events.issued_ns.min()) if len(events) else 0
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
    took_ns = int(run.events.due_ns.max() - run.events.due_ns.min())
    return (len(run.events) - 1) / took_ns * 1e9 if took_ns > 0 else None


def _completed_per_s(run: Run) -> float | None:
    """LoadGen's result of Server: completed queries but one, by the time from the first due query to the completion of
    the last issued one.

    Source: mlcommons/inference, loadgen/results.cc, `result_completed_samples_per_sec`.
    """
    if not run.load.scenario.paced or run.completed < 2:
        return None
    events, ok = run.events, run.events.ok
    last = int(np.argmax(np.where(ok, events.ordinal, -1)))
    took_ns = int(events.done_ns[last] - events.due_ns.min())
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


def _inter_chunk_ns(run: Run) -> Ints:
    """The mean time between two chunks of an answer."""
    events = run.events
    told = events.ok & (events.chunks > 1)
    gaps: Ints = (events.last_ns - events.first_ns)[told] // (events.chunks[told] - 1)
    return gaps


def _tokens(run: Run) -> dict[str, Any] | None:
    """The sums of what was counted, by the server (its usage) or by a tokenizer; None where nobody counted."""
    events = run.events
    told = events.ok & (events.tokens_out >= 0)
    if not told.any():
        return None
    out = int(events.tokens_out[told].sum())
    return {
        "source": "usage" if run.load.tokenizer_sha256 is None else "tokenizer",
        "tokenizer_sha256": run.load.tokenizer_sha256,
        "answers": int(np.count_nonzero(told)),
        "in": int(events.tokens_in[told & (events.tokens_in >= 0)].sum()),
        "out": out,
        "out_per_s": out / run.duration_s if run.duration_s > 0 else None,
    }
