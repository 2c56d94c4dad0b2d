"""The page as bytes: the same for the same evidence, small, self-contained, and deaf to whatever the texts say."""

from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from auditcube.metrics import Run
from auditcube.report import render
from auditcube.scenario import Scenario
from report.cases import CONFIG, MS, artifact, make_manifest, make_run, verdict

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"'`&{{ 7*7 }}{% raw %}\u202e\u2028\x00\ud800 שלום "
    + "W" * 4000
)
ELEMENTS = {
    *("html", "head", "meta", "link", "title", "style", "body", "header", "main", "section", "div", "h1", "h2", "h3"),
    *("p", "span", "strong", "b", "bdi", "code", "pre", "ul", "li", "dl", "dt", "dd", "figure", "figcaption"),
    *("table", "thead", "tr", "th", "td", "svg", "desc", "path", "rect", "text"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "scope", "id", "role"),
    *("aria-labelledby", "viewbox", "d", "x", "y", "width", "height", "text-anchor", "transform"),
}


class Reader(HTMLParser):
    """Collects every element, attribute and reference of a page, and its visible text."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.references: list[str | None] = []
        self.ids: list[str | None] = []
        self.words = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.references += [value for name, value in attrs if name in ("href", "src")]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.words += data


def runs(*made: Run) -> dict[str, Run]:
    return {run.spec.label: run for run in made}


def hostile(value: Any) -> Any:
    """`value` with every string, keys too, followed by what should not be interpreted; the known keys stay as well."""
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, dict):
        return {**{key: hostile(each) for key, each in value.items()}, HOSTILE: hostile("value")}
    return [hostile(each) for each in value] if isinstance(value, list) else value


def test_equal_input_gives_equal_bytes() -> None:
    manifest = make_manifest(verdict())
    first = render(manifest, CONFIG, runs(make_run([MS] * 100)))
    assert first == render(copy.deepcopy(manifest), copy.deepcopy(CONFIG), runs(make_run([MS] * 100)))
    assert first != render(manifest, CONFIG, runs(make_run([2 * MS] * 100)))


def test_the_page_is_the_same_once_it_is_listed() -> None:
    """So that `verify` and `report` can make it again from the finished directory."""
    manifest = make_manifest(verdict())
    finished = copy.deepcopy(manifest)
    finished["artifacts"].append(artifact("report.html", "report"))
    finished["manifest_digest"] = {"sha256": "0" * 64}
    assert render(manifest, CONFIG, {}) == render(finished, CONFIG, {})


def test_the_arguments_are_left_as_they_were() -> None:
    manifest, config = make_manifest(verdict()), copy.deepcopy(CONFIG)
    render(manifest, config, runs(make_run([MS])))
    assert (manifest, config) == (make_manifest(verdict()), CONFIG)


def test_hostile_texts_are_shown_and_nothing_else() -> None:
    made = make_run([MS] * 20, "reference" + HOSTILE, errors=(HOSTILE,))
    page = render(hostile(make_manifest(verdict())), hostile(CONFIG), {"reference": made})
    read = Reader(page)
    assert set(read.elements) <= ELEMENTS
    assert read.attributes <= ATTRIBUTES
    assert read.references == ["data:,"]
    assert b"<script" not in page
    assert "<script>alert(1)</script><img src=x onerror=alert(1)>\"'`&{{ 7*7 }}{% raw %}⟨U+202E⟩⟨U+2028⟩" in read.words
    assert not set("\u202e\u2028\x00\ufffd") & set(page.decode())


def test_the_allow_list_holds_nothing_that_is_not_used() -> None:
    """Otherwise it would allow more than the page needs."""
    made = make_run([MS, 2 * MS], errors=("broken",))
    read = Reader(render(make_manifest(verdict()), CONFIG, runs(made)))
    assert set(read.elements) == ELEMENTS
    assert read.attributes == ATTRIBUTES
    assert len(read.ids) == len(set(read.ids))


def test_the_page_may_fetch_nothing() -> None:
    page = render(make_manifest(), CONFIG, {}).decode()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert "url(" not in page
    assert "@import" not in page


def test_a_million_events_make_a_small_page() -> None:
    rng = np.random.default_rng(7)
    count = 1_000_000
    made = make_run(
        (np.exp(rng.normal(0, 1.5, count)) * 1e9).astype(np.int64),
        issued_ns=np.sort(rng.integers(0, 600 * 10**9, count)),
        failed=range(0, count, 1000),
        streamed=True,
        scenario=Scenario.SERVER,
    )
    page = render(make_manifest(verdict()), CONFIG, runs(made, make_run([MS] * 1000, "test04")))
    assert len(page) < 60_000


@pytest.mark.parametrize(
    "made",
    [
        (),
        (make_run([]),),
        (make_run([], end=None),),
        (make_run([0]),),
        (make_run([MS]),),
        (make_run([MS], failed=[0]),),
        (make_run([10**15] * 2),),
        (make_run([1, 10**15]),),
        (make_run([-5, MS]),),  # a damaged file; `report` shows it all the same
    ],
)
def test_odd_runs_are_rendered(made: tuple[Run, ...]) -> None:
    page = render(make_manifest(verdict("INCONCLUSIVE")), CONFIG, runs(*made))
    assert "INCONCLUSIVE" in Reader(page).words
    assert not re.search(rb"(?i)(?<![a-z])[m-]?(nan|inf)(?![a-z])", page)


def test_a_manifest_with_nothing_in_it_is_rendered() -> None:
    words = Reader(render({}, {}, {})).words
    assert "BROKE OFF" in words
    assert "PASS" not in words


def test_what_is_not_proved_is_said_last() -> None:
    words = Reader(render(make_manifest(verdict()), CONFIG, {})).words
    assert words.split("What this does not prove")[1].strip() == "Nothing here is signed."
