"""What a detail log must prove before anything is concluded from a run, which upstream's scripts take for granted.

Each proof gives a reason why it does not hold, and none where it does. A value that is not there proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from auditcube.loadgen.detail_log import Detail
from auditcube.loadgen.logged import MOST, LoggedRun, same_bytes
from auditcube.scenario import Scenario

_PERFORMANCE, _ACCURACY = "PerformanceOnly", "AccuracyOnly"
# What makes two runs comparable: the same system, asked for the same in the same way.
_COMMON = (
    "sut_name",
    "qsl_name",
    "qsl_reported_total_count",
    "qsl_reported_performance_count",
    "effective_scenario",
    "effective_target_latency_ns",
    "effective_target_latency_percentile",
    "effective_performance_sample_count",
)
# The least share of distinct samples: of all queries, and where it is the median that is compared.
_DISTINCT, _DISTINCT_BY_MEDIAN = 0.1, 0.6
# The least number of samples of a run whose speed is compared: none of MLPerf's audit.config asks for fewer than that
# of TEST04 for wan-2.2-t2v-a14b.
_ENOUGH = 20
_TIMES = ("test_datetime", "get_sut_name_duration_ns")


def is_performance(run: LoggedRun) -> Iterator[str]:
    """The run is one of performance mode, ended, and LoadGen calls its result valid and saw no error."""
    detail, name = run.detail, run.label
    mode, validity = detail.get("effective_test_mode"), detail.get("result_validity")
    if mode != _PERFORMANCE:
        yield f"the {name} run's mode is {mode!r}, not {_PERFORMANCE}"
    if validity != "VALID":
        yield f"LoadGen does not call the {name} run's result VALID, but {validity!r}"
    if detail.errors or detail.values.get("num_errors", 0) != 0:
        yield f"LoadGen saw errors in the {name} run{': ' + detail.errors[0] if detail.errors else ''}"
    if contradicted := sorted(key for key in detail.repeated if str(key).startswith(("effective_", "result_"))):
        yield f"the {name} run's log says {contradicted[0]} twice, and not the same"
    if run.issued < 1:
        yield f"the {name} run's log does not tell how many samples were issued"


def is_accuracy(detail: Detail) -> Iterator[str]:
    """The run of these answers was one of accuracy mode."""
    if (mode := detail.get("effective_test_mode")) != _ACCURACY:
        yield f"the mode of the accuracy run is {mode!r}, not {_ACCURACY}"
    if detail.errors:
        yield f"LoadGen saw errors in the accuracy run: {detail.errors[0]}"


def repeats_one(detail: Detail, wanted: bool, name: str) -> Iterator[str]:
    """Whether one sample was issued again and again, as TEST04's audit run must, and its reference must not."""
    told = detail.get("effective_performance_issue_same")
    if told is not wanted and told != int(wanted):
        yield f"the {name} run's performance_issue_same is {told!r}: audit.config was {'not ' * wanted}in force"


def enough_issued(run: LoggedRun) -> Iterator[str]:
    """The run's speed is one of many samples: asked for once, even a perfect cache is as slow as any system."""
    if run.issued < _ENOUGH:
        yield f"{run.issued} samples were issued in the {run.label} run, and a speed can be told from {_ENOUGH} or more"


def distinct_enough(reference: LoggedRun) -> Iterator[str]:
    """Most of what the reference's score rests on are samples that were not asked for before: of a small set that is
    repeated, a cache serves the reference as well as the audit run, and their scores are alike."""
    size = _number(reference.detail.get("effective_performance_sample_count"))
    issued = reference.issued
    if not size or not issued:
        yield "it is not told out of how many samples the reference's were taken"
        return
    # LoadGen draws with replacement, in Offline without, and where it may not repeat.
    distinct = min(size, issued) if reference.scenario is Scenario.OFFLINE else size * -math.expm1(-issued / size)
    least = _DISTINCT_BY_MEDIAN if reference.scenario.paced else _DISTINCT
    if distinct < least * issued:
        share = 1 - distinct / issued
        yield f"about {share:.0%} of the reference's queries repeat a sample, which a cache would have answered too"


def answers_sampled(run: LoggedRun) -> Iterator[str]:
    """Answers were logged in performance mode, as many as the settings make LoadGen log, and none of them twice."""
    logged = run.tally.logged
    if run.tally.queries < logged:
        yield f"of the {run.label} run {logged} answers to {run.tally.queries} queries were logged: some twice"
    target = run.detail.get("effective_accuracy_log_sampling_target")
    if not _number(target):
        yield f"the {run.label} run's accuracy_log_sampling_target is {target!r}: audit.config was not in force"
        return
    expected = _expected(run, _number(target))
    # A coin for each sample: six deviations below its mean is no chance.
    least = math.ceil(expected - 6 * math.sqrt(expected * max(0.0, 1 - expected / max(run.issued, 1))))
    if logged < max(1, least):
        yield f"{logged} answers of the {run.label} run were logged, and its settings make about {expected:.0f}"


def _expected(run: LoggedRun, target: float) -> float:
    """How many answers LoadGen logs with its settings: each with the probability target / planned samples."""
    detail = run.detail
    planned = _number(detail.get("effective_target_qps")) * _number(detail.get("effective_min_duration_ms")) / 1e3
    if run.detail.get("effective_scenario") == "Offline":
        planned = max(planned, _number(detail.get("effective_min_sample_count")))
    else:
        planned = max(planned, _number(detail.get("effective_min_query_count"))) * run.samples_per_query
    return run.issued * min(1.0, target / planned) if planned > 0 else run.issued


def every_answer_logged(run: LoggedRun) -> Iterator[str]:
    """Each sample that was issued was logged: a score or a mean of some of them may be of chosen ones."""
    tally, unique = run.tally, run.detail.get("effective_performance_issue_unique")
    if tally.logged < run.issued:
        yield f"{tally.logged} answers of the {run.label} run were logged, and {run.issued} samples were issued"
    if unique is True and tally.samples < tally.logged:
        told = f"{tally.logged} answers of the {run.label} run are to {tally.samples} samples"
        yield f"{told}, although none was to be issued again"


def are_a_pair(one: Detail, other: Detail) -> Iterator[str]:
    """The logs are of two runs, of one system with the same settings."""
    if same_bytes(one.path, other.path):
        yield "reference and compliance run have the same detail log: they are one run"
        return
    measured = [key for key in one.values if key in _TIMES or str(key).startswith("result_")]
    if all(one.get(key) == other.get(key) for key in measured) and all(key in measured for key in _TIMES):
        yield "reference and compliance run measured the same from the same moment on: they are one run"
    for key in _COMMON:
        if one.get(key) != other.get(key):
            yield f"reference and compliance run differ in {key}: {_short(one.get(key))} and {_short(other.get(key))}"
    paced = one.get("effective_scenario") == "Server"
    if paced and one.get("effective_target_qps") != other.get("effective_target_qps"):
        yield "reference and compliance run differ in effective_target_qps"


def _number(value: Any) -> float:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= MOST
    return float(value) if good else 0.0


def _short(value: Any) -> str:
    return repr(value)[:60]
