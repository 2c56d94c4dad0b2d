"""The places in MLPerf's own layouts where a sidecar and the verdicts fit.

There "audit" means an audit test, so no sidecar is called audit_*.json. It stands alone in both, under the name
run_audit.json: the files that it lists stay with the submitter, who can show them.

Source: the run folder that endpoints-submission-cli 1.5 reads; MLPerf Inference, `compliance_endpoints_check` of its
submission checker, and what mlcommons/endpoints itself writes for `output_caching_test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditcube.errors import InvalidInput
from auditcube.export.source import Files, Source, document

SIDECAR = "run_audit.json"
# Our audit -> the name that MLPerf's checker looks for, in the file's name and in its member `test`.
_NAMES = {
    "test01": "accuracy_in_performance_test",
    "test04": "output_caching_test",
    "test06": "consistency_output_test",
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
    """The sidecar, and a record for each verdict on a test that MLPerf names. What is INCONCLUSIVE has not passed."""
    files: dict[str, bytes] = {f"audit/{SIDECAR}": source.data}
    for verdict in source.manifest.get("verdicts", ()):
        if (name := _NAMES.get(verdict["test"])) is None:
            continue
        passed = verdict["outcome"] == "PASS"
        files[f"audit/audit_{name}.json"] = document(_record(name, passed, verdict))
        files[f"audit/verify_{name.upper()}.txt"] = f"Performance check pass: {passed}\n".encode()
    if len(files) == 1:
        raise InvalidInput("the result has no verdict on a test of MLPerf: run an audit, as in docs/audits/")
    return files


def _record(name: str, passed: bool, verdict: Mapping[str, Any]) -> dict[str, Any]:
    numbers = verdict["numbers"]
    told = {theirs: numbers[ours] for theirs, ours in _NUMBERS.items() if ours in numbers}
    return {"test": name, "passed": passed, **told, "reason": f"{verdict['outcome']}: {verdict['reason']}"}
