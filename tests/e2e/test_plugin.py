"""Adding an audit is adding a file: a dummy one plans, is judged, is in the sidecar, and `verify` computes it again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import auditcube
from e2e.commands import Ended, Server, environment, job, sidecar, summary

DUMMY = '''
"""DUMMY: did every query complete?"""

from pydantic import Field

from auditcube.audits.contract import AuditParams, Outcome, Refusal, Verdict
from auditcube.load.order import WithoutReplacement
from auditcube.load.schedule import RunSpec

TITLE = "every query completes"


class Params(AuditParams):
    """Settings of DUMMY."""

    queries: int = Field(default=5, ge=1, description="how many")


def plan(params, dataset_size, load):
    if params.queries > dataset_size:
        raise Refusal("asks for too much", "queries")
    return (RunSpec("dummy", WithoutReplacement(), params.queries),)


def judge(params, runs):
    completed = runs["dummy"].completed if "dummy" in runs else 0
    outcome = Outcome.PASS if completed == params.queries else Outcome.FAIL
    return Verdict(outcome, "counted", f"{completed} of {params.queries} completed", {"completed": completed})
'''


def test_an_audit_is_one_file(honest: Server, tmp_path: Path) -> None:
    source = Path(auditcube.__file__).parent
    package = tmp_path / "project" / "auditcube"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    if (schemas := source.parents[1] / "schemas").is_dir():
        shutil.copytree(schemas, tmp_path / "schemas")
    (package / "audits" / "dummy.py").write_text(DUMMY)

    def run(*arguments: str | Path) -> Ended:
        command = [sys.executable, "-m", "auditcube", *map(str, arguments)]
        variables = environment(PYTHONPATH=str(package.parent))
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        return Ended(done.returncode, done.stdout, done.stderr, 0)

    config = job(tmp_path, honest.url, {"audits": [{"test": "test04", "samples": 24, "threshold": 0.9},
                                                   {"test": "dummy", "queries": 6}]})  # fmt: skip
    output = tmp_path / "out"
    done = run("audit", "--config", config, "--output_dir", output)
    assert done.code == 0, done.out + done.err
    assert "dummy: PASS: 6 of 6 completed" in done.out
    first, second = sidecar(output)["verdicts"]
    assert (first["test"], second["test"], second["numbers"]) == ("test04", "dummy", {"completed": 6})
    assert summary(output, "dummy")["queries"]["completed"] == 6
    assert "Performance check pass: True" in (output / "audit/verify_DUMMY.txt").read_text()
    verified = run("verify", output)
    assert verified.code == 0, verified.out + verified.err
    assert "dummy: PASS: 6 of 6 completed" in verified.out
    wrong = job(tmp_path, honest.url, {"audits": [{"test": "dummy", "queries": 99}]}, name="wrong.yaml")
    refused = run("audit", "--config", wrong, "--output_dir", tmp_path / "refused")
    assert refused.code == 2
    assert "audits[0].queries: asks for too much" in refused.err
