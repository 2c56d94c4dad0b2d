"""What the report says, as plain values: every number already in the words in which a reader sees it.

Members that a manifest lacks are left out or shown as a dash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from auditcube.metrics import Run
from auditcube.report.origin_view import Artifact, origin, view_artifact, view_dataset, view_parent
from auditcube.report.run_view import Row, RunView, view_run
from auditcube.report.text import plain, shortened
from auditcube.report.verdict_view import AuditView, Badge, badges, view_audit

_TITLE_CHARACTERS = 120
_WORD_CHARACTERS = 60


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
    measured = [run for run in runs.values() if _measured(run, manifest)]
    return Page(
        benchmark=shortened(manifest.get("benchmark", "unnamed"), _TITLE_CHARACTERS),
        scenario=shortened(plain(config.get("scenario")), _WORD_CHARACTERS),
        subtitle=_subtitle(manifest),
        badges=tuple(badges(manifest, measured)),
        audits=tuple(map(view_audit, manifest.get("verdicts", []))),
        runs=tuple(view_run(run, _note(run, manifest), _measured(run, manifest)) for run in runs.values()),
        config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
        datasets=tuple(map(view_dataset, manifest.get("dataset_refs", []))),
        seeds=tuple((name, plain(seed)) for name, seed in manifest.get("seeds", {}).items()),
        origin=tuple(origin(manifest)),
        artifacts=tuple(map(view_artifact, _listed(manifest))),
        parents=tuple(map(view_parent, manifest.get("parents", []))),
        non_claims=tuple(manifest.get("non_claims", [])),
    )


def _subtitle(manifest: Mapping[str, Any]) -> str:
    task, finished_on, claim = (
        shortened(plain(manifest.get(name)), _WORD_CHARACTERS)
        for name in ("mlcube_task", "finished_on", "claim_status")
    )
    return f"task {task} · {finished_on} · claim status: {claim}"


def _listed(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every artifact but the report: it cannot state its own digest, and is the same before and after it is listed."""
    return [entry for entry in manifest.get("artifacts", []) if entry.get("role") != "report"]


def _note(run: Run, manifest: Mapping[str, Any]) -> str:
    order = run.spec.to_json()["order"]
    kind = order.pop("kind").replace("_", " ")
    note = ", ".join([f"Order: {kind}", *(f"{name} {plain(value)}" for name, value in order.items() if value)])
    if not _here(run, manifest):
        note += "; made by the task that this one started from"
    return note if _measured(run, manifest) else f"{note}; never counted in any result"


def _here(run: Run, manifest: Mapping[str, Any]) -> bool:
    """Whether the run's files lie beside this report; those of a parent's run do not."""
    folder = f"runs/{run.spec.label}/"
    return not manifest.get("parents") or any(str(e.get("path")).startswith(folder) for e in _listed(manifest))


def _measured(run: Run, manifest: Mapping[str, Any]) -> bool:
    """False for a warm-up: a run of this task whose summary is not among its results."""
    results = manifest.get("result_paths")
    return results is None or not _here(run, manifest) or f"runs/{run.spec.label}/summary.json" in results
