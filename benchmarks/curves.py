"""A picture of shares against a number, as SVG written by hand: no library, and the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 380, 240, 50, 34, 60
_LEGEND = 18
_FONT = 'font-family="sans-serif" font-size="12"'
# Told apart by the dashes as well as by the colour.
_STYLES = {
    "a": 'stroke="#0b6e4f" stroke-width="2.5"',
    "b": 'stroke="#0b6e4f" stroke-width="2.5" stroke-dasharray="7 4"',
    "c": 'stroke="#b3401f" stroke-width="2"',
    "d": 'stroke="#b3401f" stroke-width="2" stroke-dasharray="7 4"',
}


@dataclass(frozen=True)
class Curve:
    """Points (x, share), the share from 0 to 1; `style` is one of a, b, c, d."""

    name: str
    points: Sequence[tuple[float, float]]
    style: str


@dataclass(frozen=True)
class Panel:
    """Curves over one axis from 0 to `most`, which is a share as well."""

    title: str
    axis: str
    most: float
    curves: Sequence[Curve]


def picture(panels: Sequence[Panel]) -> str:
    """The panels side by side."""
    width = len(panels) * (_WIDTH + _LEFT + _GAP)
    height = _TOP + _HEIGHT + 50 + _LEGEND * max(len(panel.curves) for panel in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * (_WIDTH + _LEFT + _GAP) + _LEFT} {_TOP})">')
        parts += _panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> list[str]:
    parts = [f'<text x="0" y="-14" font-weight="bold">{escape(panel.title)}</text>']
    for step in range(6):
        share = step / 5
        y, x = _HEIGHT * (1 - share), _WIDTH * share
        parts.append(f'<path d="M0 {y:.1f}H{_WIDTH}" stroke="#dddddd"/>')
        parts.append(f'<text x="-8" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT + 18}" text-anchor="middle">{panel.most * share:.0%}</text>')
    parts.append(f'<text x="{_WIDTH}" y="{_HEIGHT + 34}" text-anchor="end">{escape(panel.axis)}</text>')
    for number, curve in enumerate(panel.curves):
        points = " ".join(f"{_WIDTH * x / panel.most:.1f},{_HEIGHT * (1 - share):.1f}" for x, share in curve.points)
        parts.append(f'<polyline points="{points}" fill="none" {_STYLES[curve.style]}/>')
        y = _HEIGHT + 50 + _LEGEND * number
        parts.append(f'<path d="M0 {y - 4}h40" {_STYLES[curve.style]}/>')
        parts.append(f'<text x="48" y="{y}">{escape(curve.name)}</text>')
    return parts
