"""TEST01: answers compared whole, and by their scores where they vary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from auditcube.audits import test01
from auditcube.audits.contract import REFERENCE, Outcome, Refusal, Verdict
from auditcube.audits.scorers import Scorer
from auditcube.audits.test01 import ACCURACY, AUDIT, Params
from auditcube.evidence.answers import KeptAnswer, Score
from builders import S, load_of, run_of, steady


def answers(*contents: bytes | None) -> list[KeptAnswer]:
    return [KeptAnswer(n, n, content) for n, content in enumerate(contents)]


def judged(
    accuracy: Sequence[KeptAnswer],
    audit: Sequence[KeptAnswer],
    *,
    scores: tuple[Score | None, Score | None] = (None, None),
    took: int = S,
    **params: Any,
) -> Verdict:
    def told(score: Score | None) -> dict[str, Score]:
        return {} if score is None else {"test01": score}

    runs = {
        REFERENCE: run_of(steady(10, S)),
        ACCURACY: run_of(steady(10, S), label=ACCURACY, answers=accuracy, scores=told(scores[0])),
        AUDIT: run_of(steady(10, took), label=AUDIT, answers=audit, scores=told(scores[1])),
    }
    verdict = test01.judge(Params.model_validate(params), runs)
    json.dumps(verdict.to_json(), allow_nan=False)
    return verdict


@pytest.mark.parametrize(
    ("accuracy", "audit", "code"),
    [
        (answers(b"a", b"b"), answers(b"a", b"b"), "same_answers"),
        (answers(b"a", b"b"), answers(b"a"), "same_answers"),
        (answers(b"a", b"bb"), answers(b"a", b"b"), "answers_differ"),  # MLPerf's script sees the first element alone
        (answers(b"a", b"b"), answers(b"a", b"a"), "answers_differ"),
        (answers(b"a"), answers(b"a", b"b"), "samples_missing"),
        (answers(b"a", None), answers(b"a", None), "no_tokens"),
        (answers(b"a", b""), answers(b"a", b""), "no_tokens"),
        ([*answers(b"a"), *answers(b"b")], answers(b"a"), "not_deterministic"),
        (answers(b"a"), [], "too_few_compared"),
        ([], [], "too_few_compared"),
    ],
)
def test_answers_are_compared_whole(accuracy: list[KeptAnswer], audit: list[KeptAnswer], code: str) -> None:
    assert judged(accuracy, audit).code == code


@pytest.mark.parametrize(("took", "code"), [(S, "same_answers"), (2 * S, "score_differs"), (S // 2, "score_differs")])
def test_the_band_has_two_sides(took: int, code: str) -> None:
    assert judged(answers(b"a"), answers(b"a"), took=took).code == code


VARYING = (answers(b"a", b"b"), answers(b"a", b"c"))


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (Score(80, 2), Score(80, 2), "same_scores"),
        (Score(80, 2), Score(79.3, 2), "same_scores"),
        (Score(80, 2), Score(79.1, 2), "scores_of_answers_differ"),
        (Score(80, 2), Score(95, 2), "scores_of_answers_differ"),
        (Score(80, 2), Score(0, 2), "scores_of_answers_differ"),
        (Score(0, 2), Score(80, 2), "scores_of_answers_differ"),
        (Score(0, 2), Score(0, 2), "no_score"),  # nothing is as good as nothing
        (Score(None, 2, "it crashed"), Score(80, 2), "no_score"),
        (Score(80, 2), Score(None, 2, "it crashed"), "no_score"),
        (None, None, "no_score"),
    ],
)
def test_where_answers_vary_scores_decide(before: Score | None, after: Score | None, code: str) -> None:
    verdict = judged(*VARYING, scores=(before, after), scorer={})
    assert verdict.code == code
    assert (verdict.outcome is Outcome.PASS) == (code == "same_scores")


def test_good_scores_do_not_excuse_a_speed() -> None:
    scores = (Score(80, 2), Score(80, 2))
    assert judged(*VARYING, scores=scores, scorer={}, took=2 * S).code == "score_differs"


def test_an_accuracy_run_that_varies_is_scored_too() -> None:
    accuracy = [*answers(b"a"), *answers(b"b")]
    assert judged(accuracy, answers(b"a"), scores=(Score(80, 2), Score(80, 1)), scorer={}).code == "same_scores"


def test_what_is_scored_and_run() -> None:
    assert test01.scoring(Params()) is None
    scoring = test01.scoring(Params(scorer=Scorer()))
    assert scoring is not None
    assert scoring.runs == {AUDIT: None, ACCURACY: AUDIT}
    labels = [spec.label for spec in test01.plan(Params(samples=5), 8, load_of())]
    assert labels == [REFERENCE, ACCURACY, AUDIT]
    with pytest.raises(Refusal, match="more than the data set's 4 rows"):
        test01.plan(Params(samples=5), 4, load_of())
