"""TEST06: are the tokens of each answer consistent with what was said of them?

Of every kept answer: it ends with at most one end-of-sequence token, and has none before; the tokens that stopped the
clock of the time to the first token are those that it begins with; its length is the length that was reported. What a
stream told first is also part of that stream, so a second run asks for the same answers in one piece, and the two must
begin alike.

Source: MLPerf Inference, compliance/TEST06, which never looks at the first token for an EOS, and passes an empty log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic import Field

from auditcube.audits.contract import AuditParams, Evidence, Outcome, Refusal, Verdict, unusable
from auditcube.evidence.answers import KeptAnswer
from auditcube.load.order import WithoutReplacement
from auditcube.load.schedule import Load, RunSpec
from auditcube.scenario import Scenario

TITLE = "consistency of token output: first token, end of sequence, length"
AUDIT = "test06"
WHOLE = "test06_whole"


class Params(AuditParams):
    """Settings of TEST06."""

    samples: int = Field(default=100, ge=1, description="queries whose answers are looked at")
    eos: tuple[int, ...] = Field(
        default=(2,), strict=False, min_length=1, description="token ids that end a sequence: those of the model"
    )
    whole: bool | None = Field(
        default=None, description="ask once more, without streaming, and compare; null: but for Offline, as MLPerf"
    )


def plan(params: Params, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
    """One run, all of whose answers are kept, and the same in one piece where the first token is looked at."""
    if params.samples > dataset_size:
        raise Refusal(f"{params.samples} samples are more than the data set's {dataset_size} rows", "samples")
    audited = RunSpec(AUDIT, WithoutReplacement(), params.samples, capture=1.0)
    if not _asked_whole(params, load.scenario):
        return (audited,)
    return (audited, RunSpec(WHOLE, WithoutReplacement(), params.samples, capture=1.0, whole=True))


def _asked_whole(params: Params, scenario: Scenario) -> bool:
    return scenario is not Scenario.OFFLINE if params.whole is None else params.whole


Wholes = Mapping[int, KeptAnswer]
"""The answers in one piece, by sample."""


def inspected(params: Params, run: Evidence, whole: Wholes | None) -> Counter[str]:
    """How many answers there are, and of how many each of `_FAILURES` and `_GAPS` is true."""
    found: Counter[str] = Counter()
    eos, told_first = np.asarray(params.eos), run.scenario is not Scenario.OFFLINE
    for answer in run.answers():
        problems = _problems(answer, eos, told_first)
        found.update(problems if whole is None else _beside(answer, whole.get(answer.sample), problems))
        found["answers"] += 1
    return found


def judge(
    params: Params,
    runs: Mapping[str, Evidence],
    inspected: Callable[[Params, Evidence, Wholes | None], Counter[str]] = inspected,
) -> Verdict:
    """All three checks on every answer, which `inspected` makes."""
    if (problem := unusable(runs, AUDIT)) is not None:
        return _inconclusive(*problem, {})
    run = runs[AUDIT]
    whole: Wholes | None = None
    if _asked_whole(params, run.scenario):
        if (problem := unusable(runs, WHOLE)) is not None:
            return _inconclusive(*problem, {})
        whole = {answer.sample: answer for answer in runs[WHOLE].answers()}
    found = inspected(params, run, whole)
    names = ("answers", *_FAILURES, *_GAPS)
    numbers: dict[str, Any] = {name: found[name] for name in names} | {"eos": ",".join(map(str, params.eos))}
    for code, text in _FAILURES.items():
        if found[code]:
            return Verdict(Outcome.FAIL, code, f"{found[code]} of {found['answers']} answers {text}", numbers)
    if not found["answers"]:
        return _inconclusive("no_answers", "no answer was kept", numbers)
    for code, text in _GAPS.items():
        if found[code]:
            return _inconclusive(code, f"{found[code]} of {found['answers']} answers {text}", numbers)
    return Verdict(Outcome.PASS, "consistent", f"all {found['answers']} answers are consistent", numbers)


_FAILURES = {
    "first_token_differs": "begin with another token than the one that was told first",
    "several_eos": "have more than one end of sequence",
    "eos_within": "go on behind their end of sequence",
    "length_differs": "have another length than was reported",
}
_GAPS = {
    "empty": "have no tokens",
    "no_tokens": "came without token ids; `auditcube probe` shows what the server returns",
    "no_ids": "have tokens that are no whole numbers: they are of another type",
    "no_first_token": "came without the token that was told first",
    "no_length": "came without a reported length",
    "ids_missing": "have fewer token ids than were reported, as log probabilities may; ask for the ids themselves",
    "no_whole": "have no token ids in the answer in one piece, so that nothing tells what they begin with",
    "not_deterministic": "are others in one piece, so nothing tells what they begin with; see temperature and seed",
}


def _problems(answer: KeptAnswer, eos: Any, told_first: bool) -> list[str]:
    if answer.tokens is None:
        return ["no_tokens"]
    tokens = np.asarray(answer.tokens)
    if not len(tokens):
        return ["empty"] + (["length_differs"] if answer.tokens_out else [])
    problems = []
    if tokens.dtype.kind == "f" and (tokens != np.trunc(tokens)).any():
        problems.append("no_ids")
    ends = np.flatnonzero(tokens == eos[0] if len(eos) == 1 else np.isin(tokens, eos))
    if len(ends) > 1:
        problems.append("several_eos")
    elif len(ends) and ends[0] != len(tokens) - 1:
        problems.append("eos_within")
    first = None if answer.first_tokens is None else np.asarray(answer.first_tokens)
    if first is not None and len(first):
        if not np.array_equal(first, tokens[: len(first)]):
            problems.append("first_token_differs")
    elif told_first:
        problems.append("no_first_token")
    if answer.tokens_out is None:
        problems.append("no_length")
    elif answer.misreported:
        problems.append("length_differs")
    elif answer.tokens_out != len(tokens):
        problems.append("ids_missing")
    return problems


def _beside(answer: KeptAnswer, whole: KeptAnswer | None, problems: list[str]) -> list[str]:
    """What is wrong with a streamed answer, seen beside the same answer in one piece."""
    if answer.tokens is None or "ids_missing" in problems:
        return problems
    if whole is None or whole.tokens is None or whole.length != len(whole.tokens):
        return [*problems, "no_whole"]
    streamed, other = list(answer.tokens), list(whole.tokens)
    if streamed == other:
        return problems
    first = 0 if answer.first_tokens is None else len(answer.first_tokens)
    # Another token is told first and the rest is as it should be, whether the true one follows or not.
    if first and streamed[first:] in (other, other[first:]):
        return [*problems, "first_token_differs"]
    return [*problems, "not_deterministic"]


def _inconclusive(code: str, reason: str, numbers: Mapping[str, Any]) -> Verdict:
    return Verdict(Outcome.INCONCLUSIVE, code, f"{reason}; nothing can be said about the tokens", numbers)
