"""TEST09: are answers as long as the model's answers are?

The mean number of output tokens must lie within two bounds, both included. A mean says little by itself: answers
without any token, and lengths that differ from the reported ones, fail as well. The distribution is told, and held
against bounds on its percentiles, or against that of an accuracy run, where the config asks for it.

Source: MLPerf Inference, compliance/TEST09, which knows the mean alone, so that `[0, 30, 0, 30]` passes for 15.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from auditcube.audits.contract import AuditParams, Evidence, Outcome, Refusal, Remark, Verdict, unusable
from auditcube.load.order import WithoutReplacement
from auditcube.load.schedule import Load, RunSpec
from auditcube.values import PERCENTILES, place_of

TITLE = "output length: the mean number of tokens within bounds"
AUDIT = "test09"
ACCURACY = "accuracy"
_PERCENTILE = re.compile(r"\d{1,3}(\.\d{1,6})?")
_KOLMOGOROV = 1.95  # below it in 999 of 1000 pairs of samples of one distribution
_HALVES = 0.05  # share of answers shorter than a tenth of the mean from which the spread is worth a word
_WIDE_TOKENS = 8  # token ids read at half their width are told apart from this many on


class Params(AuditParams):
    """Settings of TEST09."""

    samples: int | None = Field(default=None, ge=1, description="queries of the run; null: every row once")
    min_output_tokens: float | None = Field(default=None, gt=0, description="least mean of output tokens; wanted")
    max_output_tokens: float | None = Field(default=None, gt=0, description="largest mean of output tokens; wanted")
    max_empty_share: float = Field(default=0.0, ge=0, lt=1, description="share of answers that may have no token")
    percentiles: Mapping[str, tuple[float, float]] = Field(
        default={}, strict=False, description="bounds of further percentiles, such as {50: [900, 1500]}"
    )
    like_accuracy: bool = Field(
        default=False, description="lengths must be distributed as in an accuracy run, which is then made"
    )
    max_distance: float = Field(
        default=0.1, ge=0, le=1, description="of `like_accuracy`: difference that shares below a length may have"
    )

    @field_validator("percentiles", mode="before")
    @classmethod
    def _named(cls, told: Any) -> Any:
        """Names as text and bounds as a pair, whether YAML or JSON wrote them."""
        if not isinstance(told, Mapping):
            return told
        return {str(name): tuple(pair) if isinstance(pair, list) else pair for name, pair in told.items()}

    @field_validator("percentiles")
    @classmethod
    def _bounded(cls, told: Mapping[str, tuple[float, float]]) -> Mapping[str, tuple[float, float]]:
        for name, (low, high) in told.items():
            if not _PERCENTILE.fullmatch(name) or not 0 < float(name) <= 100:
                raise ValueError(f"{name} is no percentile: above 0, at most 100")
            if low > high:
                raise ValueError(f"of {name} the smaller bound comes first")
        return told

    @model_validator(mode="after")
    def _ordered(self) -> Params:
        low, high = self.min_output_tokens, self.max_output_tokens
        if low is not None and high is not None and low > high:
            raise ValueError("min_output_tokens: is larger than max_output_tokens")
        return self


def plan(params: Params, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
    """One run over the data set, all of whose answers are kept."""
    for name in ("min_output_tokens", "max_output_tokens"):
        if getattr(params, name) is None:
            raise Refusal("is wanted: MLPerf publishes the bounds of each model", name)
    samples = params.samples or dataset_size
    if samples > dataset_size:
        raise Refusal(f"{samples} samples are more than the data set's {dataset_size} rows", "samples")
    audited = RunSpec(AUDIT, WithoutReplacement(), samples, capture=1.0)
    accuracy = RunSpec(ACCURACY, WithoutReplacement(), dataset_size, capture=1.0)
    return (audited, accuracy) if params.like_accuracy else (audited,)


class Lengths(NamedTuple):
    """The lengths of a run's answers in tokens.

    `lengths` are those that are known, `unknown` is how many are not, `misreported` how many are other than reported.
    `halved`: every second token of every answer is 0, as where ids are read at half their width.
    """

    lengths: Sequence[int] | npt.NDArray[np.int64]
    unknown: int
    misreported: int
    halved: bool


def lengths_of(run: Evidence) -> Lengths:
    """By token ids where there are any, else as the server reports them."""
    lengths, unknown, misreported, halved = [], 0, 0, True
    for answer in run.answers():
        length = answer.length
        if length is None:
            unknown += 1
            continue
        lengths.append(length)
        misreported += answer.misreported
        halved = halved and answer.tokens is not None and half_width(answer.tokens)
    return Lengths(lengths, unknown, misreported, halved)


def judge(
    params: Params, runs: Mapping[str, Evidence], lengths_of: Callable[[Evidence], Lengths] = lengths_of
) -> Verdict:
    """The mean of the audited run's lengths, which `lengths_of` finds, and then their distribution."""
    if (problem := unusable(runs, AUDIT)) is not None:
        return _inconclusive(*problem, {})
    run = runs[AUDIT]
    low, high = params.min_output_tokens, params.max_output_tokens
    if low is None or high is None:
        return _inconclusive("no_bounds", "min_output_tokens and max_output_tokens are wanted", {})
    lengths, unknown, misreported, halved = lengths_of(run)
    numbers = _numbers(params, np.sort(np.array(lengths, dtype=np.int64))) | {"misreported": misreported}
    if not len(lengths):
        return _inconclusive("no_lengths", "no answer with a known length was kept", numbers)
    if halved and len(lengths) >= _WIDE_TOKENS:
        return _inconclusive("token_width", "every second token is 0, as where ids of 8 bytes are read as two", numbers)
    mean, told = numbers["mean"], f"answers have {numbers['mean']:.2f} tokens on average"
    bounds = f"{low:g} to {high:g}"
    if not low <= mean <= high:
        return Verdict(Outcome.FAIL, "mean_out_of_bounds", f"{told}, outside of {bounds}", numbers)
    if numbers["empty"] > params.max_empty_share * len(lengths):
        return Verdict(Outcome.FAIL, "empty_answers", f"{numbers['empty']} answers have no token", numbers)
    if misreported:
        text = f"{misreported} answers have another length than was reported"
        return Verdict(Outcome.FAIL, "length_differs", text, numbers)
    if (beyond := _beyond(params, numbers)) is not None:
        return Verdict(Outcome.FAIL, "distribution_differs", beyond, numbers)
    if unknown:
        return _inconclusive("lengths_missing", f"of {unknown} answers the length is not known", numbers)
    if params.like_accuracy:
        if (problem := unusable(runs, ACCURACY)) is not None:
            return _inconclusive(*problem, numbers)
        others = [answer.length for answer in runs[ACCURACY].answers()]
        if not others or None in others:
            return _inconclusive("lengths_missing", f"not all lengths of the {ACCURACY} run are known", numbers)
        numbers |= _distance(lengths, others, params.max_distance)
        if numbers["distance"] > numbers["max_distance"]:
            text = f"lengths are distributed otherwise than in the {ACCURACY} run: shares differ by"
            return Verdict(Outcome.FAIL, "distribution_differs", f"{text} {numbers['distance']:.2f}", numbers)
    return Verdict(Outcome.PASS, "mean_within_bounds", f"{told}, within {bounds}", numbers, _remarks(numbers))


def _beyond(params: Params, numbers: Mapping[str, Any]) -> str | None:
    for name, (low, high) in params.percentiles.items():
        found = numbers[f"p{float(name):g}"]
        if not low <= found <= high:
            return f"the {name}th percentile of the lengths is {found}, outside of {low:g} to {high:g}"
    return None


def _distance(one: Any, other: Any, allowed: float) -> dict[str, float]:
    """The largest difference between the shares of answers up to a length, and the one that is no accident.

    Source: the test of Kolmogorov and Smirnov for two samples.
    """
    first, second = np.sort(np.array(one)), np.sort(np.array(other))
    edges = np.concatenate([first, second])
    shares = [np.searchsorted(lengths, edges, side="right") / len(lengths) for lengths in (first, second)]
    chance = _KOLMOGOROV * math.sqrt((len(first) + len(second)) / (len(first) * len(second)))
    return {"distance": float(np.abs(shares[0] - shares[1]).max()), "max_distance": max(allowed, chance)}


def half_width(tokens: Any) -> bool:
    """Whether every second of these token ids is 0, and there are as many of these."""
    values = np.asarray(tokens)
    return len(values) >= 2 and len(values) % 2 == 0 and not values[1::2].any()


def _numbers(params: Params, ascending: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "answers": len(ascending),
        "min_output_tokens": params.min_output_tokens,
        "max_output_tokens": params.max_output_tokens,
        "mean": None,
        "empty": int(np.count_nonzero(ascending == 0)),
    }
    if len(ascending):
        found["mean"] = int(ascending.sum()) / len(ascending)
        found["short"] = int(np.count_nonzero(ascending < found["mean"] / 10))
        shares = (1.0, *PERCENTILES, *map(float, params.percentiles))
        found |= {f"p{share:g}": int(ascending[place_of(share, len(ascending))]) for share in shares}
    return found


def _remarks(numbers: Mapping[str, Any]) -> tuple[Remark, ...]:
    if numbers["short"] <= _HALVES * numbers["answers"]:
        return ()
    text = f"{numbers['short']} of {numbers['answers']} answers are shorter than a tenth of the mean: see p1 and p50"
    return (Remark("spread", text),)


def _inconclusive(code: str, reason: str, numbers: Mapping[str, Any]) -> Verdict:
    return Verdict(Outcome.INCONCLUSIVE, code, f"{reason}; nothing can be said about lengths", numbers)
