"""Inline SVG: bars along an axis, and bars beside each other. Pure; every text is escaped by markupsafe.

A chart has no colours of its own: its parts have classes that the page's style sheet paints, for light, dark and paper.
It is drawn for a column of about 28rem, so that its 12 px texts stay readable on a telephone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from auditcube.report.scale import Axis
from auditcube.report.text import shortened, visible

_WIDTH = 440.0
_HEIGHT = 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 12.0, 14.0, 42.0
_LINE = 13.0  # from one line of text to the next
_CHARACTER = 6.8  # about as wide as a character of a label is


@dataclass(frozen=True)
class Stack:
    """One layer of stacked bars: its colour's class, and a height for each bar."""

    kind: str
    heights: tuple[float, ...]


@dataclass(frozen=True)
class Histogram:
    """Bars between consecutive `edges`, layers on top of each other; `marks` stand across x, `level` across y."""

    title: str
    description: str
    x: Axis
    y: Axis
    edges: tuple[float, ...]
    stacks: tuple[Stack, ...]
    marks: tuple[tuple[float, str], ...] = ()
    level: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One bar per (name, value, text, kind), from zero, and a line at `limit` (value, text)."""

    title: str
    description: str
    x: Axis
    bars: tuple[tuple[str, float, str, str], ...]
    limit: tuple[float, str] | None


def histogram(chart: Histogram, ident: str) -> Markup:
    """The chart as an `<svg>`; `ident` is unique in the page."""
    top = _TOP + _LINE * len(chart.marks)
    bottom = _HEIGHT - _BOTTOM
    parts = [_y_axis(chart.y, top, bottom), _x_axis(chart.x, bottom, _HEIGHT)]
    floor = [0.0] * (len(chart.edges) - 1)
    for stack in chart.stacks:
        parts.append(_layer(chart, stack, floor, top, bottom))
        floor = [below + height for below, height in zip(floor, stack.heights, strict=True)]
    if chart.level is not None:
        y = _y(chart.y, chart.level, top, bottom)
        parts.append(_line("level", _LEFT, y, _WIDTH - _RIGHT, y))
    parts += _marks([(_x(chart.x, value), label) for value, label in chart.marks], bottom)
    return _svg(chart.title, chart.description, ident, _HEIGHT, parts)


def comparison(chart: Comparison, ident: str) -> Markup:
    """The chart as an `<svg>`; `ident` is unique in the page."""
    top, each = _TOP + _LINE, 46.0
    bottom = top + each * len(chart.bars)
    parts = [_x_axis(chart.x, bottom, bottom + _BOTTOM, left=1.0)]
    for number, (name, value, text, kind) in enumerate(chart.bars):
        y = top + each * number
        width = max(_x(chart.x, value, left=1.0) - 1.0, 1.0)
        parts.append(
            Markup('<rect class="{}" x="1" y="{}" width="{}" height="20"/>').format(kind, _c(y + 20), _c(width))
        )
        parts.append(_text("name", 1.0, y + 14, f"{shortened(name, 24)}  {text}", "start"))
    if chart.limit is not None:
        parts += _marks([(_x(chart.x, chart.limit[0], left=1.0), chart.limit[1])], bottom)
    return _svg(chart.title, chart.description, ident, bottom + _BOTTOM, parts)


def _svg(title: str, description: str, ident: str, height: float, parts: Iterable[Markup]) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{ident}-t {ident}-d">'
        '<title id="{ident}-t">{title}</title><desc id="{ident}-d">{description}</desc>{parts}</svg>'
    ).format(
        width=_c(_WIDTH), height=_c(height), ident=ident, title=visible(title), description=visible(description),
        parts=Markup("").join(parts),
    )  # fmt: skip


def _layer(chart: Histogram, stack: Stack, floor: list[float], top: float, bottom: float) -> Markup:
    """One path for all bars of a layer: a rectangle each would be most of the page's bytes."""
    path = []
    for left, right, below, height in zip(chart.edges, chart.edges[1:], floor, stack.heights, strict=False):
        if height <= 0:
            continue
        x0, x1 = _x(chart.x, left), _x(chart.x, right)
        y0, y1 = _y(chart.y, below, top, bottom), _y(chart.y, below + height, top, bottom)
        # A gap between bars; and one failure among a million must be seen: no bar is thinner than a pixel.
        gap = 0.8 if x1 - x0 > 3 else 0.0
        path.append(f"M{_c(x0)} {_c(y0)}V{_c(min(y1, y0 - 1))}H{_c(max(x1 - gap, x0 + 1))}V{_c(y0)}Z")
    return Markup('<path class="{}" d="{}"/>').format(stack.kind, "".join(path))


def _y_axis(axis: Axis, top: float, bottom: float) -> Markup:
    parts = []
    for value, label in axis.ticks:
        y = _y(axis, value, top, bottom)
        parts += [_line("grid", _LEFT, y, _WIDTH - _RIGHT, y), _text("tick", _LEFT - 6, y + 4, label, "end")]
    middle = (top + bottom) / 2
    parts.append(
        Markup('<text class="unit" transform="translate(12 {}) rotate(-90)" text-anchor="middle">{}</text>').format(
            _c(middle), visible(axis.title)
        )
    )
    return Markup("").join(parts)


def _x_axis(axis: Axis, y: float, height: float, left: float = _LEFT) -> Markup:
    parts = [_line("axis", left, y, _WIDTH - _RIGHT, y)]
    for value, label in axis.ticks:
        x = _x(axis, value, left)
        # The outermost labels turn inwards rather than out of the picture.
        anchor = "start" if x < 12 else "end" if x > _WIDTH - 24 else "middle"
        parts += [_line("axis", x, y, x, y + 4), _text("tick", x, y + 16, label, anchor)]
    parts.append(_text("unit", (left + _WIDTH - _RIGHT) / 2, height - 8, axis.title, "middle"))
    return Markup("").join(parts)


def _marks(marks: Sequence[tuple[float, str]], bottom: float) -> list[Markup]:
    """Lines down to the bottom; each label on a line of its own, right of it where there is room."""
    heights = [_TOP + _LINE * number for number in range(len(marks))]
    lines = [_line("mark", x, y - 4, x, bottom) for (x, _), y in zip(marks, heights, strict=True)]
    words = []
    for (x, label), y in zip(marks, heights, strict=True):
        right = x + 8 + _CHARACTER * len(label) < _WIDTH
        words.append(_text("label", x + 4 if right else x - 4, y + 6, label, "start" if right else "end"))
    return [*lines, *words]  # the words last: no line runs through them


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<path class="{}" d="M{} {}L{} {}"/>').format(kind, _c(x1), _c(y1), _c(x2), _c(y2))


def _text(kind: str, x: float, y: float, words: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, _c(x), _c(y), anchor, escape(visible(words))
    )


def _x(axis: Axis, value: float, left: float = _LEFT) -> float:
    return left + axis.share(value) * (_WIDTH - _RIGHT - left)


def _y(axis: Axis, value: float, top: float, bottom: float) -> float:
    return bottom - axis.share(value) * (bottom - top)


def _c(value: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
