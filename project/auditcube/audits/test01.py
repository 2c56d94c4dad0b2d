"""TEST01: does the endpoint give the same answers when it is measured as when its accuracy is tested?

An accuracy run keeps the answers to all samples, a performance run those to some. Each sample's answers are compared
whole: PASS iff all are the same, or, where `tolerance` allows it, as near as that, and the audited run's throughput is
within the band around the reference's. For systems that are not deterministic there is a fallback: a scorer's score of
the audited run's answers must be that of the accuracy run's answers to the same samples, or near it.

Source: MLPerf Inference, compliance/TEST01, which compares the first element of each answer only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from auditcube.audits.contract import REFERENCE, AuditParams, Evidence, Outcome, Refusal, Verdict, unusable
from auditcube.audits.scorers import Scorer, Scoring, lacking
from auditcube.evidence.answers import KeptAnswer
from auditcube.load.order import WithoutReplacement
from auditcube.load.schedule import Load, RunSpec
from auditcube.scenario import Scenario

TITLE = "accuracy in performance mode: the same answers as in an accuracy run"
ACCURACY = "accuracy"
AUDIT = "test01"
# Reference latencies up to which MLPerf's band is 20 %: there it means nanoseconds, as it says.
_RELAXED_UP_TO_NS = {Scenario.SINGLE_STREAM: 200_000.0, Scenario.MULTI_STREAM: 1_600_000.0}
LISTED = 10  # samples that are named


class Params(AuditParams):
    """Settings of TEST01."""

    samples: int | None = Field(default=None, ge=1, description="queries of the audited run; null: load.min_queries")
    share: float = Field(default=1.0, gt=0, le=1, description="share of them whose answers are kept and compared")
    min_compared: int = Field(default=1, ge=1, description="answers that must have been compared")
    compare: Literal["answers", "tokens", "float32"] = Field(
        default="answers", description="whole answers, their token ids, or numbers within `tolerance`"
    )
    tolerance: float = Field(default=0.0, ge=0, description="relative difference that two numbers may have")
    threshold: float | None = Field(
        default=None, gt=0, lt=1, description="band around the reference's score; null: 0.10, or MLPerf's 0.20"
    )
    scorer: Scorer | None = Field(
        default=None, description="compares scores where answers differ; null: then it is a FAIL. See TEST07"
    )
    max_score_difference: float = Field(
        default=0.01, ge=0, lt=1, description="of `scorer`: by how much the two scores may differ, relative"
    )


def plan(params: Params, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
    """The reference comes first: what the accuracy run leaves in a cache would make it faster than it is."""
    samples = params.samples or load.min_queries
    if samples > dataset_size:
        raise Refusal(f"{samples} samples are more than the data set's {dataset_size} rows", "samples")
    if params.scorer is not None and (problem := lacking(params.scorer)) is not None:
        raise Refusal(problem, "scorer")
    if params.scorer is not None and params.scorer.media:
        raise Refusal("scorer.media: TEST01 keeps no videos", "scorer")
    return (
        RunSpec(REFERENCE, WithoutReplacement(), samples),
        RunSpec(ACCURACY, WithoutReplacement(), dataset_size, capture=1.0),
        RunSpec(AUDIT, WithoutReplacement(), samples, capture=params.share),
    )


def scoring(params: Params) -> Scoring | None:
    """The audited run's answers, and of the accuracy run's those to the same samples."""
    return None if params.scorer is None else Scoring(params.scorer, {AUDIT: None, ACCURACY: AUDIT})


class Compared(NamedTuple):
    """What came of comparing answers: `compared`, `differing`, `unknown`, `unread` and `contradicting` of them.

    `samples` are the first `LISTED` ones, or more, whose answers differ, in the order of the audited run's answers.
    """

    numbers: dict[str, int]
    samples: list[int]


def compared(params: Params, accuracy: Evidence, audit: Evidence) -> Compared:
    """Every answer beside the accuracy run's. Only answers that will be compared are held: logs may be large."""
    wanted = {answer.sample for answer in audit.answers()}
    known: dict[int, Any] = {}
    contradicting = unread = unknown = compared = 0
    for answer in accuracy.answers():
        if answer.sample not in wanted:
            continue
        value = _value(params, answer)
        if answer.sample not in known:
            known[answer.sample] = value
        elif not _same(params, known[answer.sample], value):
            contradicting += 1
    differing: dict[int, None] = {}
    wrong = 0
    for answer in audit.answers():
        if answer.sample not in known:
            unknown += 1
            continue
        value = _value(params, answer)
        if value is None or known[answer.sample] is None:
            unread += 1
            continue
        compared += 1
        if not _same(params, known[answer.sample], value):
            wrong += 1
            differing[answer.sample] = None
    numbers = {
        "compared": compared,
        "differing": wrong,
        "unknown": unknown,
        "unread": unread,
        "contradicting": contradicting,
    }
    return Compared(numbers, list(differing))


def judge(
    params: Params,
    runs: Mapping[str, Evidence],
    compared: Callable[[Params, Evidence, Evidence], Compared] = compared,
) -> Verdict:
    """First the answers, which `compared` holds beside each other, then the throughputs; both must hold."""
    if (problem := unusable(runs, REFERENCE, ACCURACY, AUDIT)) is not None:
        return _inconclusive(*problem, {})
    counts, differing = compared(params, runs[ACCURACY], runs[AUDIT])
    numbers: dict[str, Any] = counts | _scores(params, runs[REFERENCE], runs[AUDIT])
    if params.scorer is not None and (differing or numbers["contradicting"]):
        problem_of_scores = _by_score(params, runs, numbers)
        if problem_of_scores is not None:
            return problem_of_scores
    elif differing:
        listed = ", ".join(map(str, differing[:LISTED]))
        text = (
            f"{numbers['differing']} of {numbers['compared']} answers differ from the accuracy run's: samples {listed}"
        )
        return Verdict(Outcome.FAIL, "answers_differ", text, numbers)
    elif numbers["contradicting"]:
        text = "the accuracy run answered a sample in two ways; compare scores where answers vary"
        return _inconclusive("not_deterministic", text, numbers)
    if numbers["unknown"]:
        text = f"{numbers['unknown']} answers are to samples that the accuracy run has no answer to"
        return _inconclusive("samples_missing", text, numbers)
    if numbers["unread"]:
        return _inconclusive("no_tokens", f"{numbers['unread']} answers have no {params.compare} to compare", numbers)
    if numbers["compared"] < params.min_compared:
        text = f"{numbers['compared']} answers could be compared, and {params.min_compared} are wanted"
        return _inconclusive("too_few_compared", text, numbers)
    if numbers["score_ratio"] is None:
        return _inconclusive("no_score", "one of the runs has no score", numbers)
    code, alike = "same_answers", f"all {numbers['compared']} answers are the accuracy run's"
    if numbers["differing"] or numbers["contradicting"]:
        scores = f"{numbers['audited_answers']:g} after {numbers['accuracy_answers']:g}"
        code, alike = "same_scores", f"answers vary, and score {scores}"
    told = f"{alike}; the score is {numbers['score_ratio']:.3f} times the"
    if not numbers["within_band"]:
        return Verdict(Outcome.FAIL, "score_differs", f"{told} reference's, beyond {numbers['threshold']:.0%}", numbers)
    return Verdict(Outcome.PASS, code, f"{told} reference's", numbers)


def _by_score(params: Params, runs: Mapping[str, Evidence], numbers: dict[str, Any]) -> Verdict | None:
    """The verdict on answers that differ, unless their score is the accuracy run's; scores of 0 tell nothing."""
    found = {"accuracy": runs[ACCURACY].score(AUDIT), "audited": runs[AUDIT].score(AUDIT)}
    for name, score in found.items():
        if score is None or score.value is None:
            why = "the answers were not scored" if score is None else score.problem
            return _inconclusive("no_score", f"answers differ, and the {name} run's have no score: {why}", numbers)
        numbers[f"{name}_answers"] = score.value
    before, after = numbers["accuracy_answers"], numbers["audited_answers"]
    if not before and not after:
        return _inconclusive("no_score", "answers differ, and both runs' score 0", numbers)
    # As MLPerf's checker has it: 100 * |1 - baseline / compliance| <= 1.
    if not after or abs(1 - before / after) > params.max_score_difference:
        text = f"{numbers['differing']} answers differ, and they score {after:g}, the accuracy run's {before:g}"
        return Verdict(Outcome.FAIL, "scores_of_answers_differ", text, numbers)
    return None


def _value(params: Params, answer: KeptAnswer) -> Any:
    """What is compared of an answer; None where it has none of that."""
    if params.compare == "answers":
        return hashlib.blake2b(answer.content, digest_size=16).digest() if answer.content else None
    if params.compare == "tokens":
        return None if answer.tokens is None else np.asarray(answer.tokens, dtype=np.int64).tobytes()
    if not answer.content or len(answer.content) % 4:
        return None
    values = np.frombuffer(answer.content, dtype=np.float32)
    return values if np.isfinite(values).all() else None


def _same(params: Params, one: Any, other: Any) -> bool:
    if params.compare != "float32" or one is None or other is None:
        return one is other or (params.compare != "float32" and bool(one == other))
    if len(one) != len(other):
        return False
    first, second = one.astype(np.float64), other.astype(np.float64)
    return bool((np.abs(first - second) <= params.tolerance * np.abs(first)).all())


def _scores(params: Params, reference: Evidence, audit: Evidence) -> dict[str, Any]:
    before, after = _score(reference), _score(audit)
    threshold = params.threshold or 0.10
    if params.threshold is None and before is not None and before <= _RELAXED_UP_TO_NS.get(reference.scenario, -1.0):
        threshold = 0.20
    found: dict[str, Any] = {"reference_score": before, "audit_score": after, "threshold": threshold}
    if before is None or after is None:
        return {**found, "score_ratio": None, "within_band": None}
    within = before * (1 - threshold) <= after <= before * (1 + threshold)
    return {**found, "score_ratio": after / before, "within_band": within}


def _score(run: Evidence) -> float | None:
    """Queries per second; where one query follows the other, nanoseconds for each, as MLPerf scores it."""
    rate = run.throughput_per_s
    if rate is None or rate <= 0:
        return None
    return 1e9 / rate if run.scenario in _RELAXED_UP_TO_NS else rate


def _inconclusive(code: str, reason: str, numbers: Mapping[str, Any]) -> Verdict:
    return Verdict(Outcome.INCONCLUSIVE, code, f"{reason}; nothing can be said about the answers", numbers)
