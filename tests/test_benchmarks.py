"""The benchmarks run: a row of each kind of server, with a tenth of the counts."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "load_engine.py"


def test_rows_are_measured_and_told() -> None:
    command = [sys.executable, str(BENCHMARK), "--quick", "--only", "start,latency"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = [line[:64].strip() for line in done.stdout.splitlines()]
    assert told == [
        "from the command's start to the first query",
        "the part of it that is the task, after all imports",
        "ten queries, end to end",
        "peak memory, its largest process",
        "peak memory, all its processes together",
        "added latency, median",
        "added latency, p99.9",
    ]
    assert all("auditcube" in line for line in done.stdout.splitlines())


def test_a_figure_lost_in_start_up_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARK.parent)
    import page
    from clients import Figure

    rounds = {"ours": [Figure(math.nan, 1, 1, 1, 1)], "peer": [Figure(2, 2, 2, 1, 1)], "absent": []}
    ours, peer, absent = page.compared("cpu", rounds, "ours", "peer", 1.5)
    assert (ours.met, ours.verdict) == (None, "not told")
    assert (peer.figure, absent.figure) == ("2", "not installed: skipped")


@pytest.mark.parametrize(("cpu", "met"), [(3.0, True), (3.0001, False)])
def test_a_reach_holds_on_its_bound(monkeypatch: pytest.MonkeyPatch, cpu: float, met: bool) -> None:
    monkeypatch.syspath_prepend(BENCHMARK.parent)
    import page
    from clients import Figure

    rounds = {"ours": [Figure(cpu, 1, 1, 1, 1)], "peer": [Figure(2, 2, 2, 1, 1)]}
    assert next(iter(page.compared("cpu", rounds, "ours", "peer", 1.5))).met is met
