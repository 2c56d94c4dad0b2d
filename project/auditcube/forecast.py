"""What a job would do, before it does it: runs, queries, order, and about how long. Pure."""

from __future__ import annotations

from typing import Any

from auditcube.audits.contract import REFERENCE
from auditcube.job import WARMUP, Plan, runs_of
from auditcube.load.order import order_to_json
from auditcube.load.schedule import Load, RunSpec

_WHY = {
    WARMUP: "warms the endpoint up; nothing of it is measured",
    REFERENCE: "comes first, since what other runs leave in a cache would make it faster than it is",
}


def forecast(plan: Plan, latency_s: float | None) -> dict[str, Any]:
    """The runs of the task `audit` (of `run_reference` where no audit is listed), each with what is known of it.

    `latency_s` is how long one query takes, if somebody knows; `seconds` are then about what a run lasts, and null
    else: in Server it is the rate of arrivals that tells. None is longer than `load.max_duration_s`.
    """
    specs = runs_of("audit" if plan.audits else "run_reference", plan)
    runs = [_run(plan, spec, latency_s) for spec in specs]
    times = [run["seconds"] for run in runs]
    return {
        "benchmark": plan.config.benchmark,
        "scenario": plan.load.scenario.value,
        "audits": [audit.test_id for audit in plan.audits],
        "runs": runs,
        "queries": sum(run["queries"] for run in runs),
        "seconds": None if None in times else sum(times),
        "most_seconds": len(runs) * plan.load.max_duration_s,
    }


def _run(plan: Plan, spec: RunSpec, latency_s: float | None) -> dict[str, Any]:
    wanted_by = [audit.test_id for audit in plan.audits if _wants(plan, audit, spec)]
    return {
        "label": spec.label,
        "queries": spec.queries,
        "min_duration_s": spec.min_duration_s,
        "seconds": seconds_of(plan.load, spec, latency_s),
        "order": order_to_json(spec.order)["kind"],
        "kept": spec.capture,
        "for": wanted_by,
        "why": _WHY.get(spec.label, "after the reference, which it is not to disturb"),
    }


def _wants(plan: Plan, audit: Any, spec: RunSpec) -> bool:
    planned = audit.test.plan(audit.params, plan.dataset_size, plan.load)
    return any(own.label == spec.label for own in planned)


def seconds_of(load: Load, spec: RunSpec, latency_s: float | None) -> float | None:
    """About how long a run lasts if a query takes `latency_s`; None where neither that nor the load tells."""
    if load.scenario.paced and load.target_qps:
        needed = spec.queries / load.target_qps
    elif latency_s is None:
        return None
    else:
        needed = spec.queries * latency_s / min(spec.together or load.max_in_flight or spec.queries, spec.queries)
    return min(max(needed, spec.min_duration_s), load.max_duration_s)
