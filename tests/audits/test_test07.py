"""TEST07: the threshold's exact boundary, and everything about which it says nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditcube.audits import test07
from auditcube.audits.contract import Outcome, Refusal, Verdict
from auditcube.audits.scorers import Scorer
from auditcube.audits.test07 import Params
from auditcube.evidence.answers import Score
from auditcube.load.order import WithoutReplacement
from auditcube.load.schedule import RunSpec
from builders import S, end_of, load_of, run_of, steady


def judged(score: Score | None, threshold: float = 60.698, queries: int = 10, **changes: Any) -> Verdict:
    params = Params.model_validate({"threshold": threshold, "scorer": changes.pop("scorer", {})})
    scores = {} if score is None else {"test07": score}
    run = run_of(steady(queries, S), label="test07", scores=scores, **changes)
    verdict = test07.judge(params, {"test07": run})
    json.dumps(verdict.to_json(), allow_nan=False)
    return verdict


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(60.698, "PASS"), (60.69799999999999, "FAIL"), (60.6975, "FAIL"), (100.0, "PASS"), (0.0, "FAIL"), (-1.0, "FAIL")],
)
def test_the_boundary_is_inclusive_and_unrounded(value: float, outcome: str) -> None:
    """MLPerf's own scorer prints three decimals, and 60.6975 passes there."""
    assert judged(Score(value, 10)).outcome.value == outcome


@pytest.mark.parametrize(("value", "outcome"), [(2.5, "PASS"), (2.51, "FAIL"), (0.0, "PASS")])
def test_of_error_rates_a_smaller_one_is_better(value: float, outcome: str) -> None:
    assert judged(Score(value, 10), 2.5, scorer={"kind": "word_error_rate"}).outcome.value == outcome


def test_what_a_verdict_tells() -> None:
    verdict = judged(Score(75.0, 10))
    assert (verdict.code, verdict.reason) == ("accurate", "the score 75 reaches 60.698")
    assert verdict.numbers == {
        "score": 75.0, "threshold": 60.698, "answers": 10, "requested": 10, "scorer": "exact_match",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("score", "changes", "code"),
    [
        (None, {}, "no_score"),
        (Score(None, 10, "it crashed"), {}, "no_score"),
        (Score(100.0, 9), {}, "answers_missing"),  # what was left out is usually what is hard
        (Score(100.0, 0), {}, "answers_missing"),
        (Score(100.0, 10), {"ends": []}, "run_broken"),
        (Score(100.0, 10), {"ends": [end_of(10, "interrupted")]}, "run_broken"),
        (Score(0.0, 10), {"ends": []}, "run_broken"),
    ],
)
def test_about_what_nothing_is_said(score: Score | None, changes: dict[str, Any], code: str) -> None:
    verdict = judged(score, **changes)
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, code)
    assert verdict.reason.endswith("; nothing can be said about accuracy")


def test_answers_left_out_do_not_save_a_low_score() -> None:
    assert judged(Score(1.0, 9)).outcome is Outcome.FAIL


def test_the_plan() -> None:
    assert test07.plan(Params(threshold=1.0), 50, load_of()) == (
        RunSpec("test07", WithoutReplacement(), 50, capture=1.0),
    )
    assert test07.plan(Params(threshold=1.0, samples=9), 50, load_of())[0].queries == 9
    assert test07.scoring(Params(threshold=1.0)).runs == {"test07": None}


@pytest.mark.parametrize(("params", "key"), [(Params(), "threshold"), (Params(threshold=1.0, samples=51), "samples")])
def test_what_is_refused(params: Params, key: str) -> None:
    with pytest.raises(Refusal) as refusal:
        test07.plan(params, 50, load_of())
    assert refusal.value.key == key


def test_a_library_that_is_not_there_is_told_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Refusal, match=r"auditcube\[rouge\]"):
        test07.plan(Params(threshold=1.0, scorer=Scorer(kind="rouge")), 50, load_of())
