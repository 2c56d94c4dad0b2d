"""Scores as evidence: commands run without a shell and within bounds; their files are held to the answers."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditcube import scoring
from auditcube.config import load_config
from auditcube.errors import EvidenceRejected, InvalidInput
from auditcube.evidence.answers import KeptAnswer, Score
from auditcube.evidence.store import Store
from auditcube.job import Plan, make_plan
from auditcube.metrics import Run
from builders import S, run_of, steady

ANSWERS = [KeptAnswer(n, n, b"", output={"text": f"a{n}"}, expected={"answer": f"a{n % 3}"}) for n in range(4)]
ENVIRON = {"PATH": os.environ["PATH"], "SECRET": "hush", "NAMED": "told"}


def plan_of(folder: Path, scorer: dict[str, Any], expected: tuple[str, ...] = ("answer",)) -> Plan:
    config = {
        "benchmark": "b",
        "scenario": "Offline",
        "endpoint": {"url": "http://h", "api": "openai_chat"},
        "dataset": {"path": "p.jsonl", "expected": list(expected)},
        "audits": [{"test": "test07", "threshold": 1.0, "scorer": scorer}, {"test": "test04"}],
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(config))
    return make_plan(*load_config(path, {}), 200)


def python(program: str, *more: str) -> list[str]:
    return [sys.executable, "-c", program, scoring.ANSWERS, *more]


def external(program: str, *more: str, **settings: Any) -> dict[str, Any]:
    place = {} if "pattern" in settings else {"member": "/score"}
    return {"kind": "external", "command": python(program, *more), **place, **settings}


def runs() -> dict[str, Run]:
    return {"test07": run_of(steady(4, S), label="test07", answers=ANSWERS)}


def score(folder: Path, scorer: dict[str, Any]) -> Score:
    found = scoring.scored(plan_of(folder, scorer), runs(), Store(folder), ENVIRON)["test07"].score("test07")
    assert found is not None
    return found


def told(folder: Path, text: str, **settings: Any) -> Score:
    """What comes of a command that prints this text."""
    return score(folder, external(f"print({text!r}, end='')", **settings))


def test_a_built_in_score(tmp_path: Path) -> None:
    assert score(tmp_path, {}) == Score(75.0, 4)


def test_a_command_is_given_the_answers_and_what_is_expected_of_them(tmp_path: Path) -> None:
    program = """
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
right = sum(row["output"]["text"] == row["expected"]["answer"] for row in rows)
print(json.dumps({"all": {"a/b": [0, right / len(rows)]}}))
"""
    found = score(tmp_path, external(program, member="/all/a~1b/1"))
    lines = b"".join(scoring._lines(runs()["test07"], None))
    assert found[:3] == (0.75, 4, "")
    assert found.external["exit_status"] == 0
    assert found.external["input_sha256"] == hashlib.sha256(lines).hexdigest()
    assert json.loads(lines.splitlines()[3]) == {
        "ordinal": 3, "sample": 3, "output": {"text": "a3"}, "expected": {"answer": "a0"},
    }  # fmt: skip


@pytest.mark.parametrize(
    "word", ["a b", "'", '"', "$(touch injected)", "; touch injected", "-rf", "line\nbreak", "*", "{other}", "%s", "\\"]
)
def test_arguments_arrive_as_they_are(tmp_path: Path, word: str) -> None:
    program = "import json, sys; print(json.dumps({'score': float(sys.argv[2] == json.loads(sys.argv[3]))}))"
    assert score(tmp_path, external(program, word, json.dumps(word))).value == 1.0
    assert not (Path.cwd() / "injected").exists()


def test_a_file_of_the_command_s_own_may_hold_the_score(tmp_path: Path) -> None:
    program = "import sys; open(sys.argv[2] + '/r.json', 'w').write('{\"score\": 70.5}'); print('done')"
    assert score(tmp_path, external(program, scoring.OUTPUT, result="r.json")).value == 70.5
    assert "wrote no other.json" in score(tmp_path, external(program, scoring.OUTPUT, result="other.json")).problem


@pytest.mark.parametrize(
    ("text", "settings", "value"),
    [
        ('{"score": 62}', {}, 62.0),
        ('{"score": "62.5"}', {}, 62.5),
        ('{"score": 6.2e1}', {}, 62.0),
        ("'exact_match': 60.698\n", {"pattern": r"'exact_match':\s*(\S+)"}, 60.698),
        ("x: 1e-3\nx: 1e-3", {"pattern": r"x: (\S+)"}, 0.001),
        ("x: -4.5", {"pattern": r"x: (\S+)"}, -4.5),
    ],
)
def test_where_a_score_stands(tmp_path: Path, text: str, settings: dict[str, Any], value: float) -> None:
    assert told(tmp_path, text, **settings).value == value


@pytest.mark.parametrize(
    ("text", "settings", "problem"),
    [
        ("", {}, "no JSON with the member /score"),
        ("[1]", {}, "no JSON with the member"),
        ('{"score": null}', {}, "no finite number"),
        ('{"score": true}', {}, "no finite number"),
        ('{"score": NaN}', {}, "no finite number"),
        ('{"score": "Infinity"}', {}, "no finite number"),
        ('{"score": [1]}', {}, "no finite number"),
        ('{"score": 1' + "0" * 400 + "}", {}, "no finite number"),
        ("TEST PASS", {"pattern": r"x: (\S+)"}, "stand 0 scores"),
        ("x: 1\nx: 2", {"pattern": r"x: (\S+)"}, "stand 2 scores"),
        ("x: 62,15", {"pattern": r"x: (\S+)"}, "no finite number"),
    ],
)
def test_what_is_no_score(tmp_path: Path, text: str, settings: dict[str, Any], problem: str) -> None:
    found = told(tmp_path, text, **settings)
    assert found.value is None
    assert problem in found.problem


def test_the_exit_status_is_obeyed(tmp_path: Path) -> None:
    found = score(tmp_path, external("import sys; print('{\"score\": 100}'); sys.exit('no labels')"))
    assert found.value is None
    assert found.problem == "the command ended with exit status 1: no labels"
    assert found.external["exit_status"] == 1


def test_a_command_that_does_not_end_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    child = f"import time; time.sleep(2.5); open({str(alive)!r}, 'w')"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    begin = time.monotonic()
    found = score(tmp_path, external(program, timeout_s=0.7))
    assert time.monotonic() - begin < 2.4
    assert found.problem == "the command did not end within 0.7 s"
    time.sleep(2.5)
    assert not alive.exists()


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    found = score(tmp_path, {"kind": "external", "command": ["/nowhere/x", "{answers}"], "member": "/score"})
    assert found.problem == "the command cannot be run: No such file or directory"


def test_secrets_are_in_its_environment_only_if_named(tmp_path: Path) -> None:
    program = "import os; print('{\"score\": %d}' % (('SECRET' in os.environ) + 2 * ('NAMED' in os.environ)))"
    assert score(tmp_path, external(program)).value == 0
    assert score(tmp_path, external(program, environment=["NAMED"])).value == 2


@pytest.mark.parametrize(
    ("scorer", "expected", "said"),
    [
        ({}, (), "the scorer's column 'answer' is not in dataset.expected (none)"),
        ({"column": "label"}, ("answer",), "the scorer's column 'label' is not in dataset.expected (answer)"),
        ({"kind": "external", "command": ["x"], "member": "/a"}, (), "{answers} is missing"),
    ],
)
def test_what_could_not_score_is_refused_before_anything_is_sent(
    tmp_path: Path, scorer: dict[str, Any], expected: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidInput) as problem:
        scoring.check(plan_of(tmp_path, scorer, expected))
    assert said in str(problem.value)


def test_a_run_that_was_not_made_has_no_score(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {})
    assert scoring.scored(plan, {}, Store(tmp_path), ENVIRON) == {}
    assert scoring.files(plan, {}) == {}


# What `verify` reads.
PRINTS = external("print('{\"score\": 70}')")


def written(folder: Path) -> tuple[Plan, Any]:
    """The file of a command's score."""
    plan = plan_of(folder, PRINTS)
    made = scoring.scored(plan, runs(), Store(folder), ENVIRON)
    (name,) = scoring.files(plan, made)
    assert name == "audit/score_test07.json"
    return plan, scoring.files(plan, made)[name]


def read(folder: Path, plan: Plan, content: Any, mine: dict[str, Run] | None = None) -> Score | None:
    path = folder / "audit/score_test07.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return scoring.rescored(plan, mine or runs(), folder)["test07"].score("test07")


def test_a_command_s_score_is_taken_from_its_file_and_a_built_in_one_is_not(tmp_path: Path) -> None:
    plan, content = written(tmp_path)
    found = read(tmp_path, plan, content)
    assert found is not None
    assert (found.value, found.to_json()) == (70.0, content["runs"]["test07"])
    built_in = plan_of(tmp_path, {})
    assert read(tmp_path, built_in, {"runs": {"test07": {"score": 100.0}}}) == Score(75.0, 4)


def test_a_command_without_a_score_has_none_in_its_file(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, external("import sys; sys.exit(3)"))
    made = scoring.scored(plan, runs(), Store(tmp_path), ENVIRON)
    found = read(tmp_path, plan, scoring.files(plan, made)["audit/score_test07.json"])
    assert found == made["test07"].score("test07")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score": None}, "a score stands there and a reason"),
        ({"problem": "none"}, "a score stands there and a reason"),
        ({"exit_status": 1}, "a score stands there and a reason"),
        ({"score": "70"}, "holds no score"),
        ({"score": True}, "holds no score"),
        ({"command": ["true"]}, "another command was run"),
        ({"input_sha256": "0" * 64}, "other answers than are kept"),
    ],
)
def test_a_file_that_does_not_belong_here_is_rejected(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    plan, content = written(tmp_path)
    content["runs"]["test07"] |= change
    with pytest.raises(EvidenceRejected, match=said):
        read(tmp_path, plan, content)


@pytest.mark.parametrize("content", [None, [], {}, {"runs": {}}, {"runs": {"test07": {}}}, {"runs": {"test07": []}}])
def test_a_file_that_tells_no_score_is_rejected(tmp_path: Path, content: Any) -> None:
    plan, _ = written(tmp_path)
    with pytest.raises(EvidenceRejected, match="tells no score"):
        read(tmp_path, plan, content)


def test_other_answers_have_another_score(tmp_path: Path) -> None:
    plan, content = written(tmp_path)
    other = {"test07": run_of(steady(4, S), label="test07", answers=ANSWERS[:3])}
    with pytest.raises(EvidenceRejected, match="other answers"):
        read(tmp_path, plan, content, other)
