"""The benchmarks run: a row of each kind of server, with a tenth of the counts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "load_engine.py"


def test_rows_are_measured_and_told() -> None:
    command = [sys.executable, str(BENCHMARK), "--quick", "--only", "start,latency"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    told = [line[:40].strip() for line in done.stdout.splitlines()]
    assert told == [
        "from the task's start to the first query",
        "ten queries, end to end",
        "peak memory of its largest process",
        "added latency, median",
        "added latency, p99.9",
    ]
    assert all("auditcube" in line and "<=" in line for line in done.stdout.splitlines())
