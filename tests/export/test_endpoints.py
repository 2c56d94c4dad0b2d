"""A full submission of eight points with our sidecars: MLPerf's builder carries them, its checker accepts it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from auditcube.manifest.validator import validate
from e2e.commands import called, job, sure_to_pass
from export import submission

builder = pytest.importorskip("endpoints_submission_cli.submissions.builder")
checker = pytest.importorskip("submission_checker")


# Of the builder's own unpacking, from Python 3.12 on.
pytestmark = pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter extracted tar:DeprecationWarning")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("result")
    with sure_to_pass() as server:
        assert called("audit", "--config", job(folder, server.url), "--output_dir", folder / "out").code == 0
    return folder / "out"


def complaints(root: Path) -> list[str]:
    found = checker.SubmissionChecker(root).run().results
    assert len(found) > 100
    return [f"{each.rule}: {each.message}" for each in found if not each.passed]


def test_the_sidecars_arrive_and_the_checker_accepts_the_submission(result: Path, tmp_path: Path) -> None:
    archives = []
    for concurrency in submission.POINTS:
        folder = submission.run_folder(tmp_path / f"run{concurrency}", concurrency)
        done = called("export", result, "--layout", "mlperf-endpoints", "--output", folder)
        assert (done.code, done.out) == (0, f"{folder / 'server_configs/run_audit.json'}\n")
        archives.append((folder.name, submission.archive(folder)))
    root = builder.build_submission_folder(archives, "standardized", "available", tmp_path / "built")
    assert complaints(root) == []
    arrived = sorted(root.rglob("run_audit.json"))
    assert len(arrived) == len(submission.POINTS)
    sidecar = (result / "mlcube.run_audit.json").read_bytes()
    assert {path.read_bytes() for path in arrived} == {sidecar}
    assert validate(arrived).findings == []


def test_the_checker_would_have_complained(tmp_path: Path) -> None:
    """The submission is one that the checker looks into: without its Offline point it is refused."""
    archives = []
    for concurrency in submission.POINTS[:-1]:
        folder = submission.run_folder(tmp_path / f"run{concurrency}", concurrency)
        archives.append((folder.name, submission.archive(folder)))
    root = builder.build_submission_folder(archives, "standardized", "available", tmp_path / "built")
    assert any(text.startswith("offline-point-present") for text in complaints(root))


def test_what_is_in_the_way_stays(result: Path, tmp_path: Path) -> None:
    folder = submission.run_folder(tmp_path / "run", 1)
    arguments = ("export", result, "--layout", "mlperf-endpoints", "--output", folder)
    assert called(*arguments).code == 0
    done = called(*arguments)
    assert done.code == 3
    assert "--overwrite" in done.err
    assert called(*arguments, "--overwrite").code == 0
    assert called("export", result, "--layout", "mlperf-endpoints", "--output", tmp_path / "absent").code == 2
    assert called("export", result, "--layout", "mlperf-endpoints").code == 2


def test_a_scenario_of_inference_gets_its_record(result: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "results/demo/wan-2.2-t2v-a14b/Offline"
    done = called("export", result, "--layout", "mlperf-inference", "--output", scenario, "--json")
    assert done.code == 0
    names = {Path(path).relative_to(scenario).as_posix() for path in json.loads(done.out)["written"]}
    assert names == {
        "audit/audit_output_caching_test.json",
        "audit/run_audit.json",
        "audit/verify_OUTPUT_CACHING_TEST.txt",
        "config.yaml",
        "performance/result_summary.json",
    }
    told = json.loads((scenario / "performance/result_summary.json").read_text())
    assert (told["n_samples_issued"], told["n_samples_failed"]) == (24, 0)
    assert told["latency"]["early_stopping_percentiles"]["99"] is None, "24 queries do not show it"
    assert told["latency"]["min"] <= told["latency"]["early_stopping_percentiles"]["50"] <= told["latency"]["max"]
    record = json.loads((scenario / "audit/audit_output_caching_test.json").read_text())
    assert (record["test"], record["passed"]) == ("output_caching_test", True)
    assert record["ref_requested"] == record["audit_requested"] == 24
    assert validate([scenario / "audit/run_audit.json"]).findings == []


def test_a_crate_of_a_result_verifies(result: Path, tmp_path: Path) -> None:
    done = called("export", result, "--layout", "ro-crate", "--output", tmp_path / "crate")
    assert done.code == 0
    assert called("verify", tmp_path / "crate/result").code == 0
    assert called("export", result, "--layout", "ro-crate", "--output", tmp_path / "crate").code == 3
    assert called("export", result, "--layout", "ro-crate", "--output", result / "crate").code == 2


@pytest.mark.parametrize("form", ["minimal", "in-toto", "slsa"])
def test_a_document_goes_to_standard_output_or_to_a_file(result: Path, tmp_path: Path, form: str) -> None:
    printed = called("export", result, "--layout", form)
    assert printed.code == 0
    assert called("export", result, "--layout", form, "--output", tmp_path / "document.json").code == 0
    assert (tmp_path / "document.json").read_text("utf-8") == printed.out
    json.loads(printed.out)


def test_what_does_not_hold_is_not_exported(result: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(result, tmp_path / "copy"))
    (copy / "config.yaml").write_text("changed")
    done = called("export", copy, "--layout", "minimal")
    assert (done.code, done.out) == (5, "")
    shutil.copytree(result, tmp_path / "two/a")
    shutil.copytree(result, tmp_path / "two/b")
    assert called("export", tmp_path / "two", "--layout", "minimal").code == 2


def test_what_may_not_be_published_goes_into_no_folder_of_others(tmp_path: Path) -> None:
    with sure_to_pass() as server:
        config = job(tmp_path, server.url, {"benchmark": "of erika@lab.example"})
        assert called("audit", "--config", config, "--output_dir", tmp_path / "out").code == 0
    (tmp_path / "run").mkdir()
    done = called("export", tmp_path / "out", "--layout", "mlperf-endpoints", "--output", tmp_path / "run")
    assert done.code == 5
    assert "auditcube redact" in done.err
    assert list((tmp_path / "run").iterdir()) == []
    assert called("redact", tmp_path / "out", "--output_dir", tmp_path / "clean").code == 0
    assert called("export", tmp_path / "clean", "--layout", "mlperf-endpoints", "--output", tmp_path / "run").code == 0
