"""The places in MLPerf's own layouts where a sidecar and the verdicts fit.

There "audit" means an audit test, so no sidecar is called audit_*.json. It stands alone in both, under the name
run_audit.json: the files that it lists stay with the submitter, who can show them.

Source: the run folder that endpoints-submission-cli 1.5 reads; MLPerf Inference, `compliance_endpoints_check` of its
submission checker, and what mlcommons/endpoints itself writes for `output_caching_test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditcube.export.source import Files, Measured, Source, document

SIDECAR = "run_audit.json"
# Our audit -> the name that MLPerf's checker looks for, in the file's name and in its member `test`.
_NAMES = {
    "test01": "accuracy_in_performance_test",
    "test04": "output_caching_test",
    "test06": "consistency_output_test",
    "test07": "accuracy_in_performance_full_test",
    "test08": "accuracy_in_performance_dlrmv3_test",
}
# Names of numbers in the harness's own record of output_caching_test -> ours.
_NUMBERS = {
    "ref_qps": "reference_per_s",
    "audit_qps": "audit_per_s",
    "threshold": "threshold",
    "ref_completed": "reference_completed",
    "ref_requested": "reference_requested",
    "audit_completed": "audit_completed",
    "audit_requested": "audit_requested",
}


def endpoints(source: Source) -> Files:
    """The sidecar, byte for byte, where the builder of a submission takes it along."""
    return {f"server_configs/{SIDECAR}": source.data}


def inference(source: Source) -> Files:
    """What the checker of MLPerf Inference reads of an endpoint's scenario, and the sidecar.

    `config.yaml`, `performance/result_summary.json`, `accuracy/accuracy_results.json` where TEST07 scored answers, and
    a record for each verdict on a test that MLPerf names; what is INCONCLUSIVE has not passed.
    """
    measured = source.measured
    assert measured is not None
    files: dict[str, bytes] = {f"audit/{SIDECAR}": source.data, "config.yaml": _config(source, measured)}
    files["performance/result_summary.json"] = document(_summary(source, measured))
    if measured.scores:
        files["accuracy/accuracy_results.json"] = document({"accuracy_scores": _scores(measured)})
    for verdict in source.manifest.get("verdicts", ()):
        if (name := _NAMES.get(verdict["test"])) is None:
            continue
        passed = verdict["outcome"] == "PASS"
        files[f"audit/audit_{name}.json"] = document(_record(name, passed, verdict))
        files[f"audit/verify_{name.upper()}.txt"] = f"Performance check pass: {passed}\n".encode()
    return files


_TYPES = {"Offline": "offline", "Server": "online", "SingleStream": "single_stream", "MultiStream": "multi_stream"}
_PATTERNS = {"Offline": "max_throughput", "Server": "poisson"}


def _config(source: Source, measured: Measured) -> bytes:
    """The run configuration under the harness's names; JSON is YAML."""
    settings, endpoint = measured.summary["settings"], measured.config["endpoint"]
    asked, scenario = settings["requested"], settings["scenario"]
    config = {
        "version": "1.0",
        "type": _TYPES[scenario],
        "benchmark": source.manifest["benchmark"],
        "model_params": {
            "name": endpoint["model"] or source.manifest["benchmark"],
            "streaming": "on" if endpoint["parameters"].get("stream") is True else "off",
        },
        "settings": {
            "runtime": {
                "min_duration_ms": round(asked["min_duration_s"] * 1000),
                "max_duration_ms": round(asked["max_duration_s"] * 1000),
                "n_samples_to_issue": asked["queries"],
                "dataloader_random_seed": int(asked["seeds"]["order"]),
                "scheduler_random_seed": int(asked["seeds"]["arrival"]),
            },
            "load_pattern": {
                "type": _PATTERNS.get(scenario, "concurrency"),
                "target_qps": asked["target_qps"],
                "target_concurrency": asked["max_in_flight"],
            },
        },
    }
    return document(config)


_KINDS = {"latency": "latency_ns", "ttft": "time_to_first_token_ns", "tpot": "time_per_output_token_ns"}


def _summary(source: Source, measured: Measured) -> dict[str, Any]:
    told, queries = measured.summary, measured.summary["queries"]
    provenance = source.manifest["provenance"]
    found = {
        "n_samples_issued": queries["issued"],
        "n_samples_completed": queries["completed"],
        "n_samples_failed": sum(queries["failed"].values()),
        "duration_ns": round(told["duration_s"] * 1e9),
        "qps": told["throughput_per_s"],
        "tps": None if told["tokens"] is None else told["tokens"]["out_per_s"],
        "test_started_at": source.manifest["started_on"],
        "git_sha": provenance["commit"],
        "output_sequence_lengths": measured.lengths,
    }
    for kind, name in _KINDS.items():
        if (spread := told[name]) is not None:
            found[kind] = {
                **{ours: spread[theirs] for ours, theirs in (("min", "min"), ("max", "max"), ("avg", "mean"))},
                "percentiles": spread["percentiles"],
                "early_stopping_percentiles": measured.estimates[kind],
            }
    return found


def _scores(measured: Measured) -> list[dict[str, Any]]:
    of = {"dataset_type": "accuracy", "dataset_name": measured.config["dataset"]["id"]}
    return [{**of, "score": score, "total_samples": count} for score, count in measured.scores.values()]


def _record(name: str, passed: bool, verdict: Mapping[str, Any]) -> dict[str, Any]:
    numbers = verdict["numbers"]
    told = {theirs: numbers[ours] for theirs, ours in _NUMBERS.items() if ours in numbers}
    return {"test": name, "passed": passed, **told, "reason": f"{verdict['outcome']}: {verdict['reason']}"}
