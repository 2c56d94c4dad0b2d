"""The members of a sidecar: roles and media types of files, and a whole that the schema accepts."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from auditcube.manifest import build, codec, rules, schema
from manifest.examples import FULL, HASH

FILES = [
    ("config.yaml", "config", "application/yaml"),
    ("report.html", "report", "text/html"),
    ("verification.json", "verification", "application/json"),
    ("review.json", "review", "application/json"),
    ("runs/reference/schedule.json", "schedule", "application/json"),
    ("runs/reference/summary.json", "summary", "application/json"),
    ("runs/reference/events.jsonl", "events", "application/jsonl"),
    ("runs/test04/events.17.jsonl", "events", "application/jsonl"),
    ("runs/test04/outputs.jsonl", "outputs", "application/jsonl"),
    ("runs/test04/outputs.2.jsonl", "outputs", "application/jsonl"),
    ("runs/test07/media/17.mp4", "media", "video/mp4"),
    ("expected.jsonl", "expected", "application/jsonl"),
    ("runs/test04/chunks.jsonl", "chunks", "application/jsonl"),
    ("audit/audit_test04.json", "audit", "application/json"),
    ("audit/verify_TEST04.txt", "audit", "text/plain"),
    ("verify_accuracy.txt", "audit", "text/plain"),
    ("audit_test01.json", "audit", "application/json"),
    ("record.json", "record", "application/json"),
    ("recorded/hello/chat.txt", "output", "text/plain"),
    ("recorded/train/model/summary.json", "output", "application/json"),
    ("recorded/train/model/weights.safetensors", "output", "application/octet-stream"),
    ("recorded/train/model/README", "output", "application/octet-stream"),
    ("performance/run_1/mlperf_log_detail.txt", "loadgen_log", "text/plain"),
]


@pytest.mark.parametrize(("path", "role", "media_type"), FILES)
def test_every_file_of_ours_has_its_role(path: str, role: str, media_type: str) -> None:
    entry = build.artifact(path, 7, HASH, None)
    assert entry == {"role": role, "path": path, "size": 7, "media_type": media_type, "digest": {"sha256": HASH}}
    assert schema.problems(FULL | {"artifacts": [entry]}) == []


def test_every_role_of_the_schema_is_one_of_a_file() -> None:
    roles = json.loads(schema.text())["$defs"]["artifact"]["properties"]["role"]["enum"]
    assert set(roles) == {role for _, role, _ in FILES}


def test_a_parent_is_known_by_the_digest_of_its_bytes() -> None:
    data = codec.encode(FULL)
    entry = build.parent(FULL, data)
    assert entry == {"task": "run", "run_id": FULL["run_id"], "manifest_sha256": hashlib.sha256(data).hexdigest()}
    assert schema.problems(FULL | {"parents": [entry]}) == []


def test_a_data_set_reference_has_what_was_measured() -> None:
    measured = {"digest": {"sha256": HASH}, "size": 10, "format": "jsonl", "rows": 3, "samples": 2}
    entry = build.dataset_ref("prompts", "hand-written", {}, measured)
    assert entry == {
        "source_id": "prompts",
        "kind": "dataset",
        "provenance": "hand-written",
        "redaction_status": "not_scanned",
        **measured,
    }
    assert schema.problems(FULL | {"dataset_refs": [entry]}) == []


def whole(**derived: Any) -> dict[str, Any]:
    return build.manifest(
        task="audit",
        run_id=FULL["run_id"],
        identity=build.Identity("docker", "image", f"sha256:{HASH}"),
        timing=build.Timing(FULL["started_on"], FULL["finished_on"], 5),
        dataset_refs=FULL["dataset_refs"],
        artifacts=[build.artifact(path, 7, HASH, None) for path, _, _ in FILES],
        parents=FULL["parents"],
        derived={
            "benchmark": "b",
            "result_paths": ["runs/reference/summary.json"],
            "claim_status": "internal",
            "redaction_status": "not_scanned",
            "task_status": {"state": "completed", "exit_code": 0},
            "non_claims": ["Nothing is claimed."],
            **derived,
        },
        provenance=FULL["provenance"],
        environment=FULL["environment"],
    )


@pytest.mark.parametrize(
    "derived",
    [{}, {name: FULL[name] for name in ("config_hashes", "seeds", "verdicts", "headline")}],
    ids=["least", "everything"],
)
def test_the_whole_is_valid_and_survives_its_own_reading(derived: dict[str, Any]) -> None:
    manifest = whole(**derived)
    data = codec.encode(manifest)
    assert rules.form(json.loads(data), data) == []
    assert manifest["schema_version"] == "mlcube.run_audit.v1"
    assert set(derived) <= set(manifest)


def test_what_has_no_value_is_left_out_rather_than_null() -> None:
    assert {"seeds", "verdicts", "headline", "config_hashes"}.isdisjoint(whole())
