"""Rows of figures, and the page made of them."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_BEGIN, _END = "<!-- made by benchmarks/load_engine.py -->\n", "<!-- until here -->\n"


@dataclass(frozen=True)
class Row:
    """One figure; `met` is None where there is nothing to reach."""

    what: str
    client: str
    figure: str
    reach: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "**not met**", None: ""}[self.met]

    def line(self) -> str:
        return f"{self.what:<64} {self.client:<24} {self.figure:<26} {self.reach:<28} {self.verdict}"


def compared(
    what: str, figures: Mapping[str, float], ours: str, peer: str, reach: float, *, more: bool = False
) -> Iterator[Row]:
    """A row for each client, as a ratio to one peer; ours has a reach: at most, or with `more` at least."""
    base = figures.get(peer)
    for client, figure in figures.items():
        if base is None or client == peer:
            yield Row(what, client, f"{figure:.4g}")
            continue
        ratio = figure / base
        text = f"{figure:.4g} ({ratio:.2f} x)"
        if client != ours:
            yield Row(what, client, text)
            continue
        met = ratio >= reach if more else ratio <= reach
        yield Row(what, client, text, f"{'>=' if more else '<='} {reach:g} x {peer}", met)
    if base is None:
        yield Row(what, peer, "not installed: nothing to compare with")


def ratio(what: str, figure: float, base: float, reach: float) -> Row:
    return Row(
        what, "auditcube", f"{figure:.4g} ({figure / base:.2f} x)", f"<= {reach:g} x one worker", figure <= reach * base
    )


def bound(what: str, figure: float, unit: str, reach: float) -> Row:
    return Row(what, "auditcube", f"{figure:.3g} {unit}", f"<= {reach:g} {unit}", figure <= reach)


def summary(folder: Path) -> Any:
    return json.loads((folder / "out/runs/reference/summary.json").read_text())


def start_up_s(folder: Path, manifest: Mapping[str, Any]) -> float:
    """From the task's start to its first query, by the wall clock that both tell."""
    with (folder / "out/runs/reference/events.jsonl").open() as file:
        start = json.loads(next(file))["start"]
        first = min(json.loads(line).get("issued_ns", 2**63) for line in file)
    began = datetime.fromisoformat(manifest["started_on"].replace("Z", "+00:00"))
    origin = datetime.fromisoformat(start["origin_utc"].replace("Z", "+00:00"))
    return (origin - began).total_seconds() + int(first) / 1e9


def write(rows: Sequence[Row], peers: Path | None) -> None:
    """Put the table into docs/performance.md, between its marks."""
    table = ["| what | client | measured | reach | |", "| --- | --- | --- | --- | --- |"]
    table += [f"| {row.what} | {row.client} | {row.figure} | {row.reach} | {row.verdict} |" for row in rows]
    head = f"{datetime.now(timezone.utc):%Y-%m-%d}, {_machine()}; {_versions(peers)}."
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n{head}\n\n" + "\n".join(table) + f"\n\n{_END}{after}")


def _machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    cores = len(re.findall(r"^processor", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    return (
        f"{cores} cores ({model[1].strip() if model else platform.machine()}), Linux {platform.release().split('-')[0]}"
    )


def _versions(peers: Path | None) -> str:
    found = [f"Python {platform.python_version()}", f"uvloop {importlib.metadata.version('uvloop')}"]
    for command in (["wrk", "-v"], ["h2load", "--version"], ["nginx", "-v"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            found.append(f"no {command[0]}")
            continue
        number = re.search(r"\d+\.\d[\w.]*", done.stdout + done.stderr)
        found.append(f"{command[0]} {number[0] if number else ''}".strip())
    if peers is None:
        return ", ".join([*found, "no aiohttp, no locust"])
    code = "import importlib.metadata as m; print(', '.join(f'{n} {m.version(n)}' for n in ('aiohttp', 'locust')))"
    return ", ".join(
        [*found, subprocess.run([peers, "-c", code], capture_output=True, text=True, check=True).stdout.strip()]
    )
