"""What a person sees at a terminal, what a pipe gets, and what a machine reads."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.commands import AUDITCUBE, Server, audit, environment, job


@pytest.fixture(scope="module")
def failing() -> Iterator[Server]:
    with Server("--nuisance", "errors=0.4", service_ms=60) as server:
        yield server


def at_a_terminal(*arguments: str | Path) -> tuple[int, str, str]:
    """Run a command whose standard error is a terminal: its exit code, what it printed, what the terminal showed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [AUDITCUBE, *map(str, arguments)],
        env=environment(TERM="xterm", COLUMNS="100"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while data := _read(ours):
        shown += data
    os.close(ours)
    out, _ = process.communicate(timeout=30)
    return process.returncode, out.decode(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other side of the terminal is closed
        return b""


def test_a_terminal_shows_every_phase(failing: Server, tmp_path: Path) -> None:
    config = job(tmp_path, failing.url, {"load": {"warmup_queries": 20}}, samples=40)
    code, out, shown = at_a_terminal("audit", "--config", config, "--output_dir", tmp_path / "out")
    assert code == 6
    for title, total in (("1 of 3: warmup", 20), ("2 of 3: reference", 40), ("3 of 3: test04", 40)):
        (last,) = {line for line in re.split(r"[\r\n]+", shown) if title in line and f"{total}/{total}" in line}
        assert re.search(r"\d/s", last)
    assert re.search(r"2 of 3: reference .*/s · \d+ errors", shown)
    assert re.search(r"\d s left", shown)
    assert re.search(r"3 of 3: test04 .*about \d+ s", shown)
    assert not re.search(r"(warmup|reference) .*about", shown)
    assert "INCONCLUSIVE" in out
    assert str(tmp_path / "out/report.html") in out


@pytest.mark.parametrize("option", ["--no-progress", "--json"])
def test_a_terminal_stays_quiet_when_asked(failing: Server, tmp_path: Path, option: str) -> None:
    config = job(tmp_path, failing.url, samples=8)
    code, out, shown = at_a_terminal("audit", "--config", config, "--output_dir", tmp_path / "out", option)
    assert (code, shown) == (6, "")
    if option == "--json":
        assert json.loads(out)["exit_code"] == 6


def test_a_pipe_gets_no_bars(failing: Server, tmp_path: Path) -> None:
    done = audit(job(tmp_path, failing.url, samples=8), tmp_path / "out")
    assert (done.code, done.err) == (6, "")
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) < 200


def test_a_machine_gets_one_object(honest: Server, tmp_path: Path) -> None:
    done = audit(job(tmp_path, honest.url), tmp_path / "out", "--json")
    assert (done.code, done.err) == (0, "")
    told = done.json
    assert told["exit_code"] == 0
    assert told["verdicts"][0]["outcome"] == "PASS"
    for name in ("output_dir", "manifest", "report"):
        assert Path(told[name]).exists()
    assert {entry["metric"] for entry in told["headline"]} == {"reference.throughput", "test04.throughput"}
