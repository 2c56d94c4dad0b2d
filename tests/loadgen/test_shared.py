"""Real LoadGen's logs of an honest and a cheating system: what is known of them, and what both rules say."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from auditcube import mlperf
from auditcube.loadgen.judged import Judged, Rule
from loadgen.logs import SHARED

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the logs under ../shared/data/loadgen are not here")

MORE: dict[str, dict[str, Any]] = {
    "TEST01": {"dtype": "int64"},
    "TEST07": {"accuracy_threshold": 60.698},
    "TEST09": {"min_output_tokens": 1150.38, "max_output_tokens": 1406.02},
}
CASES = [(test, scenario) for test in mlperf.TESTS for scenario in ("Offline", "Server")]
# 100 queries, or 32, cannot satisfy LoadGen's early stopping: it calls these runs INVALID, and upstream does not look.
INVALID = {("TEST06", "Server"), ("TEST09", "Server")}


def judged(test: str, scenario: str, kind: str, rule: Rule, output: Path) -> Judged:
    folder = SHARED / test / scenario / kind
    more = dict(MORE.get(test, {}))
    if test == "TEST06":
        more["scenario"] = scenario
    if test == "TEST07":
        script = shlex.join([sys.executable, str(SHARED / "eval_exact.py")])
        more["accuracy_script"] = f"{script} {{accuracy_log}}"
    results = folder / "results" if test in mlperf.WITH_REFERENCE else None
    return mlperf.judge(mlperf.Options(test, rule, results, folder / "compliance", output, **more), {}).judged


@pytest.mark.parametrize(("test", "scenario"), CASES)
@pytest.mark.parametrize("kind", ["honest", "cheating"])
def test_upstream_says_what_its_scripts_said(test: str, scenario: str, kind: str, tmp_path: Path) -> None:
    hidden = (test, scenario) == ("TEST04", "Server")  # the arrival rate hides the cache
    passed = kind == "honest" or hidden
    found = judged(test, scenario, kind, "upstream", tmp_path)
    assert found.upstream.passed is passed
    assert int(found.exit_code) == (0 if passed else 1)


@pytest.mark.parametrize(("test", "scenario"), CASES)
def test_strict_passes_no_cheat_and_every_proven_run(test: str, scenario: str, tmp_path: Path) -> None:
    assert judged(test, scenario, "cheating", "strict", tmp_path).strict.outcome.value == "FAIL"
    honest = judged(test, scenario, "honest", "strict", tmp_path)
    assert honest.strict.outcome.value == ("INCONCLUSIVE" if (test, scenario) in INVALID else "PASS")
    assert bool(honest.differences) == ((test, scenario) in INVALID)


def test_where_the_rules_differ_the_reason_is_told(tmp_path: Path) -> None:
    found = judged("TEST04", "Server", "cheating", "upstream", tmp_path)
    assert found.differences[0].startswith(
        "upstream says PASS, strict FAIL: one sample repeated was answered 3.2 times"
    )
    told = found.to_json()
    assert (told["passed"], told["upstream"]["outcome"], told["strict"]["outcome"]) == (True, "PASS", "FAIL")
