"""The records of MLPerf Inference's layout, by the rule of its submission checker: no release of it is in an index.

That rule, of `compliance_endpoints_check`: audit/audit_<name>.json is a JSON object whose `test` is that name and whose
`passed` is true. Endpoints' own builder and checker are in test_endpoints.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditcube.errors import InvalidInput
from auditcube.export.mlperf import endpoints, inference
from export.sources import WHOLE, source
from manifest.examples import FULL

NUMBERS = {
    "reference_per_s": 10.0, "audit_per_s": 10.5, "threshold": 0.1, "reference_completed": 144,
    "reference_requested": 144, "audit_completed": 144, "audit_requested": 144, "gain": 0.05,
}  # fmt: skip


def judged(test: str = "test04", outcome: str = "PASS", **more: Any) -> dict[str, Any]:
    return {**FULL["verdicts"][0], "test": test, "outcome": outcome, "numbers": NUMBERS, "reason": "so it was", **more}


def records(*verdicts: dict[str, Any]) -> dict[str, Any]:
    files = inference(source(FULL | {"verdicts": list(verdicts)}))
    contents = {name: content for name, content in files.items() if isinstance(content, bytes)}
    assert contents.keys() == files.keys()
    return {name: json.loads(d) if name.endswith(".json") else d.decode() for name, d in contents.items()}


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
    assert inference(WHOLE)["audit/run_audit.json"] == WHOLE.data
    assert endpoints(WHOLE) == {"server_configs/run_audit.json": WHOLE.data}


def test_a_result_without_such_a_verdict_is_refused() -> None:
    for verdicts in ([], [judged("test09"), judged("cache_probe")]):
        with pytest.raises(InvalidInput, match="no verdict on a test of MLPerf"):
            records(*verdicts)
