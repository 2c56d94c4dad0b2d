"""TEST08: the tolerance, and predictions of which nothing can be said."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from auditcube.audits import test08
from auditcube.audits.contract import Outcome, Refusal, Verdict
from auditcube.audits.test08 import ACCURACY, AUDIT, Params, normalised_entropy
from auditcube.evidence.answers import KeptAnswer
from builders import S, load_of, run_of, steady

LABELLED = {"labels": [0, 1], "weights": [1.0, 1.0]}


def answers(predictions: Sequence[Any], expected: Mapping[str, Any] = LABELLED) -> list[KeptAnswer]:
    return [KeptAnswer(n, n, b"", output={"predictions": p}, expected=expected) for n, p in enumerate(predictions)]


def judged(accuracy: Sequence[KeptAnswer], audit: Sequence[KeptAnswer], planned: int = 1, **changes: Any) -> Verdict:
    runs = {
        ACCURACY: run_of(steady(planned, S), label=ACCURACY, answers=accuracy),
        AUDIT: run_of(steady(planned, S), label=AUDIT, answers=audit, queries=changes.pop("queries", planned)),
    }
    verdict = test08.judge(Params(**changes), runs)
    json.dumps(verdict.to_json(), allow_nan=False)
    return verdict


def test_the_entropy_is_the_one_of_the_books() -> None:
    """Cross entropy of 0.2 and 0.9 for labels 0 and 1, over that of the mean label, one half."""
    crossed = -(math.log(1 - 0.2) + math.log(0.9)) / 2
    found = normalised_entropy(np.array([0.2, 0.9]), np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    assert found == pytest.approx(crossed / math.log(2), rel=1e-5)  # labels, too, are kept off 0 and 1


@pytest.mark.parametrize(
    ("other", "code"), [(0.2, "same_entropy"), (0.2001, "same_entropy"), (0.202, "entropy_differs")]
)
def test_the_tolerance(other: float, code: str) -> None:
    assert judged(answers([[0.2, 0.9]]), answers([[other, 0.9]], {})).code == code


@pytest.mark.parametrize(
    ("accuracy", "audit", "code"),
    [
        (answers([[0.2, 0.9]]), answers([[0.2]], {}), "no_predictions"),  # one stands for many
        (answers([[0.2, 0.9]]), answers([[0.2, float("nan")]], {}), "no_predictions"),
        (answers([[0.2, 0.9]]), answers([None], {}), "no_predictions"),
        (answers([[0.2, 0.9]]), answers([["a", "b"]], {}), "no_predictions"),
        (answers([[0.2, 0.9]]), answers([[[0.2, 0.9]]], {}), "no_predictions"),
        (answers([[0.2, float("nan")]]), answers([[0.2, 0.9]], {}), "unusable"),
        (answers([[0.2, 0.9]], {"labels": [0, 1]}), answers([[0.2, 0.9]], {}), "unusable"),
        (answers([[0.2, 0.9]], {"labels": [0, 2], "weights": [1, 1]}), answers([[0.2, 0.9]], {}), "unusable"),
        (answers([[0.2, 0.9]], {"labels": [0, 1], "weights": [0, 0]}), answers([[0.2, 0.9]], {}), "undefined"),
        (answers([[0.2, 0.9]], {"labels": [0, 1], "weights": [-1, 3]}), answers([[0.2, 0.9]], {}), "undefined"),
        (answers([[0.2, 0.9]]), answers([[0.2, 0.9]] * 2, {}), "unknown"),
        (answers([[0.2, 0.9]]) * 2, answers([[0.2, 0.9]], {}), "repeated"),
        (answers([[0.2, 0.9]]), [], "no_answers"),
        ([], [], "no_answers"),
    ],
)
def test_of_what_nothing_can_be_said(accuracy: list[KeptAnswer], audit: list[KeptAnswer], code: str) -> None:
    verdict = judged(accuracy, audit)
    assert (verdict.code, verdict.outcome is Outcome.PASS) == (code, False)


def test_weights_may_be_all_one() -> None:
    known = answers([[0.2, 0.9]], {"labels": [0, 1]})
    assert judged(known, answers([[0.2, 0.9]], {}), weights=None).outcome is Outcome.PASS


def test_what_did_not_complete() -> None:
    told = answers([[0.2, 0.9]] * 8)
    assert judged(told, told, 8, queries=10).code == "too_few_completed"
    assert judged(told, told, 8, queries=10, max_error_share=0.2).outcome is Outcome.PASS
    assert test08.judge(Params(), {}).code == "run_missing"


def test_what_is_run() -> None:
    audited, accuracy = test08.plan(Params(samples=5), 8, load_of())
    assert [(spec.label, spec.queries, spec.capture) for spec in (audited, accuracy)] == [
        (AUDIT, 5, 1.0), (ACCURACY, 8, 1.0),
    ]  # fmt: skip
    with pytest.raises(Refusal, match="more than the data set's 4 rows"):
        test08.plan(Params(samples=5), 4, load_of())
