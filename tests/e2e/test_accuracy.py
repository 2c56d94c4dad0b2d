"""TEST07 and TEST08 against the demo endpoint: scores by built-in scorers and by commands, and predictions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditcube.demo.prediction import PredictionJob
from auditcube.demo.text import TextJob
from bundles import Bundle
from e2e.commands import Ended, Server, audit, auditcube, job, prompts, sidecar, verdict, write_rows

MOST = 12
SECRET = "sk-live-4Zb9Q0rV7cXw2LmN8tYp"
# Counts the answers that are as expected, and says so; a name that would need quoting, were there a shell.
COMMAND = """
import json, os, pathlib, sys
given, output, how = sys.argv[1:]
rows = [json.loads(line) for line in open(given)]
right = sum(row["output"]["text"] == row["expected"]["answer"] for row in rows)
pathlib.Path(output, "result.json").write_text(json.dumps({"scores": [{"accuracy": 100 * right / len(rows)}]}))
print("accuracy:", 100 * right / len(rows), "of", len(rows))
if how == "variables":
    print(sorted(os.environ))
if how == "fails":
    sys.exit("no such model")
if how == "twice":
    print("accuracy: 50")
"""


def chat(folder: Path, url: str, **test07: Any) -> Path:
    rows = [{**row, "answer": TextJob(row["prompt"], 0, MOST).render().text} for row in prompts()]
    write_rows(folder / "prompts.jsonl", rows)
    endpoint = {"api": "openai_completions", "parameters": {"max_tokens": MOST}}
    audits = [{"test": "test07", "threshold": 99, **test07}]
    return job(folder, url, {"endpoint": endpoint, "dataset": {"expected": ["answer"]}, "audits": audits})


def external(folder: Path, how: str, **changes: Any) -> dict[str, Any]:
    script = folder / 'the scorer\'s "script"\n; touch owned.py'
    script.write_text(COMMAND)
    command = [sys.executable, str(script), "{answers}", "{output}", how]
    return {"kind": "external", "command": command, "pattern": r"accuracy: ([0-9.]+)", **changes}


@pytest.mark.parametrize(("cheat", "outcome"), [(None, "PASS"), ("truncated_outputs=0.5", "FAIL")])
def test_answers_are_scored(tmp_path: Path, cheat: str | None, outcome: str) -> None:
    with Server(*(("--cheat", cheat) if cheat else ())) as server:
        done = audit(chat(tmp_path, server.url), tmp_path / "out")
    found = verdict(tmp_path / "out")
    assert (found["outcome"], found["numbers"]["score"]) == (outcome, 100 if cheat is None else 0)
    assert done.code == (0 if cheat is None else 1)
    assert auditcube("verify", tmp_path / "out").code == done.code


def test_the_expected_answers_are_never_sent(tmp_path: Path) -> None:
    """The demo refuses a field that it does not know."""
    with Server() as server:
        config = chat(tmp_path, server.url)
        assert audit(config, tmp_path / "out").code == 0
        given = yaml.safe_load(config.read_text())
        del given["dataset"]["expected"]
        config.write_text(yaml.safe_dump(given))
        done = audit(config, tmp_path / "other")
    assert done.code == 2
    assert "answer" in done.err


@pytest.mark.parametrize(
    ("how", "changes", "outcome", "told"),
    [
        ("well", {}, "PASS", "reaches 99"),
        ("well", {"pattern": None, "member": "/scores/0/accuracy", "result": "result.json"}, "PASS", "reaches 99"),
        ("well", {"pattern": None, "member": "/scores/1/accuracy", "result": "result.json"}, "INCONCLUSIVE", "no JSON"),
        ("fails", {}, "INCONCLUSIVE", "exit status 1: no such model"),
        ("twice", {}, "INCONCLUSIVE", "stand 2 scores"),
        ("well", {"pattern": "(no such thing)"}, "INCONCLUSIVE", "stand 0 scores"),
        ("well", {"pattern": "a(c)"}, "INCONCLUSIVE", "no finite number"),
    ],
)
def test_a_command_scores(tmp_path: Path, how: str, changes: dict[str, Any], outcome: str, told: str) -> None:
    with Server() as server:
        done = audit(chat(tmp_path, server.url, scorer=external(tmp_path, how, **changes)), tmp_path / "out")
    found = verdict(tmp_path / "out")
    assert found["outcome"] == outcome, done.err
    assert told in found["reason"]
    assert auditcube("verify", tmp_path / "out").code == done.code == {"PASS": 0, "INCONCLUSIVE": 6}[outcome]
    assert not (tmp_path / "owned.py").exists()
    assert not Path("owned.py").exists()


def test_a_command_gets_no_secret(tmp_path: Path) -> None:
    scorer = external(tmp_path, "variables", pattern=r"('[A-Z_]*KEY')")
    with Server() as server:
        config = chat(tmp_path, server.url, scorer=scorer)
        given = yaml.safe_load(config.read_text())
        given["endpoint"]["api_key_env"] = "MY_KEY"
        config.write_text(yaml.safe_dump(given))
        audit(config, tmp_path / "out", variables={"MY_KEY": SECRET})
    assert "stand 0 scores" in verdict(tmp_path / "out")["reason"]


@pytest.mark.parametrize(
    ("scorer", "told"),
    [
        ({"column": "label"}, "the scorer's column 'label' is not in dataset.expected"),
        ({"kind": "external", "command": ["true"], "pattern": "(1)"}, "{answers} is missing"),
        ({"kind": "external", "command": ["true", "{answers}"]}, "one of member and pattern is wanted"),
        ({"kind": "exactly"}, "scorer.kind"),
        ({"extract": "("}, "is no regular expression"),
    ],
)
def test_a_scorer_that_could_not_score_is_told_before_anything_is_sent(
    tmp_path: Path, scorer: dict[str, Any], told: str
) -> None:
    with Server() as server:
        done = audit(chat(tmp_path, server.url, scorer=scorer), tmp_path / "out")
        assert server.stats()["requests"] == 0
    assert done.code == 2
    assert told in done.err


def rejected(out: Path, tmp_path: Path, name: str, old: str, new: str) -> Ended:
    """`verify` of a copy with a file changed and all digests made anew."""
    bundle = Bundle.copied(out, tmp_path / "copy")
    text = (bundle.root / name).read_text()
    assert old in text
    (bundle.root / name).write_text(text.replace(old, new, 1))
    bundle.seal()
    done = auditcube("verify", bundle.root)
    assert done.code == 5, done.out
    return done


def test_a_score_that_was_edited_is_rejected(tmp_path: Path) -> None:
    with Server("--cheat", "truncated_outputs=0.5") as server:
        audit(chat(tmp_path, server.url), tmp_path / "out")
    name = "audit/score_test07.json"
    assert json.loads((tmp_path / "out" / name).read_text())["runs"]["test07"]["score"] == 0
    rejected(tmp_path / "out", tmp_path, name, '"score": 0.0', '"score": 99.5')
    rejected(tmp_path / "out", tmp_path / "b", "expected.jsonl", '"sample":0', '"sample":1')


def test_what_a_command_was_given_is_held_against_the_answers(tmp_path: Path) -> None:
    with Server() as server:
        audit(chat(tmp_path, server.url, scorer=external(tmp_path, "well")), tmp_path / "out")
    row = json.loads((tmp_path / "out/expected.jsonl").read_text().splitlines()[0])
    done = rejected(tmp_path / "out", tmp_path, "expected.jsonl", row["expected"]["answer"], "something easier")
    assert "was given other answers" in done.out


def predictions(folder: Path, url: str) -> Path:
    rows = []
    for row in range(24):
        instances = [[row, number, 0.5] for number in range(4)]
        model = PredictionJob(tuple(json.dumps(instance, sort_keys=True) for instance in instances)).render().values
        labels = [int(value > 0.5) for value in model]
        rows.append({"instances": instances, "labels": labels, "weights": [1.0, 2.0, 1.0, 0.5]})
    write_rows(folder / "prompts.jsonl", rows)
    changes = {
        "endpoint": {"api": "predict", "model": None},
        "dataset": {"expected": ["labels", "weights"]},
        "load": {"min_queries": 20},
        "audits": [{"test": "test08"}],
    }
    return job(folder, url, changes)


@pytest.mark.parametrize(("cheat", "code"), [(None, "same_entropy"), ("wrong_predictions", "entropy_differs")])
def test_predictions(tmp_path: Path, cheat: str | None, code: str) -> None:
    with Server(*(("--cheat", cheat) if cheat else ())) as server:
        done = audit(predictions(tmp_path, server.url), tmp_path / "out")
    assert verdict(tmp_path / "out")["code"] == code, done.err
    assert done.code == (0 if cheat is None else 1)
    assert auditcube("verify", tmp_path / "out").code == done.code
    assert sidecar(tmp_path / "out")["verdicts"][0]["numbers"]["compared"] == 20


VBENCH = Path(__file__).resolve().parents[2] / "examples/submission/score_vbench.py"
# In VBench's place, which needs CUDA and weights: its options, the names that it looks for, the file that it writes.
STAND_IN = """
import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--videos_path", type=pathlib.Path)
parser.add_argument("--output_path", type=pathlib.Path)
parser.add_argument("--dimension", nargs="+")
told = parser.parse_args()
names = sorted(path.name for path in told.videos_path.iterdir())
assert names == [f"a river under bridge {n}_4-0.mp4" for n in range(4)], names
assert all(path.read_bytes()[4:8] == b"ftyp" for path in told.videos_path.iterdir())
told.output_path.mkdir()
scores = {name: [0.7, [0.7] * 4] for name in told.dimension if name != LEFT_OUT}
(told.output_path / "results_now_eval_results.json").write_text(json.dumps(scores))
"""


def videos(folder: Path, url: str, left_out: str = "", **parameters: Any) -> Path:
    evaluate = folder / "evaluate.py"
    evaluate.write_text(STAND_IN.replace("LEFT_OUT", repr(left_out)))
    command = [sys.executable, str(VBENCH), "{answers}", "{media}", "{output}", sys.executable, str(evaluate)]
    pattern = "vbench_score: ([0-9.]+)"
    scorer = {"kind": "external", "media": True, "command": command, "pattern": pattern}
    write_rows(folder / "prompts.jsonl", [{"prompt": f"a river under bridge {n}/4"} for n in range(4)])
    changes = {
        "endpoint": {"parameters": parameters},
        "dataset": {"expected": ["prompt"]},
        "audits": [{"test": "test07", "threshold": 69.7752, "scorer": scorer}],
    }
    return job(folder, url, changes)


@pytest.mark.parametrize("raw", [False, True])
def test_videos_are_kept_scored_and_listed_by_digest(tmp_path: Path, raw: bool) -> None:
    with Server(*(["--raw-mp4"] if raw else [])) as server:
        done = audit(videos(tmp_path, server.url, response_format="video_bytes"), tmp_path / "out")
    found = verdict(tmp_path / "out")
    assert found["outcome"] == "PASS", done.err
    assert found["numbers"]["score"] == pytest.approx(70)
    listed = {e["path"]: e for e in sidecar(tmp_path / "out")["artifacts"] if e["role"] == "media"}
    assert sorted(listed) == [f"runs/test07/media/{n}.mp4" for n in range(4)]
    for line in (tmp_path / "out/runs/test07/outputs.jsonl").read_text().splitlines():
        answer = json.loads(line)
        entry = listed[f"runs/test07/media/{answer['ordinal']}.mp4"]
        assert entry["digest"]["sha256"] == answer["output"]["video_sha256"]
    assert auditcube("verify", tmp_path / "out").code == 0
    told = auditcube("redact", tmp_path / "out", "--output_dir", tmp_path / "public")
    assert told.code == 0, told.err
    assert sidecar(tmp_path / "public")["redaction_status"] == "redacted"
    assert (tmp_path / "public/runs/test07/media/0.mp4").read_bytes() == b"[withheld:media]\n"
    assert auditcube("verify", tmp_path / "public").code == 0
    told = auditcube("export", tmp_path / "public", "--layout", "mlperf-inference", "--output", tmp_path / "scenario")
    assert told.code == 2
    assert "has no performance run" in told.err
    bundle = Bundle.copied(tmp_path / "out", tmp_path / "copy")
    one, other = (bundle.root / f"runs/test07/media/{n}.mp4" for n in (0, 1))
    one.write_bytes(other.read_bytes())
    bundle.seal()
    told = auditcube("verify", bundle.root)
    assert told.code == 5
    assert "another video" in told.out


@pytest.mark.parametrize(
    ("left_out", "parameters", "told"),
    [
        ("scene", {"response_format": "video_bytes"}, "VBench did not score scene"),
        ("", {}, "4 answers came without the video itself"),
    ],
)
def test_videos_without_a_score(tmp_path: Path, left_out: str, parameters: dict[str, Any], told: str) -> None:
    with Server() as server:
        done = audit(videos(tmp_path, server.url, left_out, **parameters), tmp_path / "out")
    assert done.code == 6
    assert told in verdict(tmp_path / "out")["reason"]
    assert auditcube("verify", tmp_path / "out").code == 6
