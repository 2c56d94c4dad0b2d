"""The audits of answers against the demo endpoint: honest, and with the cheat that each of them alone finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditcube import audits
from auditcube.demo.cheats import CHEATS
from auditcube.demo.text import END
from bundles import Bundle
from e2e.commands import Server, auditcube, job, sidecar

MOST = 40
PARAMETERS = {"max_tokens": MOST, "stream": True, "stream_options": {"include_usage": True}, "return_token_ids": True}
# A wide band where speed is compared: what is looked for here is in the answers, and these machines are busy.
LIST: list[dict[str, Any]] = [
    {"test": "test01", "samples": 30, "compare": "tokens", "threshold": 0.9},
    {"test": "test04", "samples": 30, "threshold": 0.95},
    {"test": "test06", "samples": 30, "eos": [END.id]},
    {"test": "test09", "samples": 40, "min_output_tokens": 30, "max_output_tokens": MOST + 3},
]
# Cheat -> the one audit that finds it. A cache is found by TEST04 (test_audit.py); all others must stay silent here.
FOUND_BY = {
    "other_model": "test01",
    "lru_cache=1": "test04",  # a larger one also makes the run behind the accuracy run faster than its reference
    "double_eos": "test06",
    "padded_outputs": "test09",
    "truncated_outputs=0.5": "test09",
}


def outcomes(tmp_path: Path, url: str, **parameters: Any) -> dict[str, str]:
    endpoint = {"url": url, "api": "openai_completions", "parameters": {**PARAMETERS, **parameters}}
    config = job(tmp_path, url, {"endpoint": endpoint, "audits": LIST, "load": {"min_queries": 30, "max_in_flight": 4}})
    done = auditcube("audit", "--config", config, "--output_dir", tmp_path / "out")
    verdicts = {verdict["test"]: verdict["outcome"] for verdict in sidecar(tmp_path / "out")["verdicts"]}
    expected = 1 if "FAIL" in verdicts.values() else 6 if "INCONCLUSIVE" in verdicts.values() else 0
    assert done.code == expected, done.out + done.err
    assert auditcube("verify", tmp_path / "out").code == expected
    return verdicts


def test_an_honest_endpoint_passes_all(tmp_path: Path) -> None:
    with Server() as server:
        assert outcomes(tmp_path, server.url) == dict.fromkeys(("test01", "test04", "test06", "test09"), "PASS")


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


def test_every_audit_has_a_cheat_that_it_finds() -> None:
    assert {audit for audit in audits.names() if audit.startswith("test")} == set(FOUND_BY.values())
    assert {cheat.partition("=")[0] for cheat in FOUND_BY} <= set(CHEATS)


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
