"""TEST07: are the answers good enough while the speed is measured?

One run in performance mode keeps the answer to every row, a scorer gives them a score, and that must reach a threshold.
PASS iff it does, unrounded, and every planned query was answered: what is left out is usually what is hard.

Source: MLPerf Inference, compliance/TEST07, which ignores the scorer's exit status and never counts the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from auditcube.audits.contract import AuditParams, Evidence, Outcome, Refusal, Verdict
from auditcube.audits.scorers import Scorer, Scoring, lacking
from auditcube.load.order import WithoutReplacement
from auditcube.load.pacing import End
from auditcube.load.schedule import Load, RunSpec

TITLE = "accuracy in performance mode: a score of the answers reaches a threshold"
AUDIT = "test07"


class Params(AuditParams):
    """Settings of TEST07."""

    samples: int | None = Field(default=None, ge=1, description="queries of the run; null: every row once")
    threshold: float | None = Field(default=None, description="score that must be reached; wanted")
    scorer: Scorer = Field(default=Scorer(), description="what scores the answers; see docs/audits/test07.md")


def plan(params: Params, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
    """One run over the data set, all of whose answers are kept."""
    if params.threshold is None:
        raise Refusal("is wanted: MLPerf publishes one for each model", "threshold")
    if (problem := lacking(params.scorer)) is not None:
        raise Refusal(problem, "scorer")
    samples = params.samples or dataset_size
    if samples > dataset_size:
        raise Refusal(f"{samples} samples are more than the data set's {dataset_size} rows", "samples")
    return (RunSpec(AUDIT, WithoutReplacement(), samples, capture=1.0, media=params.scorer.media),)


def scoring(params: Params) -> Scoring:
    """All kept answers of the run."""
    return Scoring(params.scorer, {AUDIT: None})


def judge(params: Params, runs: Mapping[str, Evidence]) -> Verdict:
    """The score against the threshold, once it is one of every answer."""
    if AUDIT not in runs:
        return _inconclusive("run_missing", f"the {AUDIT} run was not made", {})
    run = runs[AUDIT]
    found = run.score(AUDIT)
    numbers: dict[str, Any] = {
        "score": None if found is None else found.value,
        "threshold": params.threshold,
        "answers": 0 if found is None else found.answers,
        "requested": run.requested,
        "scorer": params.scorer.kind,
    }
    if run.end in (None, End.INTERRUPTED):
        return _inconclusive("run_broken", f"the {AUDIT} run broke off", numbers)
    if found is None or found.value is None:
        problem = "the answers were not scored" if found is None else f"there is no score: {found.problem}"
        return _inconclusive("no_score", problem, numbers)
    if params.threshold is None:
        return _inconclusive("no_threshold", "a threshold is wanted", numbers)
    if params.scorer.ascending:
        reached, told = found.value >= params.threshold, "reaches"
    else:
        reached, told = found.value <= params.threshold, "is within"
    if not reached:
        text = f"the score {found.value:g} does not reach {params.threshold:g}"
        if not params.scorer.ascending:
            text = f"the score {found.value:g} is beyond {params.threshold:g}"
        return Verdict(Outcome.FAIL, "accuracy_too_low", text, numbers)
    if found.answers < run.requested:
        text = f"only {found.answers} of {run.requested} planned queries have an answer that was scored"
        return _inconclusive("answers_missing", text, numbers)
    return Verdict(Outcome.PASS, "accurate", f"the score {found.value:g} {told} {params.threshold:g}", numbers)


def _inconclusive(code: str, reason: str, numbers: Mapping[str, Any]) -> Verdict:
    return Verdict(Outcome.INCONCLUSIVE, code, f"{reason}; nothing can be said about accuracy", numbers)
