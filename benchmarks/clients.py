"""The clients that are compared, each a function that makes one measurement of itself.

"Marginal" is the difference between a long and a short run by the difference of their requests, so that start-up is in
no such figure. A client that is not installed is None, and told as such.
"""

from __future__ import annotations

import math
import re
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from measure import HERE, Cost, auditcube, run

REPEATS = 3
_LEAST_CPU_S = 1.0  # between a long and a short run: start-up alone varies by a fifth of this, less would be noise


@dataclass(frozen=True)
class Setting:
    """How much is measured, and where."""

    folder: Path
    quick: bool
    peers: Path | None
    memory_queries: int = 2_000_000

    def scaled(self, count: int) -> int:
        return max(count // 10, 10) if self.quick else count

    @property
    def repeats(self) -> int:
        return 1 if self.quick else REPEATS


@dataclass(frozen=True)
class Figure:
    """One measurement: CPU seconds per 1000 requests (NaN where too little was used to tell), and megabytes.

    `cpu` is marginal, `whole` is that of the long run with its start-up, `parent` the part of `cpu` that no child of
    the command had. `peak_mb` is the largest process, `together_mb` all of them.
    """

    cpu: float
    whole: float
    parent: float
    peak_mb: float
    together_mb: float


Measure = Callable[[], Figure]
Rounds = Mapping[str, list[Figure]]


def interleaved(setting: Setting, clients: Mapping[str, Measure | None]) -> dict[str, list[Figure]]:
    """The figures of each client, measured in turn, so that a drift of the machine is in all of them."""
    rounds: dict[str, list[Figure]] = {name: [] for name in clients}
    for _ in range(setting.repeats):
        for name, measure in clients.items():
            if measure is not None:
                rounds[name].append(measure())
    return rounds


def median(figures: list[Figure]) -> Figure:
    """The median of each number; NaN if one of them is."""
    columns = list(zip(*map(astuple, figures), strict=True))
    return Figure(*(math.nan if any(map(math.isnan, column)) else statistics.median(column) for column in columns))


def marginal(measure: Callable[[int], Cost], short: int, long: int) -> Measure:
    def figure() -> Figure:
        little, much = measure(short), measure(long)
        per_1000 = 1000 / (long - short)
        cpu_s = much.cpu_s - little.cpu_s
        parent_s = cpu_s - (much.children_s - little.children_s)
        cpu = cpu_s * per_1000 if cpu_s >= _LEAST_CPU_S else math.nan
        return Figure(cpu, much.cpu_s / long * 1000, parent_s * per_1000, much.peak_mb, much.together_mb)

    return figure


def ours(setting: Setting, url: str, short: int, long: int, **changes: object) -> Measure:
    folder = setting.folder / "ours"
    return marginal(lambda count: auditcube(folder, url, count, **changes), short, long)


def _of_whole(cost: Cost, requests: int) -> Figure:
    """The figure of a client whose start-up is nothing beside its run."""
    cpu = cost.cpu_s / requests * 1000
    return Figure(cpu, cpu, cpu, cost.peak_mb, cost.together_mb)


def wrk(setting: Setting, url: str) -> Measure | None:
    if shutil.which("wrk") is None:
        return None
    seconds = 2 if setting.quick else 5

    def figure() -> Figure:
        cost = run(["wrk", "-t1", "-c64", f"-d{seconds}", "-s", HERE / "post.lua", f"{url}/v1/completions"])
        found = re.search(r"(\d+) requests in", cost.output)
        if found is None or "Non-2xx" in cost.output:
            raise RuntimeError(f"wrk: {cost.output}")
        return _of_whole(cost, int(found[1]))

    return figure


def h2load(setting: Setting, url: str) -> Measure | None:
    if shutil.which("h2load") is None:
        return None
    count, body = setting.scaled(400_000), setting.folder / "body.json"
    body.write_text('{"prompt":"' + "word " * 25 + '"}')
    options = ["--h1", "-n", str(count), "-c", "64", "-t", "1", "-d", str(body)]

    def figure() -> Figure:
        cost = run(["h2load", *options, "-H", "content-type: application/json", f"{url}/v1/completions"])
        if f"{count} succeeded" not in cost.output:  # it ends with 0 on a dead port
            raise RuntimeError(f"h2load: {cost.output}")
        return _of_whole(cost, count)

    return figure


def locust(setting: Setting, url: str) -> Measure | None:
    if setting.peers is None or not has_peer(setting, "locust"):
        return None
    seconds, table = 3 if setting.quick else 8, setting.folder / "locust"
    program = setting.peers.parent / "locust"
    options = ["--headless", "-u", "64", "-r", "64", "-t", f"{seconds}s", "--only-summary", "--csv", str(table)]

    def figure() -> Figure:
        cost = run([program, "-f", HERE / "locust_file.py", "-H", url, *options])
        total = Path(f"{table}_stats.csv").read_text().splitlines()[-1].split(",")
        return _of_whole(cost, int(total[2]))

    return figure


def bare(setting: Setting, url: str) -> Callable[[int], Cost]:
    return _script(setting, Path(sys.executable), "bare_client.py", url)


def aiohttp(setting: Setting, url: str) -> Callable[[int], Cost] | None:
    if setting.peers is None or not has_peer(setting, "aiohttp"):
        return None
    return _script(setting, setting.peers, "aiohttp_client.py", url)


def _script(setting: Setting, python: Path, name: str, url: str) -> Callable[[int], Cost]:
    out = setting.folder / f"{name}.jsonl"
    return lambda count: run([python, HERE / name, f"{url}/v1/completions", str(count), "64", out])


def has_peer(setting: Setting, package: str) -> bool:
    if setting.peers is None:
        return False
    found = run([setting.peers, "-c", f"import importlib.util as u; print(u.find_spec('{package}') is not None)"])
    return found.output.strip() == "True"
