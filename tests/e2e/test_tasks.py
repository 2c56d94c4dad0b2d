"""The same job as three tasks that meet only in files, and every reference that `run_audit` must refuse."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import (
    Server,
    audit,
    audit_here,
    auditcube,
    called,
    contents,
    job,
    prompts,
    sidecar,
    summary,
    verdict,
    write_rows,
)


@pytest.fixture(scope="module")
def reference(honest: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a job, and what `run_reference` made of it in `reference/`."""
    folder = tmp_path_factory.mktemp("tasks")
    done = audit(job(folder, honest.url), folder / "reference", task="run_reference")
    assert done.code == 0, done.err
    assert "Measured, not audited." in done.out
    return folder


@pytest.fixture(scope="module")
def pair(reference: Path) -> Path:
    """The same folder, with the audit runs for that reference in `audit/`."""
    done = auditcube(
        "run_audit", "--reference-dir", reference / "reference", "--output-dir", reference / "audit",
        "--config", reference / "job.yaml", "--mlcube-config", reference / "job.yaml", "--json",
    )  # fmt: skip
    assert (done.code, done.json["exit_code"]) == (0, 0), done.err
    return reference


def test_the_three_tasks_come_to_the_verdict_of_audit(pair: Path, audited: Path) -> None:
    assert not (pair / "audit/runs/reference").exists()
    assert not (pair / "reference/runs/test04").exists()
    assert sidecar(pair / "reference")["verdicts"] == []
    parent = sidecar(pair / "audit")["parents"][0]
    assert (parent["task"], parent["run_id"]) == ("run_reference", sidecar(pair / "reference")["run_id"])
    ours, theirs = verdict(pair / "audit"), verdict(audited)
    assert [ours[key] for key in ("test", "outcome", "code")] == [theirs[key] for key in ("test", "outcome", "code")]
    assert ours["numbers"]["reference_per_s"] == summary(pair / "reference", "reference")["throughput_per_s"]
    assert ours["numbers"].keys() == theirs["numbers"].keys()


@pytest.mark.parametrize("order", [("--reference_dir", "--audit_dir"), ("--audit-dir", "--reference-dir")])
def test_a_pair_verifies_in_either_order_of_options(pair: Path, tmp_path: Path, order: tuple[str, str]) -> None:
    folder = {"reference": pair / "reference", "audit": pair / "audit"}
    given = [part for option in order for part in (option, folder[option.strip("-")[:-4]])]
    done = auditcube("verify", *given, "--output_dir", tmp_path / "out", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["verdicts"] == [verdict(pair / "audit")]
    assert [entry["task"] for entry in sidecar(tmp_path / "out")["parents"]] == ["run_reference", "run_audit"]
    assert called("manifest", "validate", tmp_path / "out").code == 0
    assert called("verify", tmp_path / "out").code == 0


def test_an_audit_without_its_reference_is_no_evidence(pair: Path, audited: Path) -> None:
    alone = called("verify", pair / "audit")
    assert alone.code == 5
    assert "--reference_dir" in alone.out
    wrong = auditcube("verify", "--reference_dir", audited, "--audit_dir", pair / "audit")
    assert wrong.code == 5
    assert "parent_digest" in wrong.out
    assert "REJECTED" in wrong.out


def test_a_whole_audit_does_not_borrow_a_reference(pair: Path, audited: Path) -> None:
    done = called("verify", "--reference_dir", pair / "reference", "--audit_dir", audited)
    assert done.code == 5


def test_a_report_of_a_pair_needs_both(pair: Path, tmp_path: Path) -> None:
    assert called("report", pair / "audit").code == 5
    page = tmp_path / "page.html"
    done = called("report", pair / "audit", "--reference_dir", pair / "reference", "--output", page)
    assert (done.code, done.out.strip()) == (0, str(page))
    assert page.read_text().lower().startswith("<!doctype html>")


def refused(pair: Path, tmp_path: Path, honest: Server, config: Path, code: int, *named: str, **options: Any) -> None:
    """`run_audit` for this reference ends in `code`, says why, sends nothing and writes nothing."""
    honest.reset()
    done = called(
        "run_audit", "--config", config, "--reference_dir", options.get("source", pair / "reference"),
        "--output_dir", tmp_path / "out", *options.get("more", ()),
    )  # fmt: skip
    assert (done.code, done.out) == (code, ""), done.err
    for text in named:
        assert text in done.err, done.err
    assert honest.stats()["requests"] == 0
    assert not (tmp_path / "out").exists() or contents(tmp_path / "out") == {}


CONFIGS: dict[str, tuple[Mapping[str, Any], str]] = {
    "another URL": ({"endpoint": {"url": "http://127.0.0.1:9"}}, "endpoint.url"),
    "another parameter": ({"endpoint": {"parameters": {"seed": 7}}}, "endpoint.parameters.seed"),
    "another seed": ({"load": {"seeds": {"order": 1}}}, "load.seeds.order"),
    "another threshold": ({"audits": [{"test": "test04", "samples": 24, "threshold": 0.4}]}, "audits"),
    "fewer rows": ({"dataset": {"samples": 40}}, "dataset.samples"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_run_audit_refuses_the_reference_of_another_config(
    pair: Path, honest: Server, tmp_path: Path, case: str
) -> None:
    changes, named = CONFIGS[case]
    refused(pair, tmp_path, honest, job(tmp_path, honest.url, changes), 2, named, "make it anew")


def test_run_audit_refuses_another_data_set(pair: Path, honest: Server, tmp_path: Path) -> None:
    rows = [*prompts()[:-1], {"prompt": "another river"}]
    more = ["--dataset", write_rows(tmp_path / "other.jsonl", rows)]
    refused(pair, tmp_path, honest, pair / "job.yaml", 2, "the data set", more=more)


def test_run_audit_refuses_a_reference_that_was_touched(pair: Path, honest: Server, tmp_path: Path) -> None:
    touched = shutil.copytree(pair / "reference", tmp_path / "touched")
    path = touched / "runs/reference/events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"ok"', b'"OK"', 1))
    refused(pair, tmp_path, honest, pair / "job.yaml", 5, "artifact_digest", str(path), source=touched)


def test_run_audit_refuses_what_is_no_reference(pair: Path, honest: Server, tmp_path: Path) -> None:
    config = pair / "job.yaml"
    refused(pair, tmp_path, honest, config, 2, "no such directory", source=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    refused(pair, tmp_path, honest, config, 5, "sidecar_missing", source=tmp_path / "empty")
    refused(pair, tmp_path, honest, config, 5, "parent_missing", source=pair / "audit")


def test_run_audit_refuses_a_reference_that_broke(tmp_path: Path) -> None:
    with Server("--nuisance", "errors=1") as server:
        config = job(tmp_path, server.url)
        assert audit_here(config, tmp_path / "reference", task="run_reference").code == 4
        refused(tmp_path, tmp_path, server, config, 4, "broke off")


def test_a_task_never_writes_over_what_it_reads(pair: Path, honest: Server) -> None:
    before = contents(pair)
    config, source = pair / "job.yaml", pair / "reference"
    for output in (source, source / "runs" / "new", pair):
        done = called("run_audit", "--config", config, "--reference_dir", source, "--output_dir", output, "--overwrite")
        assert done.code == 2, done.err
        done = called("verify", source, "--output_dir", output, "--overwrite")
        assert done.code == 2, done.err
    assert contents(pair) == before
