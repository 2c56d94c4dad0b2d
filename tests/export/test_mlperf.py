"""The records of MLPerf Inference's layout, by the rule of its submission checker: no release of it is in an index.

That rule, of `compliance_endpoints_check`: audit/audit_<name>.json is a JSON object whose `test` is that name and whose
`passed` is true. Endpoints' own builder and checker are in test_endpoints.py.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from auditcube.export.mlperf import endpoints, inference
from auditcube.export.source import Measured
from export.sources import WHOLE, source
from manifest.examples import FULL

NUMBERS = {
    "reference_per_s": 10.0, "audit_per_s": 10.5, "threshold": 0.1, "reference_completed": 144,
    "reference_requested": 144, "audit_completed": 144, "audit_requested": 144, "gain": 0.05,
}  # fmt: skip


def judged(test: str = "test04", outcome: str = "PASS", **more: Any) -> dict[str, Any]:
    return {**FULL["verdicts"][0], "test": test, "outcome": outcome, "numbers": NUMBERS, "reason": "so it was", **more}


SPREAD = {"count": 3, "min": 1, "max": 5, "mean": 3.0, "percentiles": {"50": 3, "90": 5}}
SUMMARY: dict[str, Any] = {
    "settings": {
        "scenario": "Server",
        "requested": {
            "queries": 660, "min_duration_s": 600.0, "max_duration_s": 3600.0, "target_qps": 4.0, "max_in_flight": None,
            "seeds": {"order": "2747215439041700203", "arrival": "16159082839903944936", "capture": "1"},
        },
    },
    "queries": {"issued": 660, "completed": 658, "failed": {"timeout": 1, "http_error": 1}},
    "duration_s": 601.5,
    "throughput_per_s": 1.1,
    "tokens": {"out_per_s": 120.5},
    "latency_ns": SPREAD,
    "time_to_first_token_ns": SPREAD,
    "time_per_output_token_ns": None,
}  # fmt: skip
ESTIMATES = {kind: {"50": 3, "99.9": None} for kind in ("latency", "ttft", "tpot")}
CONFIG = {"endpoint": {"model": None, "parameters": {"stream": True}}, "dataset": {"id": "questions"}}
MEASURED = Measured(
    "performance", SUMMARY, CONFIG, ESTIMATES, {"min": 1, "max": 9, "avg": 4.5}, {"test07": (70.5, 248)}
)


def records(*verdicts: dict[str, Any], measured: Measured = MEASURED) -> dict[str, Any]:
    files = inference(source(FULL | {"verdicts": list(verdicts)}, measured=measured))
    contents = {name: content for name, content in files.items() if isinstance(content, bytes)}
    assert contents.keys() == files.keys()
    return {name: d.decode() if name.endswith(".txt") else json.loads(d) for name, d in contents.items()}


def passes(files: dict[str, Any], name: str) -> bool:
    """What MLPerf's checker says of a record."""
    record = files[f"audit/audit_{name}.json"]
    return isinstance(record, dict) and record["test"] == name and bool(record["passed"])


@pytest.mark.parametrize(("outcome", "expected"), [("PASS", True), ("FAIL", False), ("INCONCLUSIVE", False)])
@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("test01", "accuracy_in_performance_test"),
        ("test04", "output_caching_test"),
        ("test06", "consistency_output_test"),
        ("test07", "accuracy_in_performance_full_test"),
        ("test08", "accuracy_in_performance_dlrmv3_test"),
    ],
)
def test_only_a_pass_passes(test: str, name: str, outcome: str, expected: bool) -> None:
    files = records(judged(test, outcome))
    assert passes(files, name) is expected
    assert files[f"audit/verify_{name.upper()}.txt"] == f"Performance check pass: {expected}\n"


def test_the_record_of_caching_has_what_the_harness_itself_writes() -> None:
    assert records(judged())["audit/audit_output_caching_test.json"] == {
        "test": "output_caching_test", "passed": True, "ref_qps": 10.0, "audit_qps": 10.5, "threshold": 0.1,
        "ref_completed": 144, "ref_requested": 144, "audit_completed": 144, "audit_requested": 144,
        "reason": "PASS: so it was",
    }  # fmt: skip


def test_the_sidecar_goes_along_byte_for_byte() -> None:
    assert inference(replace(WHOLE, measured=MEASURED))["audit/run_audit.json"] == WHOLE.data
    assert endpoints(WHOLE) == {"server_configs/run_audit.json": WHOLE.data}


def test_the_configuration_has_what_the_checker_reads() -> None:
    config = records()["config.yaml"]
    assert config["type"] == "online"
    assert config["model_params"] == {"name": FULL["benchmark"], "streaming": "on"}
    assert config["settings"]["runtime"] == {
        "min_duration_ms": 600_000, "max_duration_ms": 3_600_000, "n_samples_to_issue": 660,
        "dataloader_random_seed": 2747215439041700203, "scheduler_random_seed": 16159082839903944936,
    }  # fmt: skip
    assert config["settings"]["load_pattern"] == {"type": "poisson", "target_qps": 4.0, "target_concurrency": None}


def test_the_summary_has_what_the_checker_reads() -> None:
    told = records()["performance/result_summary.json"]
    assert (told["n_samples_issued"], told["n_samples_completed"], told["n_samples_failed"]) == (660, 658, 2)
    assert (told["duration_ns"], told["qps"], told["tps"]) == (601_500_000_000, 1.1, 120.5)
    assert told["latency"] == {
        "min": 1, "max": 5, "avg": 3.0, "percentiles": {"50": 3, "90": 5},
        "early_stopping_percentiles": {"50": 3, "99.9": None},
    }  # fmt: skip
    assert "ttft" in told
    assert "tpot" not in told
    assert told["output_sequence_lengths"] == {"min": 1, "max": 9, "avg": 4.5}
    assert (told["git_sha"], told["test_started_at"]) == (FULL["provenance"]["commit"], FULL["started_on"])


def test_accuracy_is_what_was_scored() -> None:
    assert records()["accuracy/accuracy_results.json"] == {
        "accuracy_scores": [
            {"dataset_type": "accuracy", "dataset_name": "questions", "score": 70.5, "total_samples": 248}
        ]
    }
    assert "accuracy/accuracy_results.json" not in records(measured=replace(MEASURED, scores={}))
