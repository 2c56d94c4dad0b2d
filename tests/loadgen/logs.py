"""LoadGen's logs, made up: a whole compliance case of every test, of which a test changes what it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auditcube.loadgen.layout import ACCURACY, DETAIL, SUMMARY, Paths

SHARED = Path(__file__).resolve().parents[3] / "shared/data/loadgen"
SUMMARIES = {
    "Offline": "Samples per second: {score}",
    "Server": "Completed samples per second    : {score}",
    "SingleStream": " * Early stopping 90th percentile estimate: {score}",
    "MultiStream": " * Early stopping 99th percentile estimate: {score}",
}
SCORES = {
    "Offline": "result_samples_per_second",
    "Server": "result_completed_samples_per_sec",
    "SingleStream": "early_stopping_latency_ss",
    "MultiStream": "early_stopping_latency_ms",
}


def detail(scenario: str = "Offline", score: Any = 1000.0, /, **changes: Any) -> dict[str, Any]:
    """The messages of a valid performance run of 64 samples."""
    found = {
        "test_datetime": "2026-11-01T00:00:00Z",
        "sut_name": "SUT",
        "get_sut_name_duration_ns": 100,
        "qsl_name": "QSL",
        "qsl_reported_total_count": 64,
        "qsl_reported_performance_count": 64,
        "effective_scenario": scenario,
        "effective_test_mode": "PerformanceOnly",
        "effective_samples_per_query": 64 if scenario == "Offline" else 1,
        "effective_target_qps": 100,
        "effective_target_latency_ns": 1_000_000,
        "effective_min_duration_ms": 0,
        "effective_min_query_count": 1 if scenario == "Offline" else 64,
        "effective_min_sample_count": 64,
        "effective_accuracy_log_sampling_target": 0,
        "effective_performance_issue_same": False,
        "effective_performance_issue_unique": False,
        "effective_performance_sample_count": 64,
        "generated_query_count": 1 if scenario == "Offline" else 64,
        "result_query_count": 1 if scenario == "Offline" else 64,
        "result_validity": "VALID",
        "result_50.00_percentile_latency_ns": 1000,
        SCORES.get(scenario, "none"): score,
        "num_errors": 0,
    }
    return {key: value for key, value in (found | changes).items() if value is not ...}


AUDITED = {"test_datetime": "2026-11-01T01:00:00Z", "get_sut_name_duration_ns": 200}
SAMPLED = AUDITED | {"effective_accuracy_log_sampling_target": 64}
REPEATED = AUDITED | {"effective_performance_issue_same": True}
ACCURATE = {"effective_test_mode": "AccuracyOnly", "result_validity": ..., "result_query_count": ..., "num_errors": ...}


def write_detail(path: Path, messages: Mapping[str, Any], mark: str = ":::MLLOG", errors: Iterable[str] = ()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{mark} {json.dumps({'key': k, 'value': v, 'metadata': {'is_error': False}})}" for k, v in messages.items()
    ]
    lines += [f"{mark} {json.dumps({'key': 'error', 'value': e, 'metadata': {'is_error': True}})}" for e in errors]
    path.write_text("".join(f"{line}\n" for line in lines))


def write_summary(path: Path, scenario: str, score: Any, *more: str, result: str = "VALID") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"Scenario : {scenario}", "Mode     : PerformanceOnly", f"Result is : {result}"]
    if scenario in SUMMARIES and score is not None:
        lines.append(SUMMARIES[scenario].format(score=score))
    path.write_text("".join(f"{line}\n" for line in (*lines, *more)))


def entry(
    sample: int, data: Sequence[Any], dtype: str = "int32", *, seq: int | None = None, **more: Any
) -> dict[str, Any]:
    """One logged answer; `first` are the tokens that were told first."""
    array = np.array(data, dtype=dtype)
    found: dict[str, Any] = {"seq_id": sample if seq is None else seq, "qsl_idx": sample}
    found["data"] = array.tobytes().hex().upper()
    if "first" in more:
        found["token_data"] = np.array(more.pop("first"), dtype=dtype).tobytes().hex().upper()
    return {**found, **more}


def write_accuracy(path: Path, entries: Iterable[Any]) -> None:
    """As LoadGen spells it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(e).replace("{", "{ ").replace("}", " }").replace('": ', '" : ') for e in entries]
    path.write_text("[\n" + ",\n".join(lines) + ("\n" if lines else "") + "]\n")


def tokens(sample: int, dtype: str = "int32") -> dict[str, Any]:
    """A good answer for every test of tokens: 15 of them, one EOS at the end, told as it is."""
    data = [1000 + sample, *range(10, 23), 2]
    return entry(sample, data, dtype, first=data[:1], token_count=15)


def predictions(sample: int, *, labelled: bool) -> dict[str, Any]:
    """A good answer for TEST08: four candidates."""
    chances = [0.1 + (sample % 8) / 10, 0.4, 0.6, 0.9]
    labels, weights = [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]
    data = [float(sample), 7.0, *chances, *(labels + weights + [4.0] if labelled else [])]
    return entry(sample, data, "float32")


def case(root: Path, test: str, scenario: str = "Offline") -> Paths:
    """A case that passes by both rules."""
    results, compliance = root / "results", root / "compliance"
    changes = REPEATED if test == "TEST04" else SAMPLED
    unique = {"effective_performance_issue_unique": True} if test in ("TEST07", "TEST09") else {}
    score = 1000.0 if scenario in ("Offline", "Server") else 1_000_000
    write_detail(compliance / DETAIL, detail(scenario, score, **changes, **unique))
    write_summary(compliance / SUMMARY, scenario, score)
    answers = [predictions(n, labelled=False) if test == "TEST08" else tokens(n) for n in range(64)]
    write_accuracy(compliance / ACCURACY, answers)
    write_detail(results / "performance/run_1" / DETAIL, detail(scenario, score))
    write_summary(results / "performance/run_1" / SUMMARY, scenario, score)
    write_detail(results / "accuracy" / DETAIL, detail(scenario, score, **ACCURATE))
    known = [predictions(n, labelled=True) if test == "TEST08" else tokens(n) for n in range(64)]
    write_accuracy(results / "accuracy" / ACCURACY, known[::-1])
    return Paths(results, compliance)
