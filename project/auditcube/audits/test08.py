"""TEST08: are predictions as good in performance mode as in an accuracy run?

The normalised entropy of a sample is the weighted cross entropy of its predictions, divided by that of always saying
the mean label. It is computed in double precision for the accuracy run's predictions and for the audited run's, with
the same labels and weights. PASS iff for no sample the two differ by more than `tolerance`, relative to the first.

Source: MLPerf Inference, compliance/TEST08 (dlrm-v3), which passes NaN and weights that sum to 0, compares nothing
where one prediction stands for many, and computes in single precision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from auditcube.audits.contract import AuditParams, Evidence, Outcome, Refusal, Verdict
from auditcube.evidence.answers import KeptAnswer
from auditcube.load.order import WithoutReplacement
from auditcube.load.pacing import End
from auditcube.load.schedule import Load, RunSpec

TITLE = "accuracy of predictions in performance mode: the same normalised entropy"
ACCURACY = "accuracy"
AUDIT = "test08"
LABELS, WEIGHTS = "labels", "weights"
_EPS = 1e-7
Floats = npt.NDArray[np.float64]


class Params(AuditParams):
    """Settings of TEST08."""

    samples: int | None = Field(default=None, ge=1, description="queries of the audited run; null: load.min_queries")
    labels: str = Field(default=LABELS, description="column of dataset.expected: one label for each instance, 0 to 1")
    weights: str | None = Field(
        default=WEIGHTS, description="column of dataset.expected: one weight for each; null: all 1"
    )
    tolerance: float = Field(default=0.001, ge=0, description="relative difference that two entropies may have")
    max_error_share: float = Field(
        default=0.01, ge=0, lt=1, description="share of unanswered queries above which nothing is said"
    )


def plan(params: Params, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
    """The audited run, then an accuracy run over the data set, which fills caches; all answers of both are kept."""
    samples = params.samples or load.min_queries
    if samples > dataset_size:
        raise Refusal(f"{samples} samples are more than the data set's {dataset_size} rows", "samples")
    return (
        RunSpec(AUDIT, WithoutReplacement(), samples, capture=1.0),
        RunSpec(ACCURACY, WithoutReplacement(), dataset_size, capture=1.0),
    )


def judge(params: Params, runs: Mapping[str, Evidence]) -> Verdict:
    """Every kept answer of the audited run against that of the accuracy run."""
    for label in (ACCURACY, AUDIT):
        if label not in runs:
            return _inconclusive("run_missing", f"the {label} run was not made", {})
        if runs[label].end in (None, End.INTERRUPTED):
            return _inconclusive("run_broken", f"the {label} run broke off", {})
    audit = runs[AUDIT]
    numbers = _compare(params, runs[ACCURACY], audit) | {"tolerance": params.tolerance}
    if numbers["broken"]:
        text = f"{numbers['broken']} answers are no predictions for their candidates: wrong in number, or not finite"
        return Verdict(Outcome.FAIL, "no_predictions", text, numbers)
    if numbers["differing"]:
        text = f"the normalised entropy of {numbers['differing']} of {numbers['compared']} samples differs"
        return Verdict(Outcome.FAIL, "entropy_differs", text, numbers)
    for name, text in _GAPS.items():
        if numbers[name]:
            return _inconclusive(name, f"{numbers[name]} {text}", numbers)
    if not numbers["compared"]:
        return _inconclusive("no_answers", "no answer could be compared", numbers)
    if audit.completed < audit.requested * (1 - params.max_error_share):
        text = f"only {audit.completed} of {audit.requested} queries of the {AUDIT} run completed"
        return _inconclusive("too_few_completed", text, numbers)
    return Verdict(Outcome.PASS, "same_entropy", f"all {numbers['compared']} samples have the same entropy", numbers)


_GAPS = {
    "unusable": "answers of the accuracy run are no predictions with labels and weights",
    "repeated": "answers of the accuracy run are to a sample that has one already",
    "unknown": "answers are to samples that the accuracy run has no answer to",
    "undefined": "samples have no entropy: their weights are 0, or less",
}


def _compare(params: Params, accuracy: Evidence, audit: Evidence) -> dict[str, Any]:
    known: dict[int, tuple[float | None, Floats, Floats]] = {}
    found = dict.fromkeys(("compared", "differing", "broken", *_GAPS), 0)
    for answer in accuracy.answers():
        predictions = _floats(answer.output.get("predictions"))
        labelled = None if predictions is None else _labelled(params, answer, len(predictions))
        if predictions is None or labelled is None:
            found["unusable"] += 1
            continue
        found["repeated"] += answer.sample in known
        known[answer.sample] = normalised_entropy(predictions, *labelled), *labelled
    for answer in audit.answers():
        predictions = _floats(answer.output.get("predictions"))
        if predictions is None:
            found["broken"] += 1
        elif answer.sample not in known:
            found["unknown"] += 1
        elif len(predictions) != len(known[answer.sample][1]):
            found["broken"] += 1
        else:
            before, labels, weights = known[answer.sample]
            after = normalised_entropy(predictions, labels, weights)
            if before is None or after is None:
                found["undefined"] += 1
                continue
            found["compared"] += 1
            found["differing"] += abs(after - before) > params.tolerance * abs(before)
    return found


def _floats(values: Any) -> Floats | None:
    """A row of one or more finite numbers, or None for anything else."""
    if values is None or isinstance(values, (str, bytes, Mapping)):
        return None
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if found.ndim == 1 and len(found) and np.isfinite(found).all() else None


def _labelled(params: Params, answer: KeptAnswer, count: int) -> tuple[Floats, Floats] | None:
    labels = _floats(answer.expected.get(params.labels))
    weights = np.ones(count) if params.weights is None else _floats(answer.expected.get(params.weights))
    if labels is None or weights is None or not len(labels) == len(weights) == count:
        return None
    return (labels, weights) if ((labels >= 0) & (labels <= 1)).all() else None


def normalised_entropy(predictions: Floats, labels: Floats, weights: Floats) -> float | None:
    """Cross entropy over that of the mean label; None where the weights leave it undefined."""
    total = math.fsum(weights)
    if total <= 0 or (weights < 0).any() or not math.isfinite(total):
        return None
    p, y = np.clip(predictions, _EPS, 1 - _EPS), np.clip(labels, _EPS, 1 - _EPS)
    crossed = -math.fsum(weights * (y * np.log(p) + (1 - y) * np.log(1 - p)))
    mean = min(max(math.fsum(weights * y) / total, _EPS), 1 - _EPS)
    return crossed / (-(mean * math.log(mean) + (1 - mean) * math.log(1 - mean)) * total)


def _inconclusive(code: str, reason: str, numbers: Mapping[str, Any]) -> Verdict:
    return Verdict(Outcome.INCONCLUSIVE, code, f"{reason}; nothing can be said about the predictions", numbers)
