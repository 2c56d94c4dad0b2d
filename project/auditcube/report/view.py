"""What the report says, as plain values: every number already in the words in which a reader sees it.

It knows no audit by name: a verdict's numbers are shown by what their names tell, so that a new audit needs no change
here. Members that a manifest lacks are left out or shown as a dash.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from auditcube.metrics import Run
from auditcube.report import scale
from auditcube.report.chart import Comparison
from auditcube.report.numbers import duration, heading, named, number, rate, size
from auditcube.report.run_view import Row, RunView, view_run
from auditcube.report.text import plain, shortened

_TITLE_CHARACTERS = 120
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


@dataclass(frozen=True)
class Artifact:
    path: str
    role: str
    size: str
    sha256: str


@dataclass(frozen=True)
class Page:
    """The whole report, top to bottom."""

    benchmark: str
    scenario: str
    subtitle: str
    badges: tuple[Badge, ...]
    audits: tuple[AuditView, ...]
    runs: tuple[RunView, ...]
    config: str
    datasets: tuple[tuple[Row, ...], ...]
    seeds: tuple[Row, ...]
    origin: tuple[Row, ...]
    artifacts: tuple[Artifact, ...]
    parents: tuple[tuple[Row, ...], ...]
    non_claims: tuple[str, ...]


def view(manifest: Mapping[str, Any], config: Mapping[str, Any], runs: Mapping[str, Run]) -> Page:
    """The page that these three say; it depends on nothing else."""
    verdicts = manifest.get("verdicts", [])
    return Page(
        benchmark=shortened(manifest.get("benchmark", "unnamed"), _TITLE_CHARACTERS),
        scenario=plain(config.get("scenario")),
        subtitle=_subtitle(manifest),
        badges=tuple(_badges(manifest, verdicts, runs)),
        audits=tuple(map(_audit, verdicts)),
        runs=tuple(_run(run, manifest) for run in runs.values()),
        config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
        datasets=tuple(_dataset(ref) for ref in manifest.get("dataset_refs", [])),
        seeds=tuple((name, plain(seed)) for name, seed in manifest.get("seeds", {}).items()),
        origin=tuple(_origin(manifest)),
        artifacts=tuple(_artifact(entry) for entry in manifest.get("artifacts", []) if entry.get("role") != "report"),
        parents=tuple(tuple((heading(name), plain(v)) for name, v in each.items()) for each in manifest.get("parents", [])),
        non_claims=tuple(manifest.get("non_claims", [])),
    )


def _subtitle(manifest: Mapping[str, Any]) -> str:
    told = [f"task {plain(manifest.get('mlcube_task'))}", plain(manifest.get("finished_on"))]
    return " · ".join([*told, f"claim status: {plain(manifest.get('claim_status'))}"])


def _badges(manifest: Mapping[str, Any], verdicts: list[Mapping[str, Any]], runs: Mapping[str, Run]) -> list[Badge]:
    """One per verdict; before them, or instead of them, what must not be mistaken for one."""
    badges = []
    measured = "; ".join(_ran(run) for run in runs.values() if _measured(run, manifest))
    sentence = f"{measured[:1].upper()}{measured[1:]}." if measured else "No run was made."
    if manifest.get("task_status", {}).get("state", "completed") != "completed":
        badges.append(Badge("BROKE OFF", "fail", "no result", f"The task broke off, or its runs are partial. {sentence}"))
    elif not verdicts:
        badges.append(Badge("MEASURED", "none", "not audited", f"{sentence} Nothing was checked for cheating."))
    for verdict in verdicts:
        outcome = plain(verdict.get("outcome"))
        reason = plain(verdict.get("reason"))
        tone = _TONES.get(outcome, "none")
        badges.append(Badge(outcome, tone, plain(verdict.get("test")), f"{reason[:1].upper()}{reason[1:]}."))
    return badges


def _ran(run: Run) -> str:
    told = f"{run.spec.label} completed {number(run.completed)} of {number(run.spec.queries)} planned queries"
    return told if run.throughput_per_s is None else f"{told} at {rate(run.throughput_per_s)}"


def _audit(verdict: Mapping[str, Any]) -> AuditView:
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
    reference, audit, limit = (numbers.get(f"{name}_per_s") for name in ("reference", "audit", "limit"))
    if not (_drawable(reference) and _drawable(audit)):
        return None
    caught = verdict.get("outcome") == "FAIL"
    told = f"Reference {rate(reference)}, audit {rate(audit)}"
    return Comparison(
        title=f"Throughput of reference and audit run, {plain(verdict.get('test'))}",
        description=f"{told}, limit {rate(limit)}." if _drawable(limit) else f"{told}, no limit.",
        x=scale.count_axis("queries/s", max(value for value in (reference, audit, limit) if _drawable(value))),
        bars=(("reference", reference, rate(reference), "ok"), ("audit", audit, rate(audit), "bad" if caught else "ok")),
        limit=(limit, f"limit {rate(limit)}") if _drawable(limit) else None,
    )


def _drawable(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and value >= 0


def _run(run: Run, manifest: Mapping[str, Any]) -> RunView:
    label = run.spec.label
    order = run.spec.to_json()["order"]
    note = f"order: {order.pop('kind').replace('_', ' ')}"
    note += "".join(f", {name} {plain(value)}" for name, value in order.items() if value not in (None, []))
    if not _here(run, manifest):
        note += "; made by the task that this one started from"
    measured = _measured(run, manifest)
    return view_run(run, note if measured else f"{note}; never counted in any result", measured)


def _here(run: Run, manifest: Mapping[str, Any]) -> bool:
    """Whether the run's files lie beside this report; those of a parent's runs do not."""
    folder = f"runs/{run.spec.label}/"
    return any(str(entry.get("path")).startswith(folder) for entry in manifest.get("artifacts", []))


def _measured(run: Run, manifest: Mapping[str, Any]) -> bool:
    """A warm-up is the run whose summary is not among the results."""
    return run.spec.label != "warmup"


def _dataset(ref: Mapping[str, Any]) -> tuple[Row, ...]:
    rows = [("id", plain(ref.get("source_id"))), ("provenance", plain(ref.get("provenance")))]
    rows += [(name, plain(ref[name])) for name in ("kind", "format") if name in ref]
    rows += [(name, number(ref[name])) for name in ("rows", "samples") if isinstance(ref.get(name), int)]
    rows.append(("size", size(ref.get("size"))))
    rows.append(("sha256", plain(ref.get("digest", {}).get("sha256"))))
    return (*rows, ("redaction", plain(ref.get("redaction_status"))))


def _origin(manifest: Mapping[str, Any]) -> list[Row]:
    made, status = manifest.get("provenance", {}), manifest.get("task_status", {})
    tool = made.get("tool", {})
    lasted = manifest.get("monotonic_duration_ns")
    rows = [(heading(name), plain(manifest.get(name))) for name in ("run_id", "runner", "image")]
    rows.append(("state", f"{plain(status.get('state'))}, exit code {plain(status.get('exit_code'))}"))
    rows += [(name.replace("_", " "), plain(manifest.get(name))) for name in ("started_on", "finished_on")]
    rows.append(("duration", duration(lasted) if isinstance(lasted, int) else "–"))
    rows.append(("tool", f"{plain(tool.get('name'))} {plain(tool.get('version'))}"))
    rows += [(name, plain(made.get(name))) for name in ("repo", "commit")]
    rows.append(("changed since the commit", plain(made.get("dirty"))))
    rows.append(("environment", ", ".join(f"{k} {plain(v)}" for k, v in manifest.get("environment", {}).items()) or "–"))
    rows += [(f"sha256 of {heading(k)}", plain(v)) for k, v in manifest.get("config_hashes", {}).items()]
    rows.append(("hash of mlcube.yaml", plain(manifest.get("mlcube_config_hash"))))
    return [*rows, ("redaction", plain(manifest.get("redaction_status")))]


def _artifact(entry: Mapping[str, Any]) -> Artifact:
    digest = entry.get("digest", {}).get("sha256")
    return Artifact(plain(entry.get("path")), plain(entry.get("role")), size(entry.get("size")), plain(digest))
