"""What follows from a record: the state of the task, member by member of the sidecar, and the files copied."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from auditcube.manifest import build, digest, recorded, schema
from edits import edits
from manifest.examples import FULL, HASH

OTHER = "b" * 64
FILE = {"state": "file", "size": 3, "digest": {"sha256": HASH}}
FOLDER = {
    "state": "directory",
    "files": 1,
    "size": 3,
    "directory_digest": {"dirHash1": digest.of_directory({"a": HASH})},
}
ABSENT = {"state": "absent"}
RECORD: dict[str, Any] = {
    "run_id": FULL["run_id"],
    "tasks": ["download", "train"],
    "mlcube": {"name": "cube", "version": None, "yaml_sha256": HASH, "yaml_sha256_after": HASH},
    "runner": "docker",
    "image": "cube:1",
    "image_identity": {
        "reference": "cube:1", "platform": "linux/amd64", "resolved_by": "host", "marks": [], "contradictions": [],
    },
    "ended": {"exit_code": 0, "signal": None, "killed": False},
    "inputs": [
        {"task": "download", "parameter": "list", "origin": "given", "before": FILE, "after": FILE},
        {"task": "train", "parameter": "data", "origin": "task", "before": ABSENT, "after": FOLDER},
        {"task": "train", "parameter": "config", "origin": "workspace", "before": FILE, "after": FILE},
    ],
    "outputs": [
        {"task": "download", "parameter": "data", **FOLDER, "written": 1, "copy": "recorded/download/data"},
        {"task": "train", "parameter": "log", **FILE, "written": 1, "copy": "recorded/train/log.txt"},
    ],
    "ignored": [],
}  # fmt: skip
ARTIFACTS = [
    build.artifact("config.yaml", 3, HASH, None),
    build.artifact("recorded/download/data/a", 3, HASH, None),
    build.artifact("recorded/train/log.txt", 3, HASH, None),
    build.artifact("record.json", 3, HASH, None),
]


def changed(pointer: str, value: Any) -> dict[str, Any]:
    """The record with another value in one place."""
    told = copy.deepcopy(RECORD)
    at: Any = told
    *parts, last = pointer.split("/")
    for part in parts:
        at = at[int(part) if isinstance(at, list) else part]
    at[int(last) if isinstance(at, list) else last] = value
    return told


def absent(entry: dict[str, Any]) -> dict[str, Any]:
    return {"task": entry["task"], "parameter": entry["parameter"], **ABSENT, "written": 0, "copy": None}


STATES: list[tuple[dict[str, Any], str, str]] = [
    (RECORD, "completed", "every task has an output that was written"),
    (changed("ended/exit_code", 1), "failed", "mlcube ended with 1"),
    (changed("ended/signal", 15), "failed", "interrupted by signal 15"),
    (changed("outputs/1", absent(RECORD["outputs"][1])), "failed", "there is no output log of train"),
    (changed("outputs/1/written", 0), "unknown", "that train ran"),
    (changed("outputs", RECORD["outputs"][:1]), "unknown", "that train ran"),
    (changed("outputs", []), "unknown", "that download, train ran"),
]


@pytest.mark.parametrize(("record", "state", "why"), STATES, ids=[why for _, _, why in STATES])
def test_exit_code_0_alone_is_no_success(record: dict[str, Any], state: str, why: str) -> None:
    told, reason = recorded.state(record)
    assert told == state
    assert why in reason
    assert recorded.members(record, HASH, [])["task_status"]["state"] == state


def test_one_of_several_outputs_is_enough() -> None:
    more = {**RECORD["outputs"][1], "parameter": "other", "written": 0}
    record = changed("outputs", [*RECORD["outputs"], more])
    assert recorded.state(record)[0] == "completed"
    assert "The output other of train was there before" in " ".join(recorded.members(record, HASH, [])["non_claims"])


def whole(record: dict[str, Any]) -> dict[str, Any]:
    told = recorded.members(record, OTHER, ["Nothing is claimed."])
    return build.manifest(
        task=told["mlcube_task"],
        run_id=told["run_id"],
        identity=build.Identity(told["runner"], told["image"], told["mlcube_config_hash"], told["image_identity"]),
        timing=build.Timing(FULL["started_on"], FULL["finished_on"], 5),
        dataset_refs=told["dataset_refs"],
        artifacts=ARTIFACTS,
        parents=told["parents"],
        derived=told,
        provenance=FULL["provenance"],
        environment=FULL["environment"],
    )


@pytest.mark.parametrize("record", [record for record, _, _ in STATES])
def test_the_sidecar_follows_the_schema(record: dict[str, Any]) -> None:
    manifest = whole(record)
    assert schema.problems(manifest) == []
    assert manifest["mlcube_task"] == "record download,train"
    assert manifest["claim_status"] == "diagnostic"
    assert manifest["config_hashes"] == {"mlcube_yaml": HASH, "effective_config": OTHER}


def test_inputs_by_parameter() -> None:
    told = {ref["source_id"]: ref for ref in recorded.members(RECORD, HASH, [])["dataset_refs"]}
    shared = {"kind": "input", "redaction_status": "not_scanned", "size": 3}
    assert told == {
        "download.list": {
            "source_id": "download.list", **shared, "digest": {"sha256": HASH}, "format": "file",
            "provenance": "the input list of download; the same before and after the run",
        },
        "train.data": {
            "source_id": "train.data", **shared, "directory_digest": FOLDER["directory_digest"], "format": "directory",
            "provenance": "the input data of train; "
            "a task of the same call may have written it: as it was after the run",
        },
        "train.config": {
            "source_id": "train.config", **shared, "digest": {"sha256": HASH}, "format": "file",
            "provenance": "the input config of train; MLCube copies it from its own workspace; "
            "the same before and after the run",
        },
    }  # fmt: skip


ODD = {"state": "directory", "problem": "holds links or special files"}
SAID = [
    (
        changed("inputs/0/after", {**FILE, "size": 4}),
        "input list of download was not the same",
    ),
    (changed("inputs/0/after", ABSENT), "input list of download was not the same"),
    (changed("ended/killed", True), "had to be killed"),
    (changed("ended/exit_code", 2), "not known to have succeeded: mlcube ended with 2"),
    (changed("mlcube/yaml_sha256_after", None), "mlcube.yaml was changed during the run"),
    (changed("image_identity/contradictions", ["it is another"]), "Of the image: it is another."),
    (changed("ignored", ["nane"]), "On the command line stood nane"),
    (changed("outputs/1/copy", None), "output log of train lies elsewhere"),
    (changed("outputs/0", {**absent(RECORD["outputs"][0]), **ODD}), "output data of download has no digest: it holds"),
]


@pytest.mark.parametrize(("record", "text"), SAID, ids=[text for _, text in SAID])
def test_what_a_record_does_not_show_is_said(record: dict[str, Any], text: str) -> None:
    assert text in " ".join(recorded.members(record, HASH, [])["non_claims"])
    assert text not in " ".join(recorded.members(RECORD, HASH, [])["non_claims"])
    assert schema.problems(whole(record)) == []


@pytest.mark.parametrize(
    ("before", "text"),
    [(ABSENT, "it was not there before the run"), (ODD, "no digest: it holds links or special files")],
)
def test_an_input_without_a_digest(before: dict[str, Any], text: str) -> None:
    ref = recorded.members(changed("inputs/0/before", before), HASH, [])["dataset_refs"][0]
    assert text in ref["provenance"]
    assert not {"digest", "directory_digest", "size"} & ref.keys()


def test_copies_are_what_the_record_says() -> None:
    copied = {"recorded/download/data/a", "recorded/train/log.txt"}
    assert recorded.copies(RECORD, ARTIFACTS) == (copied, [])
    for number, place in [(1, "recorded/download/data"), (2, "recorded/train/log.txt")]:
        other = copy.deepcopy(ARTIFACTS)
        other[number]["digest"] = {"sha256": OTHER}
        assert [path for path, _ in recorded.copies(RECORD, other)[1]] == [place]
        del other[number]
        assert [path for path, _ in recorded.copies(RECORD, other)[1]] == [place]
    assert recorded.copies(changed("outputs/1/copy", None), ARTIFACTS) == ({"recorded/download/data/a"}, [])


@pytest.mark.parametrize("place", ["config.yaml", "runs/x.weird", "", 7, ["recorded/x"], {}, False])
def test_a_copy_lies_where_copies_do(place: Any) -> None:
    with pytest.raises(LookupError):
        recorded.copies(changed("outputs/1/copy", place), ARTIFACTS)


def test_what_is_no_record_is_refused_and_nothing_else_happens() -> None:
    """Every small edit of a record is another record, or one of three errors."""
    refused = 0
    for edit in edits(RECORD):
        try:
            json.dumps([recorded.members(edit.value, HASH, []), recorded.state(edit.value)])
            recorded.copies(edit.value, ARTIFACTS)
        except (LookupError, TypeError, AttributeError):
            refused += 1
    assert refused > 50


def test_a_folder_without_files_is_no_result() -> None:
    empty = {"state": "directory", "files": 0, "size": 0, "directory_digest": {"dirHash1": digest.of_directory({})}}
    record = changed("outputs/0", {**RECORD["outputs"][0], **empty})
    assert recorded.members(record, HASH, [])["result_paths"] == ["record.json", "recorded/train/log.txt"]
    assert recorded.copies(record, [ARTIFACTS[0], *ARTIFACTS[2:]])[1] == []
