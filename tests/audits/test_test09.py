"""TEST09: bounds to the digit, and the lengths behind a mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from auditcube.audits import test09
from auditcube.audits.contract import Outcome, Refusal, Verdict
from auditcube.audits.test09 import ACCURACY, AUDIT, Params
from auditcube.evidence.answers import KeptAnswer
from builders import S, load_of, run_of, steady

BOUNDS = {"min_output_tokens": 10, "max_output_tokens": 20}


def answers(lengths: Sequence[int | None]) -> list[KeptAnswer]:
    tokens = [None if length is None else [7] * length for length in lengths]
    return [KeptAnswer(n, n, b"", ids, None, None if ids is None else len(ids)) for n, ids in enumerate(tokens)]


def judged(lengths: Sequence[int | None], accuracy: Sequence[int | None] | None = None, **changes: Any) -> Verdict:
    runs = {AUDIT: run_of(steady(len(lengths), S), label=AUDIT, answers=answers(lengths))}
    if accuracy is not None:
        runs[ACCURACY] = run_of(steady(max(1, len(accuracy)), S), label=ACCURACY, answers=answers(accuracy))
    params = Params.model_validate({**BOUNDS, "like_accuracy": accuracy is not None, **changes})
    verdict = test09.judge(params, runs)
    json.dumps(verdict.to_json(), allow_nan=False)
    return verdict


@pytest.mark.parametrize(
    ("lengths", "code"),
    [
        ([15, 15], "mean_within_bounds"),
        ([10, 10], "mean_within_bounds"),
        ([20, 20], "mean_within_bounds"),
        ([10, 9, 10], "mean_out_of_bounds"),
        ([20, 20, 21], "mean_out_of_bounds"),
        ([0, 30, 0, 30], "empty_answers"),
        ([15, None], "lengths_missing"),
        ([None, None], "no_lengths"),
        ([1, None], "mean_out_of_bounds"),
    ],
)
def test_the_mean_and_what_it_is_of(lengths: Sequence[int | None], code: str) -> None:
    assert judged(lengths).code == code


@pytest.mark.parametrize(
    ("percentiles", "code"),
    [
        ({50: [1, 29]}, "mean_within_bounds"),
        ({50: [10, 20]}, "distribution_differs"),
        ({"99.5": [29, 29]}, "mean_within_bounds"),
        ({"99.5": [30, 31]}, "distribution_differs"),
        ({50: [0, 30], 100: [0, 28]}, "distribution_differs"),
    ],
)
def test_bounds_of_percentiles(percentiles: dict[Any, Any], code: str) -> None:
    assert judged([1, 29] * 10, percentiles=percentiles).code == code


@pytest.mark.parametrize(
    "percentiles",
    [{0: [1, 2]}, {101: [1, 2]}, {"x": [1, 2]}, {"nan": [1, 2]}, {"1e1": [1, 2]}, {50: [2, 1]}, {50: [1]}, {50: 3},
     {50: ["a", "b"]}, {True: [1, 2]}, [50], {50: [float("nan"), 1]}],
)  # fmt: skip
def test_percentiles_that_are_none(percentiles: Any) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate({**BOUNDS, "percentiles": percentiles})


def test_lengths_are_distributed_as_in_the_accuracy_run() -> None:
    even, uneven = [14, 16] * 200, [5, 25] * 200
    assert judged(even, even).outcome is Outcome.PASS
    assert judged(uneven, even).code == "distribution_differs"
    assert judged([15] * 40 + [16] * 360, [16] * 400).outcome is Outcome.PASS, "a tenth is allowed"
    assert judged([15] * 80 + [16] * 320, [16] * 400).code == "distribution_differs"
    few = judged([5, 25, 15], [15, 15, 15])
    assert few.outcome is Outcome.PASS, "of three answers anything may be an accident"
    assert few.numbers["max_distance"] > 1


def test_the_accuracy_run_must_tell_its_lengths() -> None:
    assert judged([15], [None]).code == "lengths_missing"
    assert judged([15], []).outcome is Outcome.INCONCLUSIVE
    runs = {AUDIT: run_of(steady(1, S), label=AUDIT, answers=answers([15]))}
    assert test09.judge(Params.model_validate({**BOUNDS, "like_accuracy": True}), runs).code == "run_missing"


def test_what_is_run() -> None:
    (only,) = test09.plan(Params.model_validate(BOUNDS), 8, load_of())
    assert (only.label, only.queries, only.capture) == (AUDIT, 8, 1.0)
    _, accuracy = test09.plan(Params.model_validate({**BOUNDS, "like_accuracy": True, "samples": 5}), 8, load_of())
    assert (accuracy.label, accuracy.queries, accuracy.capture) == (ACCURACY, 8, 1.0)
    with pytest.raises(Refusal, match="is wanted"):
        test09.plan(Params(), 8, load_of())
