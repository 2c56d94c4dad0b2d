"""The performance run: what LoadGen would call valid, and why it would not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditcube.audits import performance
from auditcube.audits.contract import Verdict
from auditcube.audits.performance import RUN, Params
from auditcube.load.order import Single
from auditcube.load.schedule import RunSpec
from auditcube.scenario import Scenario
from builders import S, end_of, load_of, run_of, steady

SINGLE = {"scenario": Scenario.SINGLE_STREAM, "max_in_flight": 1}
SERVER = {"scenario": Scenario.SERVER, "max_in_flight": None, "target_qps": 1000.0, "max_slip_s": 1e6}


def judged(
    queries: int = 700, took: int = S, *, failed: int = 0, ends: Any = None, params: Any = None, **load: Any
) -> Verdict:
    asked = load_of(**{"min_queries": 700, "min_duration_s": 1.0, **load})
    run = run_of(steady(queries, took, failed=failed), label=RUN, load=asked, ends=ends)
    verdict = performance.judge(Params(**(params or {})), {RUN: run})
    json.dumps(verdict.to_json(), allow_nan=False)
    return verdict


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({}, "valid", "700 queries in 1.0 s"),
        ({"queries": 699}, "not_valid", "699 queries were issued, and load.min_queries is 700"),
        ({"took": S - 1_000_000}, "not_valid", "load.min_duration_s is 1"),
        ({"failed": 1}, "too_many_errors", "1 of 700 queries failed"),
        ({"failed": 7, "params": {"max_error_share": 0.01}}, "valid", "693 queries"),
        ({"failed": 8, "params": {"max_error_share": 0.01}}, "too_many_errors", "8 of 700"),
        ({"ends": [end_of(700, "max_duration")]}, "not_valid", "ended by max_duration"),
        ({"ends": [end_of(700, "interrupted")]}, "run_broken", "broke off"),
        ({"ends": []}, "run_broken", "broke off"),
        (SINGLE, "valid", "700 queries"),
        ({**SINGLE, "queries": 63, "min_queries": 63}, "not_valid", "63 queries do not show the 90th percentile"),
        ({**SINGLE, "queries": 64, "min_queries": 64}, "valid", "64 queries"),
        (
            {**SINGLE, "failed": 200, "params": {"max_error_share": 0.5}},
            "not_valid",
            "too many of them have no answer",
        ),
        ({**SERVER, "target_latency_s": 10.0}, "valid", "700 queries"),
        ({**SERVER, "target_latency_s": 1e-9}, "bounds_exceeded", "exceed 1e-09 s of latency"),
        (
            {**SERVER, "target_latency_s": 10.0, "queries": 458, "min_queries": 458},
            "not_valid",
            "too few queries show that the bound on latency is kept",
        ),
        ({**SERVER, "target_latency_s": 10.0, "queries": 459, "min_queries": 459}, "valid", "459 queries"),
    ],
)
def test_what_is_valid(changes: dict[str, Any], code: str, told: str) -> None:
    verdict = judged(**changes)
    assert (verdict.code, told in verdict.reason) == (code, True), verdict.reason


def test_a_run_that_was_not_made() -> None:
    assert performance.judge(Params(), {}).code == "run_missing"


def test_it_is_the_performance_run_of_the_job() -> None:
    load = load_of(min_queries=9, min_duration_s=3.0, order=Single(2), capture=0.5)
    assert performance.plan(Params(), 10, load) == (RunSpec(RUN, Single(2), 9, 3.0, 0.5),)
