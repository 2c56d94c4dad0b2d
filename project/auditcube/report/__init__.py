"""The HTML report: one self-contained page about one output directory, the same bytes for the same evidence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from auditcube.metrics import Run
from auditcube.report.chart import comparison, histogram
from auditcube.report.text import visible
from auditcube.report.view import view


def render(manifest: Mapping[str, Any], config: Mapping[str, Any], runs: Mapping[str, Run]) -> bytes:
    """The page, UTF-8. Pure: no clock, no chance, no network, no file but the template.

    `manifest` is the sidecar, before or after the report itself is listed in it: the page is the same; `config` is the
    effective config; `runs` are the runs by label, of which those that were not made are absent.
    """
    return _template().render(page=view(manifest, config, runs)).encode()


@cache
def _template() -> Template:
    # Escaping is Jinja2's, on every expression; `finalize` sees every expression before that.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=visible, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(histogram=histogram, comparison=comparison)
    return environment.from_string(files(__package__).joinpath("report.html.j2").read_text("utf-8"))
