"""What `auditcube plan` tells: the runs in their order, their queries, and about how long, without a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditcube.cli import main
from auditcube.forecast import forecast
from auditcube.job import read_job

BOUNDS = {"test": "test09", "min_output_tokens": 1, "max_output_tokens": 9}


def told(tmp_path: Path, latency_s: float | None = None, **changes: Any) -> dict[str, Any]:
    return forecast(read_job(config(tmp_path, **changes), None, {}).plan, latency_s)


def config(tmp_path: Path, **changes: Any) -> Path:
    (tmp_path / "p.jsonl").write_text("".join(json.dumps({"prompt": f"p{n}"}) + "\n" for n in range(50)))
    whole = {
        "benchmark": "b",
        "scenario": "Offline",
        "endpoint": {"url": "http://127.0.0.1:9", "api": "openai_completions"},
        "dataset": {"path": "p.jsonl"},
        "load": {"min_queries": 40, "max_in_flight": 4, "max_duration_s": 100.0},
        "audits": [{"test": "test06", "samples": 10}, {"test": "test01"}, {"test": "test04"}, BOUNDS],
    }
    path = tmp_path / "job.json.yaml"
    path.write_text(json.dumps(whole | changes))
    return path


def test_equal_runs_are_made_once_and_the_reference_first(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert [(run["label"], run["queries"], run["for"]) for run in found["runs"]] == [
        ("reference", 40, ["test01", "test04"]),
        ("test06", 10, ["test06"]),
        ("accuracy", 50, ["test01"]),
        ("test01", 40, ["test01"]),
        ("test04", 40, ["test04"]),
        ("test09", 50, ["test09"]),
    ]
    assert found["queries"] == 230
    assert found["seconds"] is None
    assert found["most_seconds"] == 600


def test_a_reference_that_two_audits_want_otherwise_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audits = [{"test": "test01", "samples": 20}, {"test": "test04", "samples": 30}]
    assert main(["plan", "--config", str(config(tmp_path, audits=audits))]) == 2
    assert "plans another reference run than an audit before it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "latency_s", "seconds"),
    [
        ({}, 0.5, 5.0),  # 40 queries, 4 at once
        ({"scenario": "SingleStream", "load": {"min_queries": 40}}, 0.5, 20.0),
        ({"load": {"min_queries": 40, "min_duration_s": 60.0}}, 0.5, 60.0),
        ({"load": {"min_queries": 40, "max_in_flight": 1, "max_duration_s": 9.0}}, 0.5, 9.0),
        ({"scenario": "Server", "load": {"min_queries": 40, "target_qps": 8.0}}, None, 5.0),
        ({}, None, None),
    ],
)
def test_about_how_long(
    tmp_path: Path, changes: dict[str, Any], latency_s: float | None, seconds: float | None
) -> None:
    assert told(tmp_path, latency_s, audits=[], **changes)["runs"][0]["seconds"] == seconds


def test_the_command_sends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(config(tmp_path))  # whose endpoint is not there
    assert main(["plan", "--config", path, "--latency-s", "0.5"]) == 0
    text = capsys.readouterr().out
    assert "230 queries, about" in text
    assert "reference: comes first" in text
    assert main(["plan", "--config", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["queries"] == 230


def test_what_a_cache_probe_costs_is_told_before_it_starts(tmp_path: Path) -> None:
    audits = [{"test": "test04"}, {"test": "cache_probe", "pairs": 12, "waves": 10}]
    found = told(tmp_path, 25.0, audits=audits, load={"min_queries": 40, "max_in_flight": 4})
    runs = {run["label"]: run for run in found["runs"]}
    assert list(runs) == ["reference", "test04", "cache_probe", "coalescing"]
    assert runs["reference"]["for"] == ["test04", "cache_probe"]
    assert (runs["cache_probe"]["queries"], runs["cache_probe"]["seconds"]) == (96, 96 * 25.0)  # one after the other
    assert (runs["coalescing"]["queries"], runs["coalescing"]["seconds"]) == (80, 20 * 25.0)  # four at a time
