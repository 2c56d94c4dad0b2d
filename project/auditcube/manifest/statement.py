"""A reviewer's judgement: a statement of its own over the digests of sidecars, which it does not touch. Pure.

The form is in-toto's Statement v1, unsigned, which the public tools for it read. Whoever judges anew makes another
statement; none of them changes what was judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:mlcube:predicate:review:v1"
JUDGEMENTS = ("accepted", "rejected", "undecided")


@dataclass(frozen=True)
class Judgement:
    """What a reviewer says: one of JUDGEMENTS, who says it in the reviewer's own words, and remarks."""

    judgement: str
    reviewer: str = "unnamed"
    remarks: tuple[str, ...] = ()


def statement(
    judgement: Judgement, subjects: Mapping[str, str], results: Iterable[Mapping[str, Any]], findings: Iterable[Any]
) -> dict[str, Any]:
    """The statement over `subjects`, names of sidecars with the sha256 of their bytes.

    `results` are what each came to when it was recomputed, `findings` what was wrong, as JSON.
    """
    return {
        "_type": TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in subjects.items()],
        "predicateType": PREDICATE,
        "predicate": {
            "judgement": judgement.judgement,
            "reviewer": judgement.reviewer,
            "remarks": list(judgement.remarks),
            "results": list(results),
            "findings": list(findings),
        },
    }


def members(told: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the review's own sidecar that follow from its statement."""
    benchmarks = {result["benchmark"] for result in told["predicate"]["results"]}
    return {
        "benchmark": benchmarks.pop() if len(benchmarks) == 1 else "several",
        "task_status": {"state": "completed", "exit_code": 5 if told["predicate"]["findings"] else 0},
        "verdicts": [],
        "dataset_refs": [],
        "config_hashes": {},
    }


def problem(told: Any, parents: Iterable[Mapping[str, Any]]) -> str | None:
    """Why `told` is no statement by which a sidecar with these parents can stand, or None."""
    if not isinstance(told, dict) or told.keys() != {"_type", "subject", "predicateType", "predicate"}:
        return "is no statement"
    if (told["_type"], told["predicateType"]) != (TYPE, PREDICATE):
        return "is no statement of a review"
    try:
        judged, findings = told["predicate"]["judgement"], told["predicate"]["findings"]
        digests = [subject["digest"]["sha256"] for subject in told["subject"]]
        members(told)
    except (LookupError, TypeError, AttributeError):
        return "is no statement of a review"
    if judged not in JUDGEMENTS:
        return f"judges neither {', nor '.join(JUDGEMENTS)}"
    if judged == "accepted" and findings:
        return "accepts evidence about which it tells findings"
    if [parent["manifest_sha256"] for parent in parents] != digests:
        return "does not name the sidecars that the review's own names"
    return None
