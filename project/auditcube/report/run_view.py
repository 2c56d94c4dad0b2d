"""One run as the report shows it: its counts, its times and its two charts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditcube.metrics import Run
from auditcube.report import scale
from auditcube.report.chart import Histogram, Stack
from auditcube.report.numbers import duration, number, percent, rate
from auditcube.report.series import Completions, Latencies, completions, latencies
from auditcube.report.text import shortened
from auditcube.summary import summarize

Row = tuple[str, str]
_MARKED = ("50", "90", "99")
_SHOWN_ERRORS = 5
_ERROR_CHARACTERS = 300
_ENDS = {
    "completed": "complete: queries and duration as planned",
    "max_duration": "cut off at the maximum duration",
    "interrupted": "interrupted",
    None: "killed: its end was never recorded",
}
_TIMES = (
    ("latency_ns", "latency"),
    ("query_latency_ns", "query latency"),
    ("time_to_first_token_ns", "first token"),
    ("time_per_output_token_ns", "per token"),
    ("schedule_slip_ns", "schedule slip"),
)


@dataclass(frozen=True)
class RunView:
    """`note` says whose run it is; `times` has a heading row first, or is empty; `measured` runs have charts."""

    label: str
    note: str
    measured: bool
    counts: tuple[Row, ...]
    times: tuple[tuple[str, ...], ...]
    throughput: Histogram | None
    latency: Histogram | None
    interval: str
    errors: tuple[str, ...]
    more_errors: int


def view_run(run: Run, note: str, measured: bool) -> RunView:
    """`measured` is False for a warm-up, whose numbers mean nothing."""
    summary = summarize(run)
    over_time = completions(run) if measured else None
    by_latency = latencies(run) if measured else None
    errors = [shortened(error, _ERROR_CHARACTERS) for error in summary["errors"]]
    return RunView(
        label=run.spec.label,
        note=note,
        measured=measured,
        counts=tuple(_counts(run, summary)),
        times=tuple(_times(summary)),
        throughput=None if over_time is None else _throughput(run, over_time),
        latency=None if by_latency is None else _latency(run, summary, by_latency),
        interval="" if over_time is None else duration(over_time.edges_ns[1]),
        errors=tuple(errors[:_SHOWN_ERRORS]),
        more_errors=len(errors[_SHOWN_ERRORS:]),
    )


def _counts(run: Run, summary: Mapping[str, Any]) -> list[Row]:
    queries = summary["queries"]
    issued = queries["issued"]
    rows = [("planned", number(queries["planned"])), ("issued", number(issued))]
    rows.append(("completed", _of(queries["completed"], issued)))
    rows += [(f"failed: {status}", _of(count, issued)) for status, count in queries["failed"].items()]
    rows.append(("distinct samples", number(queries["distinct_samples"])))
    rows.append(("throughput", "–" if run.throughput_per_s is None else rate(run.throughput_per_s)))
    rows.append(("duration", duration(run.duration_s * 1e9) if run.completed else "–"))
    if (tokens := summary["tokens"]) is not None:
        per_s = tokens["out_per_s"]
        rows.append(("output tokens", number(tokens["out"]) + ("" if per_s is None else f" ({rate(per_s)})")))
        rows.append(("input tokens", number(tokens["in"])))
    rows += [(f"p{e['percentile']:g}, early stopping", _estimate(e)) for e in summary["early_stopping"]]
    rows += [(f"bound on {b['of'].replace('_', ' ')}", _bound(b)) for b in summary["latency_bounds"]]
    if (lag := summary["client_lag_ns"]) is not None:
        rows.append(("client's event loop late by", _tail(lag)))
        rows.append(("its own code at a stretch", _tail(summary["client_turn_ns"])))
        rows.append(("client's CPU time", _cpu(summary["client_cpu_ns"])))
    rows.append(("end", _ENDS[summary["end"]]))
    if run.events.starts:
        rows.append(("started", run.events.starts[0].origin_utc))
        rows.append(("schedule sha256", run.events.starts[0].schedule_sha256))
    return rows


def _tail(times: Mapping[str, int]) -> str:
    return f"p99.9 {duration(times['p99.9'])}, at most {duration(times['max'])}"


def _cpu(cpu_ns: Mapping[str, Any]) -> str:
    used, waited = cpu_ns["used"], cpu_ns["waited"]
    return duration(used) + ("" if waited is None else f", and {duration(waited)} of waiting for a CPU")


def _estimate(entry: Mapping[str, Any]) -> str:
    if entry["estimate_ns"] is None:
        return f"– ({number(entry['least_queries'])} queries needed)"
    return duration(entry["estimate_ns"])


def _bound(entry: Mapping[str, Any]) -> str:
    kept = "kept" if entry["met"] else "not kept"
    sure = "" if entry["shown"] or not entry["met"] else ", too few queries to be sure"
    return f"{duration(entry['bound_s'] * 1e9)}: {kept}{sure}; {_of(entry['over'], entry['queries'])} over"


def _of(count: int, issued: int) -> str:
    return f"{number(count)} ({percent(count / issued)})" if 0 < count < issued else number(count)


def _times(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A column for each kind of time that there is, a row for each statistic."""
    columns = [(title, summary[name]) for name, title in _TIMES if summary[name] is not None]
    if not columns:
        return []
    rows = [("", *(title for title, _ in columns))]
    rows += [(name, *(duration(values[name]) for _, values in columns)) for name in ("min", "mean")]
    for share in columns[0][1]["percentiles"]:
        rows.append((f"p{share}", *(duration(values["percentiles"][share]) for _, values in columns)))
    return [*rows, ("max", *(duration(values["max"]) for _, values in columns))]


def _throughput(run: Run, series: Completions) -> Histogram:
    together = [good + bad for good, bad in zip(series.completed_per_s, series.failed_per_s, strict=True)]
    mean = run.throughput_per_s
    told = f"{number(run.completed)} queries completed and {number(run.failed)} failed"
    told += f" within {duration(series.edges_ns[-1])}"
    if mean is not None:
        told += f"; {rate(mean)} from the first issue to the last completion"
    return Histogram(
        title=f"Throughput over time, run {run.spec.label}",
        description=f"{told}. The fullest of {len(together)} intervals saw {rate(max(together))}.",
        x=scale.time_axis("time since the first issue", 0.0, series.edges_ns[-1]),
        y=scale.count_axis("queries/s", max([*together, mean or 0.0])),
        edges=series.edges_ns,
        stacks=(Stack("ok", series.completed_per_s), Stack("bad", series.failed_per_s)),
        level=mean,
    )


def _latency(run: Run, summary: Mapping[str, Any], series: Latencies) -> Histogram:
    percentiles = summary["latency_ns"]["percentiles"]
    marks = tuple((float(percentiles[share]), f"p{share} {duration(percentiles[share])}") for share in _MARKED)
    axis = scale.log_time_axis if series.logarithmic else scale.time_axis
    since = "latency from the due time" if run.load.scenario.paced else "latency"
    told = ", ".join(label for _, label in marks)
    return Histogram(
        title=f"Latency distribution, run {run.spec.label}",
        description=f"{number(sum(series.counts))} completed queries; {told}.",
        x=axis(since, series.edges_ns[0], series.edges_ns[-1]),
        y=scale.count_axis("queries", max(series.counts)),
        edges=series.edges_ns,
        stacks=(Stack("ok", tuple(map(float, series.counts))),),
        marks=marks,
    )
