"""The HTML pages, each self-contained, the same bytes for the same evidence: of one output directory, of a review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from auditcube.metrics import Run
from auditcube.report.chart import comparison, histogram
from auditcube.report.review_view import view_review
from auditcube.report.text import visible
from auditcube.report.view import view


def render(manifest: Mapping[str, Any], config: Mapping[str, Any], runs: Mapping[str, Run]) -> bytes:
    """The report, UTF-8. Pure: no clock, no chance, no network, no file but the templates.

    `manifest` is the sidecar, before or after the report itself is listed in it: the page is the same; `config` is the
    effective config; `runs` are the runs by label, of which those that were not made are absent.
    """
    return _templates().get_template("report.html.j2").render(page=view(manifest, config, runs)).encode()


def render_review(
    subject: str, reviewed: Mapping[str, Any], verdicts: Mapping[str, Sequence[Mapping[str, Any]]]
) -> bytes:
    """A page for what `review --json` tells of a tree, and the verdicts of its results by their paths; as pure."""
    page = view_review(subject, reviewed, verdicts)
    return _templates().get_template("review.html.j2").render(page=page).encode()


@cache
def _templates() -> Environment:
    # Escaping is Jinja2's, on every expression; `finalize` sees every expression before that.
    environment = Environment(
        loader=PackageLoader("auditcube.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(histogram=histogram, comparison=comparison)
    return environment
