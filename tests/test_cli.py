"""The command line itself: usage, help, and the outermost frame, which turns every exception into an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auditcube import __version__, errors
from e2e.commands import AUDITCUBE, DEAD_URL, auditcube, called, contents, environment, job

COMMANDS = [
    *(["audit"], ["run_reference"], ["run_audit"], ["verify"], ["demo"], ["demo_endpoint"], ["init"], ["probe"]),
    *(["record"], ["report"], ["review"], ["manifest", "validate"], ["manifest", "schema"], ["manifest", "show"]),
]

USAGE: dict[str, tuple[list[str], str]] = {
    "no command": ([], "COMMAND"),
    "unknown command": (["audits"], "audits"),
    "unknown option": (["audit", "--config", "x", "--output_dir", "y", "--fast"], "--fast"),
    "no config": (["audit", "--output_dir", "y"], "--config"),
    "no output": (["run_reference", "--config", "x"], "--output"),
    "abbreviated option": (["audit", "--conf", "x", "--output_dir", "y"], "--conf"),
    "run_audit without a reference": (["run_audit", "--config", "x", "--output_dir", "y"], "--reference"),
    "verify what": (["verify"], "DIR"),
    "verify too much": (["verify", "x", "--audit_dir", "y"], "DIR"),
    "manifest what": (["manifest"], "COMMAND"),
    "validate what": (["manifest", "validate"], "PATH"),
    "port out of range": (["demo_endpoint", "--port", "70000"], "--port"),
    "port no number": (["demo_endpoint", "--port", "http"], "--port"),
    "cheat unknown": (["demo_endpoint", "--cheat", "nonsense"], "nonsense"),
    "verify nowhere": (["verify", "nowhere"], "nowhere"),
    "report nowhere": (["report", "nowhere"], "nowhere"),
    "show nowhere": (["manifest", "show", "nowhere"], "nowhere"),
    "validate nowhere": (["manifest", "validate", "nowhere"], "nowhere"),
    "probe nowhere": (["probe", "--config", "nowhere"], "nowhere"),
    "record what": (["record"], "-- and a command are missing"),
    "record without --": (["record", "mlcube", "run", "--task=x"], "-- and a command are missing"),
    "record nothing": (["record", "--output_dir", "y", "--"], "there is nothing"),
    "record another command": (["record", "--", "mlcube", "describe"], "not `mlcube describe`"),
    "record an unknown option": (["record", "--fast", "--", "mlcube", "run"], "--fast"),
    "record a word before --": (["record", "x", "--", "mlcube", "run"], "before --: x"),
    "record nowhere": (["record", "--", "mlcube", "run", "--mlcube=nowhere", "--platform=docker"], "nowhere"),
    "record without mlcube.yaml": (["record", "--output_dir", "y", "--", "mlcube", "run"], "has no mlcube.yaml"),
    "API unknown": (["init", "--api", "nonsense"], "nonsense"),
}


@pytest.mark.parametrize("name", USAGE)
def test_usage_errors_exit_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, named = USAGE[name]
    done = called(*arguments)
    assert (done.code, done.out) == (2, "")
    assert named in done.err
    assert contents(tmp_path) == {}


def test_a_usage_error_of_the_installed_command(tmp_path: Path) -> None:
    done = auditcube("verify", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "usage: auditcube verify" in done.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_both_spellings(command: list[str]) -> None:
    done = called(*command, "--help")
    assert (done.code, done.err) == (0, "")
    for name in ("output_dir", "reference_dir", "audit_dir", "mlcube_config"):
        assert (f"--{name}" in done.out) == (f"--{name.replace('_', '-')}" in done.out)
    assert "--json" in done.out


def test_help_lists_commands_and_exit_codes() -> None:
    done = called("--help")
    for command in COMMANDS:
        assert f"\n    {command[0]}" in done.out
    for code in errors.ExitCode:
        assert str(int(code)) in done.out
    assert called("--version").out == f"auditcube {__version__}\n"


def failing(problem: BaseException) -> Any:
    def task(*_: object) -> None:
        raise problem

    return task


@pytest.mark.parametrize("kind", [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)])
def test_every_error_ends_in_its_exit_code(monkeypatch: pytest.MonkeyPatch, kind: type[errors.AuditCubeError]) -> None:
    problem = errors.Interrupted(15) if kind is errors.Interrupted else kind("what, where, what to do")
    monkeypatch.setattr("auditcube.tasks.audit", failing(problem))
    done = called("audit", "--config", "x", "--output_dir", "y")
    assert done.code == (143 if kind is errors.Interrupted else kind.exit_code)
    told = "; no result was written, the events so far are kept" if kind is errors.Interrupted else ""
    assert (done.out, done.err) == ("", f"auditcube: {problem}{told}\n")


def test_a_bug_of_ours_tells_where_but_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditcube.tasks.audit", failing(KeyError("sk-secret")))
    done = called("audit", "--config", "x", "--output_dir", "y")
    assert (done.code, done.out) == (70, "")
    assert "KeyError in test_cli.py, line" in done.err
    assert "sk-secret" not in done.err
    verbose = called("audit", "--config", "x", "--output_dir", "y", "-v")
    assert verbose.code == 70
    assert "in task" in verbose.err
    assert "sk-secret" not in verbose.err


def test_a_task_gets_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def task(options: Any, environ: Any, crew: Any) -> None:
        seen.append(options)
        raise errors.SetupFailed("enough")

    monkeypatch.setattr("auditcube.tasks.audit", task)
    for spelling in ("_", "-"):
        called(
            "audit", "--config", "c", f"--output{spelling}dir", "o", f"--mlcube{spelling}config", "m", "--dataset", "d",
            f"--no{spelling}progress", "--overwrite",
        )  # fmt: skip
    first, second = seen
    assert first == second
    paths = (first.config, first.output_dir, first.mlcube_config, first.dataset)
    assert paths == (Path("c"), Path("o"), Path("m"), Path("d"))
    assert (first.overwrite, first.progress) == (True, False)


@pytest.mark.parametrize("command", ["manifest schema", "init --json"])
def test_a_reader_that_goes_away_is_no_bug(tmp_path: Path, command: str) -> None:
    """As in `auditcube ... | head -0`, with much to say and with little: no traceback, no complaint."""
    process = subprocess.Popen(
        [AUDITCUBE, *command.split()], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=20)
    assert err == b""
    assert process.returncode in (0, 3)


def test_the_entry_point_returns_and_does_not_exit(tmp_path: Path) -> None:
    assert called("probe", "--config", job(tmp_path, DEAD_URL)).code == errors.ExitCode.SETUP_FAILED


# What a scan, a report and the makers of runs need.
OF_OTHERS = {"jinja2", "yaml", "rich", "asyncio", "ssl", "requests", "multiprocessing"} | {
    f"auditcube.{part}" for part in ("job", "config", "results", "report", "scan", "verification", "manifest.model")
}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (
            "tasks",
            {"numpy", "jinja2", "jsonschema_rs"},
        ),  # NumPy alone would take a third of the time to the first query
        ("mlperf", OF_OTHERS),  # they would add a third to what `mlperf` takes to start
        ("terminal", OF_OTHERS - {"rich"} | {"numpy"}),
    ],
)
def test_what_a_command_does_not_need_is_not_imported(module: str, names: set[str]) -> None:
    program = f"import sys, auditcube.cli, auditcube.{module}; print({names!r} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
