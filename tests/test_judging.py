"""A reviewer's pass over a tree, and the judgement that is a statement of its own: it names, and touches nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import EvidenceRejected, InvalidInput
from auditcube.evidence.store import Store
from auditcube.judging import judge, page, review
from auditcube.manifest.statement import Judgement, problem
from auditcube.manifest.validator import validate
from auditcube.verification import check
from bundles import SIDECAR, Bundle
from e2e.commands import called, contents, job, sure_to_pass


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree as it is handed in: a reference, the audit that started from it, and its verification."""
    tree = tmp_path_factory.mktemp("series") / "tree"
    with sure_to_pass() as server:
        given = ("--config", job(tree.parent, server.url))
        assert called("run_reference", *given, "--output_dir", tree / "reference").code == 0
        pair = ("--reference_dir", tree / "reference")
        assert called("run_audit", *given, *pair, "--output_dir", tree / "audit").code == 0
    assert called("verify", *pair, "--audit_dir", tree / "audit", "--output_dir", tree / "verify").code == 0
    return tree


@pytest.fixture
def tree(series: Path, tmp_path: Path) -> Path:
    return Bundle.copied(series, tmp_path / "tree").root


def test_a_pass_recomputes_everything_and_changes_nothing(series: Path) -> None:
    before = contents(series)
    reviewed = review(series)
    assert (reviewed.findings, reviewed.exit_code) == ([], 0)
    assert [(result["path"], result["task"], result["exit_code"]) for result in reviewed.results] == [
        ("audit", "run_audit", 0), ("reference", "run_reference", 0), ("verify", "verify", 0),
    ]  # fmt: skip
    assert reviewed.results[0]["outcomes"] == {"test04": "PASS"}
    assert [Path(head.where).parent.name for head in reviewed.heads] == ["verify"]
    assert contents(series) == before


def test_a_judgement_is_a_statement_over_the_digest(series: Path, tmp_path: Path) -> None:
    judge(series, Judgement("accepted", "the audit committee", ("well done",)), tmp_path / "out", False, {})
    told = json.loads((tmp_path / "out" / "review.json").read_text())
    digest = hashlib.sha256((series / "verify" / SIDECAR).read_bytes()).hexdigest()
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["subject"] == [{"name": f"verify/{SIDECAR}", "digest": {"sha256": digest}}]
    assert told["predicate"]["judgement"] == "accepted"
    assert told["predicate"]["remarks"] == ["well done"]
    manifest = Bundle(tmp_path / "out").manifest
    assert [entry["manifest_sha256"] for entry in manifest["parents"]] == [digest]
    assert (manifest["mlcube_task"], manifest["redaction_status"]) == ("review", "safe_for_public_log")
    assert check(Store(tmp_path / "out")).findings == []
    assert validate([series, tmp_path / "out"]).findings == []
    assert str(series) not in (tmp_path / "out" / "review.json").read_text()


def test_a_later_judgement_names_the_earlier_one(series: Path, tree: Path, tmp_path: Path) -> None:
    judge(series, Judgement("undecided"), tree / "review", False, {})
    judge(tree, Judgement("accepted"), tmp_path / "second", False, {})
    (parent,) = Bundle(tmp_path / "second").manifest["parents"]
    assert parent["task"] == "review"


@pytest.mark.parametrize("folder", ["reference", "audit", "verify"])
def test_an_edit_after_the_judgement_is_found(tree: Path, tmp_path: Path, folder: str) -> None:
    judge(tree, Judgement("accepted"), tmp_path / "out", False, {})
    Bundle(tree / folder).claim(lambda m: m["environment"].update(python="3.99"))
    findings = validate([tree, tmp_path / "out"]).findings
    assert "parent_digest" in {finding.code for finding in findings}
    assert any(finding.pointer.startswith("/parents/") and folder in finding.message for finding in findings)


def spoilt(tree: Path) -> Path:
    (tree / "audit" / "report.html").write_text("all is well")
    return tree


def test_evidence_that_does_not_hold_cannot_be_accepted(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(EvidenceRejected, match=r"report\.html"):
        judge(spoilt(tree), Judgement("accepted"), tmp_path / "out", False, {})
    assert not (tmp_path / "out" / SIDECAR).exists()


def test_it_can_be_rejected_with_what_was_found(tree: Path, tmp_path: Path) -> None:
    reviewed = judge(spoilt(tree), Judgement("rejected"), tmp_path / "out", False, {})
    assert reviewed.exit_code == 5
    told = json.loads((tmp_path / "out" / "review.json").read_text())
    assert told["predicate"]["findings"][0]["path"] == "audit/report.html"
    assert check(Store(tmp_path / "out")).findings == []


def test_a_sidecar_that_cannot_be_read_is_found_and_has_no_name(tree: Path, tmp_path: Path) -> None:
    for folder in tree.iterdir():
        (folder / SIDECAR).write_bytes(b"{")
    assert {finding.code for finding in review(tree).findings} == {"sidecar_malformed"}
    with pytest.raises(InvalidInput, match="nothing to name"):
        judge(tree, Judgement("rejected"), tmp_path / "out", False, {})


def test_nothing_to_review_is_invalid_input(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InvalidInput):
            review(path)


def change(**members: Any) -> Any:
    return lambda told: told["predicate"].update(members)


@pytest.mark.parametrize(
    "edit",
    [
        change(judgement="fine"), change(findings=[{"code": "x"}]), lambda told: told.pop("_type"),
        lambda told: told.update(predicateType="urn:x"), lambda told: told["predicate"].pop("judgement"),
        lambda told: told["subject"].clear(), lambda told: told.update(subject=None),
        lambda told: told["subject"][0].update(digest={}), lambda told: told.update(extra=1),
    ],
)  # fmt: skip
def test_a_statement_that_was_edited_is_none(series: Path, tmp_path: Path, edit: Any) -> None:
    judge(series, Judgement("accepted"), tmp_path / "out", False, {})
    bundle = Bundle(tmp_path / "out")
    bundle.edit("review.json", edit)
    assert {finding.code for finding in check(Store(bundle.root)).findings} == {"derived"}
    assert problem([], []) is not None


def test_the_command(series: Path, tmp_path: Path) -> None:
    seen = called("review", series)
    assert seen.code == 0
    assert "3 results, 0 findings" in seen.out
    done = called(
        "review", series, "--judgement", "accepted", "--reviewer", "a committee", "--remark", "one",
        "--output_dir", tmp_path / "out", "--json",
    )  # fmt: skip
    assert (done.code, done.json["exit_code"], len(done.json["results"])) == (0, 0, 3)
    assert called("verify", tmp_path / "out").code == 0
    assert called("review", series, "--output_dir", series / "inside").code == 2


def test_a_page_tells_the_same_to_people(series: Path, tmp_path: Path) -> None:
    reviewed = review(series)
    page(series, reviewed, tmp_path / "review.html")
    told = (tmp_path / "review.html").read_text()
    assert "<title>PASS · review of tree</title>" in told
    assert "3 results recomputed, 0 findings." in told
    reasons = [verdict["reason"] for verdicts in reviewed.verdicts.values() for verdict in verdicts]
    assert len(reasons) == 1
    assert reasons[0][1:] in told
    assert all(result["manifest_sha256"] in told for result in reviewed.results)


def test_a_page_of_a_broken_tree_accuses_by_file_and_fix_and_runs_nothing(tree: Path, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    (tree / "audit" / "audit" / "audit_test04.json").write_text(hostile)
    (tree / "audit" / "<img src=x onerror=y>").write_text("x")
    page(tree, review(tree), tmp_path / "review.html")
    told = (tmp_path / "review.html").read_text()
    assert "<title>REJECTED · review of tree</title>" in told
    assert "artifact_digest" in told
    assert "take the file from the original output directory" in told
    assert "<script" not in told
    assert "<img" not in told
    assert str(tmp_path) not in told


def test_a_page_is_never_written_into_what_is_reviewed(series: Path, tmp_path: Path) -> None:
    for place in (series / "review.html", tmp_path / "out" / "review.html"):
        done = called("review", series, "--html", place, "--output_dir", tmp_path / "out")
        assert (done.code, "choose another place" in done.err) == (2, True)
        assert not (tmp_path / "out").exists()
    assert called("review", series, "--html", tmp_path / "review.html").code == 0
    assert (tmp_path / "review.html").read_text().startswith("<!doctype html>")
