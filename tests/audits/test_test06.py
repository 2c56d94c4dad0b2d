"""TEST06: what is held against what, answer by answer."""

from __future__ import annotations

from typing import Any

import pytest

from auditcube.audits import test06
from auditcube.audits.contract import Outcome, Refusal, Verdict
from auditcube.audits.test06 import AUDIT, WHOLE, Params
from auditcube.evidence.answers import KeptAnswer
from auditcube.load.order import WithoutReplacement
from auditcube.load.schedule import RunSpec
from auditcube.scenario import Scenario
from builders import S, load_of, run_of, steady

GOOD = [10, 11, 12, 2]
SINGLE_STREAM = load_of(Scenario.SINGLE_STREAM, max_in_flight=1)


def answer(tokens: Any = GOOD, first: Any = (10,), length: Any = 4, *, all_tokens: bool = True) -> KeptAnswer:
    return KeptAnswer(0, 0, b"", tokens, first, length, all_tokens=all_tokens)


def judged(streamed: KeptAnswer, whole: KeptAnswer | None = None, **changes: Any) -> Verdict:
    """Of one answer, streamed and, if told, in one piece."""
    params = Params(**{"samples": 1, "whole": whole is not None, **changes})
    runs = {AUDIT: run_of(steady(1, S), label=AUDIT, load=SINGLE_STREAM, answers=[streamed])}
    if whole is not None:
        runs[WHOLE] = run_of(steady(1, S), label=WHOLE, load=SINGLE_STREAM, answers=[whole])
    return test06.judge(params, runs)


@pytest.mark.parametrize(
    ("streamed", "code"),
    [
        (answer(), "consistent"),
        (answer([10, 11, 12, 13], (10,)), "consistent"),  # cut off by its length
        (answer(first=(10, 11)), "consistent"),
        (answer([2], (2,), 1), "consistent"),
        (answer([10, 2, 2], length=3), "several_eos"),
        (answer([10, 2, 12], length=3), "eos_within"),
        (answer([2, 11, 12], (2,), 3), "eos_within"),  # the first token is looked at as well
        (answer(first=(11,)), "first_token_differs"),
        (answer(first=(10, 11, 12, 2, 5)), "first_token_differs"),
        (answer(length=5), "length_differs"),
        (answer(length=3), "length_differs"),
        (answer([], (), 3), "length_differs"),
        (answer([], (), 0), "empty"),
        (answer(None), "no_tokens"),
        (answer(first=None), "no_first_token"),
        (answer(first=()), "no_first_token"),
        (answer(length=None), "no_length"),
        (answer(length=5, all_tokens=False), "ids_missing"),
        (answer(length=3, all_tokens=False), "length_differs"),
    ],
)
def test_one_answer(streamed: KeptAnswer, code: str) -> None:
    assert judged(streamed).code == code


@pytest.mark.parametrize(
    ("streamed", "whole", "code"),
    [
        (answer(), answer(first=None), "consistent"),
        (answer([99, 11, 12, 2], (99,)), answer(), "first_token_differs"),  # in place of the first
        (answer([99, *GOOD], (99,), 5), answer(), "first_token_differs"),  # before it
        (answer([98, 99, 12, 2], (98, 99)), answer(), "first_token_differs"),
        (answer([10, 11, 99, 2]), answer(), "not_deterministic"),
        (answer([10, 11, 12]), answer(), "length_differs"),
        (answer([99, 11, 99, 2], (99,)), answer(), "not_deterministic"),
        (answer(), answer(None), "no_whole"),
        (answer(), answer(length=5, all_tokens=False), "no_whole"),
        (answer(length=5, all_tokens=False), answer([*GOOD, 5], length=5), "ids_missing"),
        (answer(None), answer(), "no_tokens"),
    ],
)
def test_a_stream_beside_the_answer_in_one_piece(streamed: KeptAnswer, whole: KeptAnswer, code: str) -> None:
    assert judged(streamed, whole).code == code


def test_several_ends_of_a_sequence() -> None:
    assert judged(answer([10, 7], length=2), eos=(2, 7)).outcome is Outcome.PASS
    assert judged(answer([10, 7, 2], length=3), eos=(2, 7)).code == "several_eos"


def test_the_run_in_one_piece_must_be_there() -> None:
    run = run_of(steady(1, S), label=AUDIT, load=SINGLE_STREAM, answers=[answer()])
    assert test06.judge(Params(samples=1), {AUDIT: run}).code == "run_missing"
    assert test06.judge(Params(samples=1), {}).code == "run_missing"
    broken = run_of(steady(1, S), label=WHOLE, load=SINGLE_STREAM, ends=[], answers=[answer()])
    assert test06.judge(Params(samples=1), {AUDIT: run, WHOLE: broken}).code == "run_broken"


def test_no_answer_is_no_pass() -> None:
    run = run_of(steady(1, S), label=AUDIT, load=SINGLE_STREAM)
    assert test06.judge(Params(samples=1, whole=False), {AUDIT: run}).code == "no_answers"


@pytest.mark.parametrize(
    ("scenario", "whole", "runs"),
    [
        (Scenario.OFFLINE, None, 1), (Scenario.OFFLINE, True, 2), (Scenario.OFFLINE, False, 1),
        (Scenario.SINGLE_STREAM, None, 2), (Scenario.SINGLE_STREAM, False, 1),
    ],
)  # fmt: skip
def test_what_is_run(scenario: Scenario, whole: bool | None, runs: int) -> None:
    planned = test06.plan(Params(samples=5, whole=whole), 8, load_of(scenario, max_in_flight=1))
    audited = RunSpec(AUDIT, WithoutReplacement(), 5, capture=1.0)
    assert planned == (audited, RunSpec(WHOLE, WithoutReplacement(), 5, capture=1.0, whole=True))[:runs]
    with pytest.raises(Refusal, match="more than the data set's 4 rows"):
        test06.plan(Params(samples=5), 4, load_of())
