"""What must hold between a sidecar and the one it started from: every rule, at its boundary, with its member named."""

from __future__ import annotations

import copy
import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from auditcube.manifest import chain
from auditcube.manifest.chain import Family, Node, Violation
from manifest.examples import FULL

REFERENCE_RUN, AUDIT_RUN = "01931e2c-7b1a-7def-8123-0000000000aa", "01931e2c-7b1a-7def-8123-0000000000bb"
Record = dict[str, Any]


def at(seconds: float) -> str:
    moment = datetime(2026, 11, 22, 5, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def data_of(manifest: Record) -> bytes:
    return json.dumps(manifest).encode()


def node(manifest: Record, where: str) -> Node:
    return Node.of(where, manifest, data_of(manifest))


def reference(**changes: Any) -> Record:
    made = copy.deepcopy(FULL) | {"mlcube_task": "run_reference", "run_id": REFERENCE_RUN, "parents": []}
    made |= {"started_on": at(0), "finished_on": at(60)}
    del made["redaction"]
    return made | changes


def child(task: str, *parents: Record, **changes: Any) -> Record:
    links = [
        {
            "task": parent["mlcube_task"],
            "run_id": parent["run_id"],
            "manifest_sha256": hashlib.sha256(data_of(parent)).hexdigest(),
        }
        for parent in parents
    ]
    times = {"started_on": at(70), "finished_on": at(100)}
    return reference(mlcube_task=task, run_id=AUDIT_RUN, parents=links) | times | changes


def found(one: Record, *others: Record) -> list[Violation]:
    family = Family([node(one, "child"), *(node(other, f"parent {n}") for n, other in enumerate(others))])
    return list(family.violations(family.nodes[0]))


def places(violations: list[Violation]) -> list[tuple[str, str]]:
    return [(code, pointer) for code, pointer, _ in violations]


@pytest.mark.parametrize("task", ["run_audit", "verify", "review"])
def test_an_untouched_link_holds(task: str) -> None:
    assert found(child(task, reference()), reference()) == []


def test_whoever_has_no_parents_needs_none() -> None:
    assert found(reference()) == []
    assert found(reference(mlcube_task="mlperf TEST04")) == []


def test_any_edit_of_a_parent_is_seen_by_its_child() -> None:
    one = child("run_audit", reference())
    for name in reference().keys() - {"parents"}:
        violations = found(one, reference(**{name: "edited"}))
        code = "parent_missing" if name == "run_id" else "parent_digest"
        assert [violation.code for violation in violations] == [code]
        assert violations[0].pointer.startswith("/parents/0")


def test_a_parent_is_named_by_more_than_its_digest() -> None:
    one = child("run_audit", reference())
    one["parents"][0]["task"] = "audit"
    assert places(found(one, reference())) == [("parent_digest", "/parents/0/task")]
    one = child("run_audit", reference())
    one["parents"][0]["run_id"] = AUDIT_RUN
    assert places(found(one, reference())) == [("parent_digest", "/parents/0/run_id")]


DIFFERENCES: list[tuple[str, str, Record]] = [
    ("chain_config", "/config_hashes/effective_config", {"config_hashes": {"effective_config": "0" * 64}}),
    ("chain_config", "/benchmark", {"benchmark": "another"}),
    ("chain_dataset", "/dataset_refs", {"dataset_refs": []}),
    ("chain_endpoint", "/endpoint_identity", {"endpoint_identity": None}),
    ("chain_image", "/runner", {"runner": "podman"}),
    ("chain_image", "/image", {"image": "another"}),
    ("chain_image", "/mlcube_config_hash", {"mlcube_config_hash": "sha256:" + "0" * 64}),
    ("chain_image", "/image_identity/config_digest", {"image_identity": FULL["image_identity"] | {"config_digest": 0}}),
    *(
        ("chain_image", f"/image_identity/{name}", {"image_identity": FULL["image_identity"] | {name: 0}})
        for name in ("manifest_digest", "index_digest")
    ),
    ("chain_image", "/image_identity/repo_digests", {"image_identity": FULL["image_identity"] | {"repo_digests": []}}),
    ("chain_image", "/image_identity/sif_sha256", {"image_identity": FULL["image_identity"] | {"sif_sha256": "0"}}),
    (
        "chain_image",
        "/image_identity/squashfs_sha256",
        {"image_identity": {k: v for k, v in FULL["image_identity"].items() if k != "squashfs_sha256"}},
    ),
]


@pytest.mark.parametrize(("code", "pointer", "changes"), DIFFERENCES, ids=[case[1] for case in DIFFERENCES])
def test_what_differs_is_named(code: str, pointer: str, changes: Record) -> None:
    violations = found(child("run_audit", reference(), **changes), reference())
    assert places(violations) == [(code, pointer)]
    assert "parent 0" in violations[0].message


@pytest.mark.parametrize(("code", "pointer", "changes"), DIFFERENCES, ids=[case[1] for case in DIFFERENCES])
def test_who_verifies_may_do_so_elsewhere(code: str, pointer: str, changes: Record) -> None:
    expected = [] if code == "chain_image" else [(code, pointer)]
    assert places(found(child("verify", reference(), **changes), reference())) == expected
    assert found(child("review", reference(), **changes), reference()) == []


def test_every_member_that_must_be_the_same_has_a_case() -> None:
    wanted = {pointer for rules in chain.SAME.values() for _, pointers in rules for pointer in pointers}
    assert wanted == {pointer for _, pointer, _ in DIFFERENCES}


def test_a_status_of_redaction_is_no_difference() -> None:
    ref = FULL["dataset_refs"][0] | {"redaction_status": "redacted"}
    assert found(child("run_audit", reference(), dataset_refs=[ref]), reference()) == []


def test_an_mlcube_yaml_that_one_of_them_was_not_told_of_is_no_difference() -> None:
    plain = reference(mlcube_config_hash="none")
    assert found(child("run_audit", plain, mlcube_config_hash="sha256:" + "0" * 64), plain) == []


@pytest.mark.parametrize("change", [{"config_hashes": {"effective_config": True}}, {"benchmark": 1}])
def test_what_python_takes_for_equal_is_not(change: Record) -> None:
    other = {name: {"effective_config": 1} if name == "config_hashes" else True for name in change}
    parent = reference(**other)
    assert found(child("run_audit", parent, **change), parent) != []


@pytest.mark.parametrize(
    ("task", "started", "places_of"),
    [
        ("run_audit", 55.0, []),
        ("run_audit", 54.9, [("time_order", "/started_on")]),
        ("run_audit", 60 + 86400.0, []),
        ("run_audit", 60 + 86401.0, [("time_gap", "/started_on")]),
        ("verify", 60 - 300.0, []),
        ("verify", 60 - 300.1, [("time_order", "/started_on")]),
        ("review", 60 + 10 * 86400.0, []),
    ],
)
def test_the_order_in_time_and_the_gap(task: str, started: float, places_of: list[tuple[str, str]]) -> None:
    assert places(found(child(task, reference(), started_on=at(started)), reference())) == places_of


@pytest.mark.parametrize("text", ["", "noon", "2026-13-22T05:00:00.000000Z"])
def test_a_time_that_is_none_is_out_of_order(text: Any) -> None:
    violations = found(child("run_audit", reference(), started_on=text), reference())
    assert places(violations) == [("time_order", "/started_on")]


@pytest.mark.parametrize(
    ("mine", "theirs", "allowed"),
    [("diagnostic", "diagnostic", True), ("internal", "public", True), ("internal", "diagnostic", False),
     ("public", "internal", False), ("public", "public", True)],
)  # fmt: skip
def test_nobody_claims_more_than_what_it_started_from(mine: str, theirs: str, allowed: bool) -> None:
    parent = reference(claim_status=theirs)
    violations = found(child("review", parent, claim_status=mine), parent)
    assert places(violations) == ([] if allowed else [("claim", "/claim_status")])


@pytest.mark.parametrize(
    ("manifest", "place"),
    [
        (child("run_audit"), ("parent_missing", "/parents")),
        (child("run_audit", reference(), reference()), ("parent_missing", "/parents")),
        (child("verify"), ("parent_missing", "/parents")),
        (child("review"), ("parent_missing", "/parents")),
        (child("audit", reference()), ("parent_digest", "/parents")),
        (child("run_reference", reference()), ("parent_digest", "/parents")),
    ],
)
def test_a_list_of_parents_that_no_task_writes(manifest: Record, place: tuple[str, str]) -> None:
    assert place in places(found(manifest, reference()))


def test_a_parent_that_is_not_here_is_told() -> None:
    assert places(found(child("run_audit", reference()))) == [("parent_missing", "/parents/0")]


def copied(original: Record, **more: Any) -> Record:
    digest = hashlib.sha256(data_of(original)).hexdigest()
    return original | {"redaction": {"original": {"manifest_sha256": digest}, **more}}


def test_a_copy_answers_to_its_originals_name() -> None:
    assert found(child("run_audit", reference()), copied(reference())) == []


def test_what_is_withheld_cannot_be_compared() -> None:
    kept = [{"path": "", "pointer": "/benchmark"}, {"path": "config.yaml", "pointer": "/image"}]
    copy_of = copied(reference(), withheld=kept) | {"benchmark": "[withheld:email]"}
    assert found(child("run_audit", reference()), copy_of) == []
    assert places(found(child("run_audit", reference(), image="x"), copy_of)) == [("chain_image", "/image")]


def test_heads_are_what_nothing_started_from() -> None:
    one = child("run_audit", reference())
    last = child("verify", one, run_id=AUDIT_RUN[:-1] + "c")
    family = Family(
        [node(each, each["mlcube_task"]) for each in (reference(), one, last, reference(run_id=UUID_ALONE))]
    )
    assert [(each.where, each.members["run_id"]) for each in family.heads()] == [
        ("verify", last["run_id"]),
        ("run_reference", UUID_ALONE),
    ]


UUID_ALONE = AUDIT_RUN[:-1] + "d"


@pytest.mark.parametrize(
    ("finished", "duration_s", "holds"),
    [(60, 60, True), (60, 55, True), (60, 54.9, False), (60, 65.1, False), (-10, 0, False), (0, 0, True)],
)
def test_the_times_of_one_sidecar(finished: float, duration_s: float, holds: bool) -> None:
    times = {"started_on": at(0), "finished_on": at(finished), "monotonic_duration_ns": int(duration_s * 1e9)}
    assert (list(chain.own_times(times)) == []) is holds
    assert list(chain.own_times({"started_on": at(0)})) == []
