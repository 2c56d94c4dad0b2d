"""The verdicts as the report shows them. No audit is known by name here: a verdict's numbers are shown by what their
names tell, so that a new audit needs no change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditcube.metrics import Run
from auditcube.report import scale
from auditcube.report.chart import Comparison
from auditcube.report.numbers import heading, named, number, rate
from auditcube.report.run_view import Row
from auditcube.report.text import plain, shortened
from auditcube.summary import remarks

_TONES = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "unsure"}
_FIRST_NUMBERS = ("reference_per_s", "audit_per_s", "gain", "limit_per_s", "threshold", "threshold_source")


@dataclass(frozen=True)
class Badge:
    """One big word, what it is about, and the sentence that explains it; `tone` names its colour."""

    word: str
    tone: str
    subject: str
    sentence: str


@dataclass(frozen=True)
class AuditView:
    """What lies behind one verdict."""

    test: str
    chart: Comparison | None
    numbers: tuple[Row, ...]
    remarks: tuple[Row, ...]


def badges(manifest: Mapping[str, Any], measured: Sequence[Run]) -> list[Badge]:
    """One per verdict; before them, or instead of them, what must not be mistaken for one."""
    told = "; ".join(map(_ran, measured)) or "no run was made"
    verdicts = [verdict_badge(verdict) for verdict in manifest.get("verdicts", [])]
    broken = manifest.get("task_status", {}).get("state", "completed") != "completed"
    if broken or not (measured or verdicts):
        return [Badge("BROKE OFF", "fail", "no result", f"The task broke off or is partial: {told}."), *verdicts]
    return verdicts or [_measured_badge(measured, told)]


def _measured_badge(measured: Sequence[Run], told: str) -> Badge:
    """What the runs of a task without verdicts are worth, as its exit code says it too."""
    what = "; ".join([told, *(remark for run in measured for remark in remarks(run))])
    if any(run.late_s is not None for run in measured):
        return Badge("INCONCLUSIVE", "unsure", "the client was too slow for the load", _sentence(what))
    if not all(bound["met"] for run in measured for bound in run.latency_bounds):
        return Badge("FAIL", "fail", "a bound on latency was not kept", _sentence(what))
    return Badge("MEASURED", "none", "measured, not audited", _sentence(what))


def verdict_badge(verdict: Mapping[str, Any]) -> Badge:
    """What an audit came to."""
    outcome = shortened(plain(verdict.get("outcome")), 40)
    tone = _TONES.get(outcome, "none")
    return Badge(outcome, tone, plain(verdict.get("test")), _sentence(plain(verdict.get("reason"))))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _ran(run: Run) -> str:
    told = f"{run.spec.label} completed {number(run.completed)} of {number(run.spec.queries)} planned queries"
    return told if run.throughput_per_s is None else f"{told} at {rate(run.throughput_per_s)}"


def view_audit(verdict: Mapping[str, Any]) -> AuditView:
    numbers = verdict.get("numbers", {})
    names = [*(name for name in _FIRST_NUMBERS if name in numbers), *(n for n in numbers if n not in _FIRST_NUMBERS)]
    return AuditView(
        test=plain(verdict.get("test")),
        chart=_comparison(verdict, numbers),
        numbers=tuple((heading(name), named(name, numbers[name])) for name in names),
        remarks=tuple((heading(plain(r.get("code"))), plain(r.get("text"))) for r in verdict.get("remarks", [])),
    )


def _comparison(verdict: Mapping[str, Any], numbers: Mapping[str, Any]) -> Comparison | None:
    """Reference beside audit, for a test that compares two throughputs; None for any other."""
    reference, audit, limit = (_drawable(numbers.get(f"{name}_per_s")) for name in ("reference", "audit", "limit"))
    if reference is None or audit is None:
        return None
    ends = "no limit" if limit is None else f"limit {rate(limit)}"
    caught = verdict.get("outcome") == "FAIL"
    return Comparison(
        title=f"Throughput of reference and audit run, {plain(verdict.get('test'))}",
        description=f"Reference {rate(reference)}, audit {rate(audit)}, {ends}.",
        x=scale.count_axis("queries/s", max(reference, audit, limit or 0.0)),
        bars=(
            ("reference", reference, rate(reference), "ok"),
            ("audit", audit, rate(audit), "bad" if caught else "ok"),
        ),
        limit=None if limit is None else (limit, ends),
    )


def _drawable(value: Any) -> float | None:
    """`value` if it is a number that a bar can show."""
    return value if isinstance(value, (int, float)) and math.isfinite(value) and value >= 0 else None
