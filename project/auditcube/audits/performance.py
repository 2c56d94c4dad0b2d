"""The performance run of a submission, and whether its result is valid by LoadGen's rules.

It issues `load.min_queries` and goes on for `load.min_duration_s`, as the task `run_reference` does without audits.
PASS iff it ended by itself with as many queries and after as long as that, no more queries failed than may, the
scenario's estimate of latency can be made, and Server's bounds are kept, with 99 % confidence.

Source: MLPerf Inference rules, "Scenarios"; LoadGen, results.cc.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from auditcube.audits.contract import AuditParams, Evidence, Outcome, Verdict, unusable
from auditcube.load.schedule import Load, RunSpec

TITLE = "performance: a result that is valid by LoadGen's rules"
RUN = "performance"


class Params(AuditParams):
    """Settings of the performance run; `load` has all others."""

    max_error_share: float = Field(default=0.0, ge=0, lt=1, description="share of queries that may fail")


def plan(params: Params, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
    """The performance run; behind the reference, if another audit wants one."""
    return (load.performance(RUN),)


def judge(params: Params, runs: Mapping[str, Evidence]) -> Verdict:
    """What was exceeded is a FAIL, what is missing makes it INCONCLUSIVE."""
    if (problem := unusable(runs, RUN)) is not None:
        return Verdict(Outcome.INCONCLUSIVE, *problem)
    run = runs[RUN]
    numbers: dict[str, Any] = {
        "throughput_per_s": run.throughput_per_s,
        "duration_s": run.duration_s,
        "issued": run.issued,
        "completed": run.completed,
        "failed": run.failed,
    }
    if run.failed > params.max_error_share * run.issued:
        text = f"{run.failed} of {run.issued} queries failed, and {params.max_error_share:.1%} may"
        return Verdict(Outcome.FAIL, "too_many_errors", text, numbers)
    if exceeded := run.exceeded():
        return Verdict(Outcome.FAIL, "bounds_exceeded", "; ".join(exceeded), numbers)
    if shortfalls := run.shortfalls():
        return Verdict(Outcome.INCONCLUSIVE, "not_valid", "; ".join(shortfalls), numbers)
    text = f"{run.completed} queries in {run.duration_s:.1f} s"
    return Verdict(Outcome.PASS, "valid", f"the result is valid: {text}", numbers)
