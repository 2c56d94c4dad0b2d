"""The first command that anybody tries: `auditcube demo`, honest and cheating."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.commands import SIDECAR, auditcube, contents, summary, verdict


def test_the_demo_passes_in_a_directory_of_its_own_and_its_evidence_verifies(tmp_path: Path) -> None:
    """With MLPerf's own limit of 10 %, which a very busy machine may exceed by itself: one of three must do."""
    attempts = (auditcube("demo", cwd=tmp_path) for _ in range(3))
    done = next(attempt for attempt in attempts if attempt.code == 0)
    assert done.err == ""
    assert "PASS" in done.out
    assert [path.name for path in tmp_path.iterdir()] == ["auditcube_demo"]
    made = max((tmp_path / "auditcube_demo").iterdir())
    assert f"{made.relative_to(tmp_path)}/report.html" in done.out
    assert (made / SIDECAR).exists()
    assert verdict(made)["code"] == "no_caching"
    assert auditcube("verify", made).code == 0


@pytest.mark.parametrize("scenario", ["Offline", "SingleStream"])
def test_the_demo_finds_a_cache(tmp_path: Path, scenario: str) -> None:
    done = auditcube("demo", "--cheat", "exact_cache", "--scenario", scenario, "--output-dir", tmp_path / "out")
    assert (done.code, done.err) == (1, "")
    assert "FAIL" in done.out
    found = verdict(tmp_path / "out")
    assert (found["outcome"], found["code"]) == ("FAIL", "caching")
    assert found["numbers"]["gain"] > 1


def test_the_demo_speaks_another_api(tmp_path: Path) -> None:
    done = auditcube("demo", "--api", "openai_chat", "--cheat", "prompt_cache", "--output_dir", tmp_path, "--json")
    assert (done.code, done.json["exit_code"], done.err) == (1, 1, "")
    assert summary(tmp_path, "reference")["tokens"]["answers"] == 192
    assert auditcube("verify", tmp_path).code == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--cheat", "nonsense"], "unknown cheat 'nonsense'"),
        (["--nuisance", "errors=2"], "errors needs"),
        (["--scenario", "Server"], "--scenario"),
        (["--api", "nonsense"], "nonsense"),
    ],
)
def test_a_demo_that_cannot_be_is_refused_as_invalid_input(tmp_path: Path, arguments: list[str], named: str) -> None:
    done = auditcube("demo", *arguments, "--output_dir", tmp_path / "out")
    assert (done.code, done.out) == (2, ""), done.err
    assert named in done.err
    assert contents(tmp_path) == {}
