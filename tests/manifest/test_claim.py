"""The gate before `public`: what it needs, member by member; nothing less is granted, and nothing is granted twice."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from auditcube.manifest.claim import granted, unmet
from manifest.examples import FULL, ISSUE_367

Record = dict[str, Any]


def fit(**changes: Any) -> Record:
    """A sidecar that may claim `public`, or would, were it not changed."""
    made = copy.deepcopy(FULL) | {"mlcube_task": "audit"}
    made["image_identity"]["contradictions"] = []
    return made | changes


def test_the_gate_opens() -> None:
    assert list(unmet(fit())) == []
    assert granted("public", fit()) == "public"


TEST = FULL["verdicts"][0]
REF = FULL["dataset_refs"][0]
IMAGE = {"reference": "x", "contradictions": [], "platform": "linux/arm64", "resolved_by": "runner", "marks": []}
CASES: list[tuple[str, Record]] = [
    ("/task_status", {"task_status": {"state": "completed", "exit_code": 6}}),
    ("/task_status", {"task_status": {"state": "failed", "exit_code": 0}}),
    ("/verdicts/1/outcome", {"verdicts": [TEST, TEST | {"outcome": "INCONCLUSIVE"}]}),
    ("/verdicts/0/outcome", {"verdicts": [TEST | {"outcome": "FAIL"}]}),
    ("/verdicts", {"verdicts": []}),
    ("/provenance/dirty", {"provenance": FULL["provenance"] | {"dirty": True}}),
    ("/provenance/dirty", {"provenance": FULL["provenance"] | {"dirty": None}}),
    ("/provenance/dirty", {"provenance": {"repo": "r", "commit": "c", "created_at": "t"}}),
    ("/provenance/commit", {"provenance": FULL["provenance"] | {"commit": "unknown"}}),
    ("/image_identity", {"image_identity": IMAGE}),
    ("/image_identity/contradictions", {"image_identity": IMAGE | {"sif_sha256": "0", "contradictions": ["x"]}}),
    ("/dataset_refs", {"dataset_refs": []}),
    ("/dataset_refs/1", {"dataset_refs": [REF, {n: v for n, v in REF.items() if n != "digest"}]}),
    ("/redaction_status", {"redaction_status": "not_scanned"}),
    ("/redaction_status", {"redaction_status": "contains_findings"}),
    ("/run_durations_ns/reference", {"run_durations_ns": {"reference": 599_999_999_999, "test04": 10**12}}),
    ("/run_durations_ns", {"run_durations_ns": {}}),
]  # fmt: skip


@pytest.mark.parametrize(("pointer", "changes"), CASES)
def test_each_condition_closes_it(pointer: str, changes: Record) -> None:
    assert [at for at, _ in unmet(fit(**changes))] == [pointer]
    assert granted("public", fit(**changes)) == "internal"


@pytest.mark.parametrize("name", ["image_identity", "run_durations_ns", "task_status", "verdicts"])
def test_what_is_not_told_is_not_met(name: str) -> None:
    manifest = fit()
    del manifest[name]
    assert granted("public", manifest) == "internal"


def test_a_minimal_manifest_is_not_public() -> None:
    assert granted("public", ISSUE_367) == "internal"


@pytest.mark.parametrize(
    "digest", ["config_digest", "manifest_digest", "index_digest", "repo_digests", "sif_sha256", "squashfs_sha256"]
)
def test_any_kind_of_digest_names_the_image(digest: str) -> None:
    assert granted("public", fit(image_identity=IMAGE | {digest: FULL["image_identity"][digest]})) == "public"


def test_a_redacted_copy_and_a_reference_may_be_public() -> None:
    assert granted("public", fit(redaction_status="redacted")) == "public"
    assert granted("public", fit(mlcube_task="run_reference", verdicts=[])) == "public"


def test_who_only_looks_at_runs_has_none() -> None:
    for task, status in (("verify", "public"), ("review", "public"), ("record", "internal")):
        assert granted("public", fit(mlcube_task=task, run_durations_ns={})) == status


@pytest.mark.parametrize("wanted", ["diagnostic", "internal"])
def test_less_is_free(wanted: str) -> None:
    assert granted(wanted, fit()) == wanted
    assert granted(wanted, ISSUE_367) == wanted


@pytest.mark.parametrize(
    ("wanted", "parents", "status"),
    [
        ("public", ["public", "public"], "public"), ("public", ["internal"], "internal"),
        ("public", ["public", "diagnostic"], "diagnostic"), ("diagnostic", ["public"], "diagnostic"),
    ],
)  # fmt: skip
def test_no_more_than_the_parents(wanted: str, parents: list[str], status: str) -> None:
    assert granted(wanted, fit(), parents) == status
