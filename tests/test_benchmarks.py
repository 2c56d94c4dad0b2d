"""The benchmarks run: a row of each kind of server, with a tenth of the counts."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

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


DETECTION = BENCHMARK.with_name("detection.py")


def test_audits_are_audited() -> None:
    """The same code on simulated endpoints: a cache is found, in each of a few trials."""
    command = [sys.executable, str(DETECTION), "--trials", "10", "--cheat-trials", "10", "--only", "exact cache, 4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| exact cache, 4 pairs")]
    assert [cell.strip() for cell in row.split("|")[5:9]] == ["100.0%", "0.0%", "0.0%", "`exact_cache`"]


def test_the_simulation_keeps_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of a second each, without chance: so many at once as there are slots, and hits that take no time."""
    monkeypatch.syspath_prepend(DETECTION.parent)
    from auditcube.audits import cache_probe, test04
    from simulated import Endpoint, Setting, simulate

    setting, probe = Setting(rows=40, in_flight=8), cache_probe.Params(waves=3)
    load = setting.load(1)
    specs = [*test04.plan(test04.Params(), 40, load), *cache_probe.plan(probe, 40, load)[1:]]

    def took(endpoint: Endpoint) -> dict[str, float]:
        (runs,) = simulate(endpoint, setting, specs, 1, 1)
        return {label: round(run.duration_s, 6) for label, run in runs.items()}

    even = took(Endpoint(slots=4, jitter=0.0))
    assert even == {"reference": 10.0, "test04": 10.0, "cache_probe": 256.0, "coalescing": 3 * 2 * 2.0}
    merging = took(Endpoint(slots=4, jitter=0.0, merges=True))
    assert merging == {"reference": 10.0, "test04": 5.0, "cache_probe": 256.0, "coalescing": 3 * (1.0 + 2.0)}
    cached = took(Endpoint(slots=4, jitter=0.0, key="exact", hit=0.0))
    assert cached["test04"] == 0.0
    assert cached["cache_probe"] == 32 * 3 + 64 - 22  # what is new, and near duplicates but for those asked again


def test_a_picture_is_drawn_of_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DETECTION.parent)
    from curves import Curve, Panel, picture

    drawn = picture([Panel("a < b", "gain", 0.4, [Curve("one", [(0.1, 0.0), (0.4, 1.0)], "a")])])
    root = ElementTree.fromstring(drawn)
    (line,) = root.iter("{http://www.w3.org/2000/svg}polyline")
    assert line.get("points") == "95.0,240.0 380.0,0.0"
    assert {"a < b", "one", "gain", "40%"} <= {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
