"""Whoever edits one value of a chained set of sidecars, and makes every digest right again, is found.

All but the last sidecar are named by the next: there no edit passes at all. In the last, the members that nothing holds
a forger to are declared, in `manifest.fields`, and from there in the docs.
"""

from __future__ import annotations

import copy
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditcube.evidence.store import Store
from auditcube.judging import judge
from auditcube.manifest.canonical import same
from auditcube.manifest.fields import FIELDS, NOT_COVERED, covered
from auditcube.manifest.schema import document
from auditcube.manifest.statement import Judgement
from auditcube.manifest.validator import validate
from auditcube.verification import check
from bundles import Bundle, dumps
from e2e.commands import called, job, sure_to_pass
from edits import Edit, edits

_REMADE = ("/manifest_digest", "/directory_digest")  # what makes the digests right again
_EACH = 60  # edits that are tried of a sidecar in the middle of a chain, and of the last
CHAIN = ("run_reference", "run_audit", "verify", "review")


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """reference -> audit -> verify -> review, and an `audit` by itself."""
    folder = tmp_path_factory.mktemp("chained")
    tree = folder / "tree"
    with sure_to_pass() as server:
        given = ("--config", job(folder, server.url, {"load": {"warmup_queries": 3}}))
        assert called("run_reference", *given, "--output_dir", tree / "run_reference").code == 0
        pair = ("--reference_dir", tree / "run_reference")
        assert called("run_audit", *given, *pair, "--output_dir", tree / "run_audit").code == 0
        assert called("audit", *given, "--output_dir", folder / "alone" / "audit").code == 0
    assert called("verify", *pair, "--audit_dir", tree / "run_audit", "--output_dir", tree / "verify").code == 0
    judge(tree, Judgement("accepted"), folder / "review", False, {})
    shutil.move(folder / "review", tree / "review")
    return folder


def until(series: Path, to: Path, last: str) -> Path:
    """The chain as it is after one of its tasks."""
    if last == "audit":
        return Path(shutil.copytree(series / "alone", to))
    for task in CHAIN[: CHAIN.index(last) + 1]:
        shutil.copytree(series / "tree" / task, to / task)
    return to


def found(tree: Path, task: str) -> bool:
    """Whether a reviewer finds something: `manifest validate` of the tree, then `verify` of what was edited."""
    if validate([tree]).findings:
        return True
    reference = check(Store(tree / "run_reference")) if task == "run_audit" else None
    return bool(check(Store(tree / task), reference).findings)


def changes(manifest: dict[str, Any]) -> list[Edit]:
    """All edits that say something else, in an order that chance made once and for all."""
    every = [
        edit
        for edit in edits(manifest)
        if not same(edit.value, manifest) and not edit.pointer.startswith(_REMADE) and isinstance(edit.value, dict)
    ]
    random.Random(7).shuffle(every)
    return every


def forge(bundle: Bundle, value: dict[str, Any]) -> None:
    """The sidecar with this value, every digest made right, as far as it still has one."""
    try:
        bundle.write(copy.deepcopy(value))
    except (LookupError, TypeError, AttributeError):
        bundle.put(dumps(value))


def missed(tree: Path, task: str, some: int) -> Iterator[Edit]:
    bundle = Bundle(tree / task)
    original = bundle.sidecar.read_bytes()
    for edit in changes(bundle.manifest)[:some]:
        forge(bundle, edit.value)
        if not found(tree, task):
            yield edit
    bundle.put(original)


@pytest.mark.parametrize("last", ["audit", *CHAIN])
def test_an_edit_of_the_last_sidecar_is_found_unless_declared(series: Path, tmp_path: Path, last: str) -> None:
    tree = until(series, tmp_path / "tree", last)
    assert validate([tree]).findings == []
    surprises = [edit for edit in missed(tree, last, _EACH) if covered(last, edit.pointer)]
    assert [(edit.pointer, edit.how) for edit in surprises] == []


@pytest.mark.parametrize("task", CHAIN[:-1])
def test_an_edit_of_any_other_sidecar_is_always_found(series: Path, tmp_path: Path, task: str) -> None:
    tree = until(series, tmp_path / "tree", "review")
    assert [(edit.pointer, edit.how) for edit in missed(tree, task, _EACH)] == []


@pytest.mark.parametrize("task", CHAIN[:-1])
def test_the_file_and_the_field_are_named(series: Path, tmp_path: Path, task: str) -> None:
    tree = until(series, tmp_path / "tree", "review")
    bundle = Bundle(tree / task)
    bundle.claim(lambda m: m["environment"].update(python="3.99"))
    findings = validate([tree]).findings
    follower = tree / CHAIN[CHAIN.index(task) + 1] / bundle.sidecar.name
    assert any(finding.path == str(follower) and finding.pointer.startswith("/parents/") for finding in findings)
    assert all(str(bundle.sidecar) in finding.message for finding in findings)
    assert all(finding.fix for finding in findings)


@pytest.mark.parametrize("task", ["audit", *CHAIN])
def test_without_a_new_digest_no_edit_passes(series: Path, tmp_path: Path, task: str) -> None:
    tree = until(series, tmp_path / "tree", task)
    bundle = Bundle(tree / task)
    for edit in changes(bundle.manifest)[:40]:
        bundle.sidecar.write_bytes(dumps(edit.value))
        assert validate([tree]).findings, edit


def test_every_member_has_its_line_in_the_docs() -> None:
    assert {field.pointer for field in FIELDS} == {f"/{name}" for name in document()["properties"]}


def test_what_is_declared_open_is_a_member() -> None:
    for pointer in {pointer for each in NOT_COVERED.values() for pointer in each}:
        node = document()
        for part in pointer.split("/")[1:]:
            while "$ref" in node:
                node = document()["$defs"][node["$ref"].rpartition("/")[2]]
            node = node["items"] if part == "*" else node["properties"][part]
