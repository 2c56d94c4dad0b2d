"""Scores of kept answers: the built-in scorers, and commands of the submitter's, which are run here and nowhere else.

A command gets an argument list, never a shell; files of its own to read and write; a time limit, after which its whole
process group is stopped; and no variable of the environment but a few harmless ones and those that the config names.
What it found is evidence: it stands in `audit/score_<id>.json`, where `verify` finds it. Built-in scores are computed
again by `verify`.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from auditcube import audits
from auditcube.audits import scorers
from auditcube.audits.scorers import Scorer
from auditcube.errors import EvidenceRejected, InvalidInput
from auditcube.evidence.answers import KeptAnswer, Score
from auditcube.evidence.store import Store
from auditcube.job import Plan
from auditcube.metrics import Run

ANSWERS, OUTPUT, MEDIA = "{answers}", "{output}", "{media}"
_PLACE = re.compile("|".join(map(re.escape, (ANSWERS, OUTPUT, MEDIA))))
_HARMLESS = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")
_MOST_PRINTED = 2**24
_TOLD = 200
_EXTERNAL = ("command", "exit_status", "input_sha256")


def check(plan: Plan) -> None:
    """Raises InvalidInput, before anything is sent, for a scorer that could not score in the end."""
    for audit in plan.audits:
        wanted = audits.scoring(audit.test, audit.params)
        if wanted is None:
            continue
        scorer = wanted.scorer
        if scorer.kind != "external" and scorer.column not in plan.config.dataset.expected:
            known = ", ".join(plan.config.dataset.expected) or "none"
            text = f"{audit.test_id}: the scorer's column {scorer.column!r} is not in dataset.expected ({known})"
            raise InvalidInput(text)
        if scorer.kind == "external" and not any(ANSWERS in word for word in scorer.command):
            raise InvalidInput(f"{audit.test_id}: the scorer's command is not given the answers: {ANSWERS} is missing")
        if scorer.media != any(MEDIA in word for word in scorer.command):
            raise InvalidInput(f"{audit.test_id}: scorer.media: true and {MEDIA} in the scorer's command go together")


def scored(plan: Plan, runs: Mapping[str, Run], store: Store, environ: Mapping[str, str]) -> dict[str, Run]:
    """The runs with the scores that the audits want; commands are run. Raises EvidenceRejected for no answers."""

    def external(_: str, scorer: Scorer, run: Run, samples: set[int] | None) -> Score:
        return _by_command(scorer, run, samples, store.run(run.label).directory / "media", environ)

    return _each(plan, runs, external)


def rescored(plan: Plan, runs: Mapping[str, Run], root: Path) -> dict[str, Run]:
    """The same from files: built-in scores are computed again, those of commands taken from the audit's file.

    Raises EvidenceRejected where that does not belong to these answers and this config.
    """
    return _each(plan, runs, lambda test_id, scorer, run, among: _from_file(root, test_id, scorer, run, among))


def files(plan: Plan, runs: Mapping[str, Run]) -> dict[str, Any]:
    """The file of each audit that has scores, by its path in the output directory."""
    found = {}
    for audit in plan.audits:
        told = {
            label: run.scores[audit.test_id].to_json() for label, run in runs.items() if audit.test_id in run.scores
        }
        if told:
            found[_name(audit.test_id)] = {"test": audit.test_id, "runs": told}
    return found


def _name(test_id: str) -> str:
    return f"audit/score_{test_id}.json"


def _each(plan: Plan, runs: Mapping[str, Run], external: Any) -> dict[str, Run]:
    found = dict(runs)
    for audit in plan.audits:
        wanted = audits.scoring(audit.test, audit.params)
        for label, among in wanted.runs.items() if wanted is not None else ():
            if label not in runs or (among is not None and among not in runs):
                continue
            assert wanted is not None
            samples = None if among is None else {answer.sample for answer in runs[among].answers()}
            if wanted.scorer.kind == "external":
                score = external(audit.test_id, wanted.scorer, runs[label], samples)
            else:
                score = scorers.score(wanted.scorer, _answers(runs[label], samples))
            found[label] = replace(found[label], scores={**found[label].scores, audit.test_id: score})
    return found


def _answers(run: Run, samples: set[int] | None) -> Iterator[KeptAnswer]:
    return (answer for answer in run.answers() if samples is None or answer.sample in samples)


def _lines(run: Run, samples: set[int] | None) -> Iterator[bytes]:
    """What a command is given: one line for each answer."""
    for answer in _answers(run, samples):
        line = {
            "ordinal": answer.ordinal,
            "sample": answer.sample,
            "output": dict(answer.output),
            "expected": dict(answer.expected),
        }
        yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS)


def _by_command(scorer: Scorer, run: Run, samples: set[int] | None, media: Path, environ: Mapping[str, str]) -> Score:
    with tempfile.TemporaryDirectory(prefix="auditcube-score-") as folder:
        given, output = Path(folder, "answers.jsonl"), Path(folder, "output")
        output.mkdir()
        digest, count = hashlib.sha256(), 0
        places = {ANSWERS: str(given), OUTPUT: str(output), MEDIA: str(media.resolve())}
        with given.open("wb") as file:
            for line in _lines(run, samples):
                file.write(line)
                digest.update(line)
                count += 1
        if scorer.media and (lost := sum("video_sha256" not in answer.output for answer in _answers(run, samples))):
            problem = f"{lost} answers came without the video itself; ask for it: response_format: video_bytes"
            return Score(None, count, problem, _external(scorer, None, digest.hexdigest()))
        words = [_PLACE.sub(lambda found: places[found[0]], word) for word in scorer.command]
        status, printed, problem = _run(words, scorer.timeout_s, _environment(scorer, environ), output)
        value = None
        if not problem:
            text = printed if scorer.result is None else _read(output / scorer.result)
            value, problem = _value(scorer, text)
    return Score(value, count, problem, _external(scorer, status, digest.hexdigest()))


def _external(scorer: Scorer, status: int | None, sha256: str) -> dict[str, Any]:
    return {"command": list(scorer.command), "exit_status": status, "input_sha256": sha256}


def _environment(scorer: Scorer, environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in (*_HARMLESS, *scorer.environment) if name in environ}


def _run(
    words: list[str], timeout_s: float, environ: Mapping[str, str], folder: Path
) -> tuple[int | None, bytes | None, str]:
    """Exit status, what was printed, and why there is no score, if so."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=printed, stderr=complained, env=dict(environ), cwd=folder,
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            return None, None, f"the command cannot be run: {reason}"
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None, None, f"the command did not end within {timeout_s:g} s"
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):  # all it started, too
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if status != 0:
            complained.seek(max(0, complained.seek(0, os.SEEK_END) - 4 * _TOLD))
            told = " ".join(complained.read().decode("utf-8", "replace").split())[-_TOLD:]
            return status, None, f"the command ended with exit status {status}{': ' + told if told else ''}"
        printed.seek(0)
        return status, printed.read(_MOST_PRINTED + 1), ""


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_PRINTED + 1)
    except OSError:
        return None


def _value(scorer: Scorer, data: bytes | None) -> tuple[float | None, str]:
    """The score in what the command wrote, or why there is none."""
    where = "what it printed" if scorer.result is None else scorer.result
    if data is None:
        return None, f"the command wrote no {where}"
    if len(data) > _MOST_PRINTED:
        return None, f"{where} is larger than {_MOST_PRINTED} bytes"
    if scorer.pattern is not None:
        found = {match[1] for match in re.finditer(scorer.pattern, data.decode("utf-8", "replace"))}
        if len(found) != 1:
            return None, f"in {where} stand {len(found)} scores, and one is wanted"
        return _finite(found.pop(), where)
    assert scorer.member is not None
    try:
        value = json.loads(data)
        for part in scorer.member[1:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            value = value[int(key)] if isinstance(value, list) else value[key]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None, f"{where} is no JSON with the member {scorer.member}"
    return _finite(value, where)


def _finite(value: Any, where: str) -> tuple[float | None, str]:
    try:
        found = float(value) if isinstance(value, str) or type(value) in (int, float) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    return (found, "") if math.isfinite(found) else (None, f"the score in {where} is no finite number")


def _from_file(root: Path, test_id: str, scorer: Scorer, run: Run, samples: set[int] | None) -> Score:
    """A command's score, as its file tells it."""
    name = _name(test_id)
    digest, count = hashlib.sha256(), 0
    for line in _lines(run, samples):
        digest.update(line)
        count += 1
    try:
        told = json.loads((root / name).read_bytes())["runs"][run.label]
        value, problem = told["score"], told["problem"]
        external = {member: told[member] for member in _EXTERNAL}
    except (OSError, ValueError, LookupError, TypeError) as reason:
        raise EvidenceRejected(f"{name}: tells no score of the {run.label} run") from reason
    if external["command"] != list(scorer.command):
        raise EvidenceRejected(f"{name}: another command was run than config.yaml names")
    if external["input_sha256"] != digest.hexdigest():
        raise EvidenceRejected(f"{name}: the command was given other answers than are kept of the {run.label} run")
    if (value is None) != bool(problem) or (value is not None and external["exit_status"] != 0):
        raise EvidenceRejected(f"{name}: a score stands there and a reason why there is none")
    if not isinstance(problem, str) or (value is not None and not _is_score(value)):
        raise EvidenceRejected(f"{name}: holds no score")
    return Score(value, count, problem, external)


def _is_score(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)
