"""The audits of answers against the demo endpoint: honest, and with the cheat that each of them alone finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditcube import audits
from auditcube.demo.cheats import CHEATS
from auditcube.demo.text import END, TextJob
from bundles import Bundle
from e2e.commands import Server, auditcube, job, prompts, sidecar, write_rows

MOST = 40
PARAMETERS = {"max_tokens": MOST, "stream": True, "stream_options": {"include_usage": True}, "return_token_ids": True}
# A wide band where speed is compared: what is looked for here is in the answers, and these machines are busy.
LIST: list[dict[str, Any]] = [
    {"test": "test01", "samples": 30, "compare": "tokens", "threshold": 0.9},
    {"test": "test04", "samples": 30, "threshold": 0.95},
    {"test": "test06", "samples": 30, "eos": [END.id]},
    # By the words that an answer begins with, most of which may be wrong: lengths, and another model in some calls, are
    # for other audits.
    {"test": "test07", "samples": 30, "threshold": 20, "scorer": {"extract": r"^((?:\S+ ){5})"}},
    {"test": "test09", "samples": 40, "min_output_tokens": 30, "max_output_tokens": MOST + 3},
]
HONEST = {audit["test"]: "PASS" for audit in LIST}
# Cheat -> the one audit that finds it. A cache is found by TEST04 (test_audit.py); all others must stay silent here.
FOUND_BY = {
    "other_model": "test01",
    "lru_cache=1": "test04",  # a larger one also makes the run behind the accuracy run faster than its reference
    "double_eos": "test06",
    "other_model=1": "test07",  # in all runs alike, so that it equals itself
    "padded_outputs": "test09",
}
# Where a job of its own is wanted: predictions (test_accuracy.py), streams one at a time, uneven lengths (below).
ELSEWHERE = {"wrong_predictions": "test08", "wrong_first_token": "test06", "uneven_outputs": "test09"}


def outcomes(tmp_path: Path, url: str, **parameters: Any) -> dict[str, str]:
    texts = [TextJob(row["prompt"], 0, MOST).render().text for row in prompts()]
    rows = [{**row, "answer": " ".join(text.split()[:5])} for row, text in zip(prompts(), texts, strict=True)]
    write_rows(tmp_path / "prompts.jsonl", rows)
    endpoint = {"url": url, "api": "openai_completions", "parameters": {**PARAMETERS, **parameters}}
    changes = {"endpoint": endpoint, "audits": LIST, "load": {"min_queries": 30, "max_in_flight": 4}}
    config = job(tmp_path, url, {**changes, "dataset": {"expected": ["answer"]}})
    done = auditcube("audit", "--config", config, "--output_dir", tmp_path / "out")
    verdicts = {verdict["test"]: verdict["outcome"] for verdict in sidecar(tmp_path / "out")["verdicts"]}
    expected = 1 if "FAIL" in verdicts.values() else 6 if "INCONCLUSIVE" in verdicts.values() else 0
    assert done.code == expected, done.out + done.err
    assert auditcube("verify", tmp_path / "out").code == expected
    return verdicts


def test_an_honest_endpoint_passes_all(tmp_path: Path) -> None:
    with Server() as server:
        assert outcomes(tmp_path, server.url) == HONEST


@pytest.mark.parametrize(("cheat", "audit"), FOUND_BY.items())
def test_each_cheat_is_found_by_its_audit_alone(tmp_path: Path, cheat: str, audit: str) -> None:
    with Server("--cheat", cheat) as server:
        verdicts = outcomes(tmp_path, server.url)
    assert {name for name, outcome in verdicts.items() if outcome == "FAIL"} == {audit}, verdicts


def test_counts_that_are_wrong_are_found(tmp_path: Path) -> None:
    """By both audits that hold the ids against the reported length."""
    with Server("--cheat", "wrong_counts") as server:
        verdicts = outcomes(tmp_path, server.url)
    assert (verdicts["test06"], verdicts["test09"]) == ("FAIL", "FAIL")


def streamed(tmp_path: Path, url: str, audit: dict[str, Any]) -> Any:
    """The verdict of one audit of single streams."""
    endpoint = {"url": url, "api": "openai_completions", "parameters": PARAMETERS}
    load = {"max_in_flight": 1}
    config = job(tmp_path, url, {"scenario": "SingleStream", "endpoint": endpoint, "load": load, "audits": [audit]})
    done = auditcube("audit", "--config", config, "--output_dir", tmp_path / "out")
    assert done.code in (0, 1, 6), done.err
    (verdict,) = sidecar(tmp_path / "out")["verdicts"]
    assert done.code == {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 6}[verdict["outcome"]], done.err
    assert auditcube("verify", tmp_path / "out").code == done.code
    return verdict


@pytest.mark.parametrize(
    ("cheat", "code"),
    [(None, "consistent"), ("wrong_first_token", "first_token_differs"), ("other_model", "not_deterministic")],
)
def test_a_first_token_is_held_against_the_answer_in_one_piece(tmp_path: Path, cheat: str | None, code: str) -> None:
    """A stream that begins with a guess agrees with itself."""
    with Server(*(("--cheat", cheat) if cheat else ())) as server:
        verdict = streamed(tmp_path, server.url, {"test": "test06", "samples": 20, "eos": [END.id]})
    assert verdict["code"] == code


@pytest.mark.parametrize(("cheat", "outcome"), [(None, "PASS"), ("uneven_outputs=0.9", "FAIL")])
def test_lengths_whose_mean_alone_is_right(tmp_path: Path, cheat: str | None, outcome: str) -> None:
    audit = {"test": "test09", "min_output_tokens": 15, "max_output_tokens": 41, "percentiles": {10: [20, 41]}}
    with Server(*(("--cheat", cheat) if cheat else ())) as server:
        verdict = streamed(tmp_path, server.url, audit)
    assert verdict["outcome"] == outcome, verdict
    assert 15 <= verdict["numbers"]["mean"] <= 41


def test_every_audit_has_a_cheat_that_it_finds() -> None:
    by = {**FOUND_BY, **ELSEWHERE}
    assert {audit for audit in audits.names() if audit.startswith("test")} == set(by.values())
    assert {cheat.partition("=")[0] for cheat in by} <= set(CHEATS)


def test_without_token_ids_nothing_is_said_of_tokens(tmp_path: Path) -> None:
    with Server() as server:
        verdicts = outcomes(tmp_path, server.url, return_token_ids=None)
    assert (verdicts["test01"], verdicts["test06"], verdicts["test09"]) == ("INCONCLUSIVE", "INCONCLUSIVE", "PASS")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answered")
    with Server() as server:
        outcomes(folder, server.url)
    return folder / "out"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("drop", "was to be kept, and is not there"),
        ("double", "stands twice"),
        ("other sample", "asked for another sample"),
        ("no answer", "is no kept answer"),
        ("other query", "no answer to query 10000 was to be kept"),
        ("other tokens", "does not follow from the events"),
    ],
)
def test_kept_answers_that_were_tampered_with_are_rejected(
    answered: Path, tmp_path: Path, damage: str, told: str
) -> None:
    """Also where all digests were made anew: answers must fit the events, and verdicts the answers."""
    bundle = Bundle.copied(answered, tmp_path / "out")
    path = bundle.root / "runs/test06/outputs.jsonl"
    first, *rest = path.read_text().splitlines()
    record = json.loads(first)
    tokens = {**record["output"], "token_ids": [END.id, *record["output"]["token_ids"][1:]]}
    lines = {
        "drop": rest,
        "double": [first, first, *rest],
        "other sample": [json.dumps({**record, "sample": 10_000}), *rest],
        "other query": [json.dumps({**record, "ordinal": 10_000}), *rest],
        "no answer": ["{}", first, *rest],
        "other tokens": [json.dumps({**record, "output": tokens}), *rest],
    }[damage]
    path.write_text("".join(f"{line}\n" for line in lines))
    bundle.seal()
    done = auditcube("verify", bundle.root)
    assert done.code == 5
    assert told in done.out
