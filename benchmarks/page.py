"""Rows of figures, and the page made of them."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import re
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from clients import Figure, Rounds, median

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


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
        return {True: "met", False: "**not met**", None: "not told" if self.reach else ""}[self.met]

    def line(self) -> str:
        return f"{self.what:<64} {self.client:<24} {self.figure:<34} {self.reach:<28} {self.verdict}"


def paired(ones: Sequence[float], others: Sequence[float]) -> float:
    """The median of the ratios within each repeat."""
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


def _ratios(ones: Sequence[float], others: Sequence[float]) -> str:
    """The ratio, with the smallest and the largest of the repeats."""
    each = sorted(one / other for one, other in zip(ones, others, strict=True))
    spread = f", {each[0]:.2f} to {each[-1]:.2f}" if len(each) > 1 else ""
    return f"({paired(ones, others):.2f} x{spread})"


def compared(what: str, rounds: Rounds, ours: str, peer: str, most: float) -> Iterator[Row]:
    """A row of CPU for each client, as a ratio to one peer; ours may be at most so many times that."""
    cpu = {name: [figure.cpu for figure in figures] for name, figures in rounds.items()}
    known = {name: bool(each) and not any(map(math.isnan, each)) for name, each in cpu.items()}
    for name, each in cpu.items():
        reach = f"<= {most:g} x {peer}" if name == ours else ""
        if not each:
            yield Row(what, name, "not installed: skipped")
        elif not known[name]:
            yield Row(what, name, "too little to be told from start-up", reach)
        elif not known[peer] or name == peer:
            yield Row(what, name, f"{statistics.median(each):.4g}", reach)
        else:
            figure = f"{statistics.median(each):.4g} {_ratios(each, cpu[peer])}"
            yield Row(what, name, figure, reach, paired(each, cpu[peer]) <= most if reach else None)


def ratio(what: str, rounds: Rounds, client: str, other: str, most: float) -> Row:
    """CPU of one client by that of another, which has no verdict where one of them is unknown."""
    ones, others = ([figure.cpu for figure in rounds[name]] for name in (client, other))
    reach = f"<= {most:g} x {other}"
    if any(map(math.isnan, [*ones, *others])):
        return Row(what, client, "too little to be told from start-up", reach)
    figure = f"{statistics.median(ones):.4g} {_ratios(ones, others)}"
    return Row(what, client, figure, reach, paired(ones, others) <= most)


def rates(what: str, rates: Mapping[str, Sequence[float]], peer: str, least: float) -> Iterator[Row]:
    """A row of requests per second for each client; each of ours must be at least so many times the peer's."""
    for name, each in rates.items():
        reach = f">= {least:g} x {peer}" if name != peer else ""
        if name == peer or peer not in rates:
            yield Row(what, name, f"{statistics.median(each):,.0f}", reach)
            continue
        met = paired(each, rates[peer]) >= least
        yield Row(what, name, f"{statistics.median(each):,.0f} {_ratios(each, rates[peer])}", reach, met)
    if peer not in rates:
        yield Row(what, peer, "not installed: skipped")


def parts(figures: list[Figure], requests: int) -> Iterator[Row]:
    """Where the CPU of our command goes."""
    told = median(figures)
    yield Row("of which workers", "auditcube", f"{told.cpu - told.parent:.4g}")
    yield Row("of which parent: summary, report, sidecar", "auditcube", f"{told.parent:.4g}")
    yield Row(f"with start-up, in a run of {requests:,}", "auditcube", f"{told.whole:.4g}")


def memories(what: str, rounds: Rounds) -> Iterator[Row]:
    for name, figures in rounds.items():
        if figures:
            told = median(figures)
            yield Row(what, name, f"{told.peak_mb:.0f} / {told.together_mb:.0f} MB")


def bound(what: str, figure: float, unit: str, reach: float, *, more: bool = False) -> Row:
    met = figure >= reach if more else figure <= reach
    return Row(what, "auditcube", f"{figure:.3g} {unit}", f"{'>=' if more else '<='} {reach:g} {unit}", met)


def summary(folder: Path) -> Any:
    return json.loads((folder / "out/runs/reference/summary.json").read_text())


def first_query_s(folder: Path) -> float:
    """When the first query went out: seconds since 1970."""
    with (folder / "out/runs/reference/events.jsonl").open() as file:
        start = json.loads(next(file))["start"]
        first = min(json.loads(line).get("issued_ns", 2**63) for line in file)
    return _seconds(start["origin_utc"]) + int(first) / 1e9


def task_start_s(folder: Path) -> float:
    """When the task began, by its own account: after its imports."""
    return _seconds(json.loads((folder / "out/mlcube.run_audit.json").read_text())["started_on"])


def _seconds(utc: str) -> float:
    return datetime.fromisoformat(utc.replace("Z", "+00:00")).timestamp()


def write(rows: Sequence[Row], peers: Path | None) -> None:
    """Put the table into docs/performance.md, between its marks."""
    table = ["| what | client | measured | reach | |", "| --- | --- | --- | --- | --- |"]
    table += [f"| {row.what} | {row.client} | {row.figure} | {row.reach} | {row.verdict} |" for row in rows]
    head = f"{datetime.now(timezone.utc):%Y-%m-%d}, {machine()}; {_versions(peers)}."
    put(PAGE, "benchmarks/load_engine.py", "\n".join([head, "", *table]))


def put(page: Path, maker: str, text: str) -> None:
    """Put what a script made into a page, between the marks that name it."""
    begin, end = f"<!-- made by {maker} -->\n", "<!-- until here -->\n"
    before, found, rest = page.read_text("utf-8").partition(begin)
    if not found:
        raise SystemExit(f"{page}: there is no mark of {maker}")
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}\n\n{end}{after}", "utf-8")


def machine() -> str:
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
    for package in ("aiohttp", "locust"):
        found.append(f"{package} {version}" if (version := _version(peers, package)) else f"no {package}")
    return ", ".join(found)


def _version(peers: Path | None, package: str) -> str:
    """The version of a package of the peers' Python; empty if it is not there."""
    if peers is None:
        return ""
    code = f"import importlib.metadata as m; print(m.version('{package}'))"
    return subprocess.run([peers, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
