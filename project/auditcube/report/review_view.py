"""What the page of a review says, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditcube.errors import ExitCode
from auditcube.report.text import plain
from auditcube.report.verdict_view import Badge, verdict_badge

_COLUMNS = ("result", "task", "benchmark", "claim", "verdicts", "ends with")
_WORDS = {
    ExitCode.FAIL: ("FAIL", "fail", "an audit failed"),
    ExitCode.RUN_BROKEN: ("BROKE OFF", "fail", "a task broke off or is partial"),
    ExitCode.EVIDENCE_REJECTED: ("REJECTED", "fail", "the evidence does not hold"),
    ExitCode.INCONCLUSIVE: ("INCONCLUSIVE", "unsure", "an audit could not be decided"),
}


@dataclass(frozen=True)
class FindingView:
    """A defect, where it is, and what to do."""

    code: str
    place: str
    message: str
    fix: str


@dataclass(frozen=True)
class ReviewPage:
    """The whole page, top to bottom; `results` has a value for each of `columns`."""

    subject: str
    badges: tuple[Badge, ...]
    findings: tuple[FindingView, ...]
    columns: tuple[str, ...]
    results: tuple[tuple[str, ...], ...]
    verdicts: tuple[tuple[str, tuple[Badge, ...]], ...]
    sidecars: tuple[tuple[str, str], ...]


def view_review(
    subject: str, reviewed: Mapping[str, Any], verdicts: Mapping[str, Sequence[Mapping[str, Any]]]
) -> ReviewPage:
    """The page of what `review --json` tells of the tree `subject`; `verdicts` are those of each result, by path."""
    results, findings = reviewed["results"], reviewed["findings"]
    told = {path: tuple(map(verdict_badge, those)) for path, those in verdicts.items() if those}
    return ReviewPage(
        subject=subject,
        badges=(_badge(ExitCode(reviewed["exit_code"]), len(results), len(findings), bool(told)),),
        findings=tuple(map(_finding, findings)),
        columns=_COLUMNS,
        results=tuple(tuple(map(plain, _cells(result))) for result in results),
        verdicts=tuple(told.items()),
        sidecars=tuple((result["path"], result["manifest_sha256"]) for result in results),
    )


def _badge(code: ExitCode, results: int, findings: int, judged: bool) -> Badge:
    passed = ("PASS", "pass", "everything holds, and no audit found anything")
    measured = ("MEASURED", "none", "everything holds; nothing was audited")
    word, tone, subject = _WORDS.get(code, passed if judged else measured)
    sentence = f"{results} result{'s' * (results != 1)} recomputed, {findings} finding{'s' * (findings != 1)}."
    return Badge(word, tone, subject, sentence)


def _finding(finding: Mapping[str, Any]) -> FindingView:
    place = finding["path"] + (f"#{finding['pointer']}" if finding["pointer"] else "")
    return FindingView(finding["code"], place, finding["message"], finding["fix"])


def _cells(result: Mapping[str, Any]) -> Iterable[Any]:
    outcomes = ", ".join(f"{test} {outcome}" for test, outcome in result["outcomes"].items())
    return (
        result["path"], result["task"], result["benchmark"], result["claim_status"], outcomes or None,
        f"{result['exit_code']} {ExitCode(result['exit_code']).name.lower().replace('_', ' ')}",
    )  # fmt: skip
