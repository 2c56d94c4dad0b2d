"""The SVG: well formed, within its picture, with what a screen reader needs, whatever the texts are."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from auditcube.report.chart import Comparison, Histogram, Stack, comparison, histogram
from auditcube.report.scale import Axis, count_axis, time_axis

SVG = "svg"
HOSTILE = "</text><script>alert(1)</script> \"'& \u202e \ud800"


def chart(ok: tuple[float, ...], bad: tuple[float, ...], title: str = "Title", mark: str = "p50 5 ms") -> Histogram:
    return Histogram(
        title=title,
        description="What there is to see.",
        x=time_axis("latency", 0.0, 10e6),
        y=count_axis("queries", max(a + b for a, b in zip(ok, bad, strict=True))),
        edges=tuple(10e6 * n / len(ok) for n in range(len(ok) + 1)),
        stacks=(Stack("ok", ok), Stack("bad", bad)),
        marks=((5e6, mark), (9.9e6, "p99 9.9 ms")),
        level=1.0,
    )


def parsed(svg: str) -> ElementTree.Element:
    """The root, read as XML: an HTML parser would mend what is not well formed."""
    return ElementTree.fromstring(svg)


def rectangles(root: ElementTree.Element, kind: str) -> list[tuple[float, ...]]:
    """(left, bottom, top, right) of every bar of a layer."""
    path = next(p.attrib["d"] for p in root.iter("path") if p.attrib["class"] == kind)
    found = re.findall(r"M(\S+) (\S+)V(\S+)H(\S+)V\S+Z", path)
    return [tuple(map(float, numbers)) for numbers in found]


def test_a_failure_stands_on_what_completed() -> None:
    root = parsed(histogram(chart((4.0, 0.0, 2.0), (0.0, 3.0, 2.0)), "c"))
    completed, failed = rectangles(root, "ok"), rectangles(root, "bad")
    assert len(completed) == len(failed) == 2
    assert failed[0][1] == completed[0][1], "in the second interval a failure stands on the axis"
    assert failed[1][1] == completed[1][2], "in the third on the completed queries"
    first, third = completed
    assert first[1] - first[2] == pytest.approx(2 * (third[1] - third[2]), abs=0.2)


def test_one_failure_among_a_million_is_seen() -> None:
    (left, bottom, top, right), *rest = rectangles(parsed(histogram(chart((1e6,) * 3, (0.0, 1.0, 0.0)), "c")), "bad")
    assert not rest
    assert bottom - top >= 1
    assert right - left >= 1


def test_everything_lies_within_the_picture() -> None:
    for svg in (histogram(chart((1.0,) * 64, (1.0,) * 64), "c"), comparison(compared(limit=99.0), "d")):
        root = parsed(svg)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for path in root.iter("path"):
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.attrib["d"])]
            assert all(0 <= n <= max(width, height) for n in numbers)
        for text in root.iter("text"):
            assert 0 <= float(text.attrib.get("x", 0)) <= width
            assert 0 <= float(text.attrib.get("y", 0)) <= height


def test_a_chart_tells_a_screen_reader_what_it_shows() -> None:
    root = parsed(histogram(chart((1.0,), (0.0,)), "rate1"))
    told = {element.attrib["id"]: element.text for element in root if "id" in element.attrib}
    assert root.attrib["role"] == "img"
    assert [told[name] for name in root.attrib["aria-labelledby"].split()] == ["Title", "What there is to see."]


def test_axes_have_titles_units_and_ticks() -> None:
    texts = [text.text for text in parsed(histogram(chart((3.0,), (0.0,)), "c")).iter("text")]
    assert texts[:5] == ["0", "1", "2", "3", "queries"]
    assert texts[5:12] == ["0", "2", "4", "6", "8", "10", "latency [ms]"]
    assert texts[12:] == ["p50 5 ms", "p99 9.9 ms"]


def compared(limit: float | None) -> Comparison:
    axis = Axis("queries/s", 0.0, 100.0, ((0.0, "0"), (50.0, "50")))
    bars = (("reference", 50.0, "50/s", "ok"), ("audit", 100.0, "100/s", "bad"))
    return Comparison("Title", "Told.", axis, bars, None if limit is None else (limit, "limit"))


def test_bars_are_as_long_as_their_values() -> None:
    bars = [rect for rect in parsed(comparison(compared(limit=55.0), "c")).iter("rect")]
    reference, audit = (float(bar.attrib["width"]) for bar in bars)
    assert audit == pytest.approx(2 * reference, abs=0.2)
    assert [bar.attrib["class"] for bar in bars] == ["ok", "bad"]


@pytest.mark.parametrize(("limit", "lines"), [(55.0, 1), (None, 0)])
def test_the_limit_is_a_line_if_there_is_one(limit: float | None, lines: int) -> None:
    root = parsed(comparison(compared(limit), "c"))
    assert sum(path.attrib["class"] == "mark" for path in root.iter("path")) == lines


def test_hostile_texts_stay_texts() -> None:
    svg = histogram(chart((1.0,), (0.0,), title=HOSTILE, mark=HOSTILE), "c")
    shown = "</text><script>alert(1)</script> \"'& ⟨U+202E⟩ ⟨U+D800⟩"
    root = parsed(svg)
    assert not list(root.iter("script"))
    assert [text for text in root.itertext() if "script" in text] == [shown, shown]
