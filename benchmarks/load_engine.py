"""What the load engine costs, beside named peers in one run: the table of docs/performance.md.

    make benchmarks                      every row, about six minutes, and docs/performance.md
    python benchmarks/load_engine.py --quick    a tenth of the counts, to see that it works
    python benchmarks/load_engine.py --only sse,latency

CPU seconds are those of the client's whole process tree, the server's excluded, as the operating system accounts for
them. "Marginal" is the difference between a long and a short run by the difference of their requests, so that start-up
is in no such figure. Figures are medians of interleaved repeats, since these machines are shared and drift.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import page
from measure import AUDITCUBE, HERE, Cost, auditcube, null_endpoint, run, small_answers
from page import Row

REPEATS = 3


@dataclass(frozen=True)
class Setting:
    """How much is measured, and where."""

    folder: Path
    quick: bool
    peers: Path | None

    def scaled(self, count: int) -> int:
        return max(count // 10, 10) if self.quick else count

    @property
    def repeats(self) -> int:
        return 1 if self.quick else REPEATS


def interleaved(setting: Setting, clients: dict[str, Callable[[], float]]) -> dict[str, float]:
    """The median figure of each client, measured in turn."""
    figures: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(setting.repeats):
        for name, measure in clients.items():
            figures[name].append(measure())
    return {name: statistics.median(values) for name, values in figures.items()}


def marginal(measure: Callable[[int], Cost], short: int, long: int) -> float:
    """CPU seconds per 1000 requests beyond the start-up."""
    return (measure(long).cpu_s - measure(short).cpu_s) / (long - short) * 1000


def wrk(setting: Setting, url: str) -> float:
    seconds = 2 if setting.quick else 5
    cost = run(["wrk", "-t1", "-c64", f"-d{seconds}", "-s", HERE / "post.lua", f"{url}/v1/completions"])
    found = re.search(r"(\d+) requests in", cost.output)
    assert found is not None, cost.output
    return cost.cpu_s / int(found[1]) * 1000


def h2load(setting: Setting, url: str) -> float:
    count, body = setting.scaled(400_000), setting.folder / "body.json"
    body.write_text('{"prompt":"' + "word " * 25 + '"}')
    command = ["h2load", "--h1", "-n", str(count), "-c", "64", "-t", "1", "-d", str(body), f"{url}/v1/completions"]
    return run(command).cpu_s / count * 1000


def locust(setting: Setting, url: str) -> float:
    assert setting.peers is not None
    seconds, table = 3 if setting.quick else 8, setting.folder / "locust"
    program, users = setting.peers.parent / "locust", ["-u", "64", "-r", "64", "-t", f"{seconds}s"]
    command: list[str | Path] = [program, "-f", HERE / "locust_file.py", "--headless", "-H", url]
    cost = run([*command, *users, "--csv", table, "--only-summary"])
    total = Path(f"{table}_stats.csv").read_text().splitlines()[-1].split(",")
    return cost.cpu_s / int(total[2]) * 1000


def script(setting: Setting, python: Path, name: str, url: str) -> Callable[[int], Cost]:
    out = setting.folder / f"{name}.jsonl"
    return lambda count: run([python, HERE / name, f"{url}/v1/completions", str(count), "64", out])


def has_peer(setting: Setting, package: str) -> bool:
    if setting.peers is None:
        return False
    found = run([setting.peers, "-c", f"import importlib.util as u; print(u.find_spec('{package}') is not None)"])
    return found.output.strip() == "True"


def small(setting: Setting) -> Iterator[Row]:
    """Small answers, 64 in flight, events on disk."""
    short, long = setting.scaled(40_000), setting.scaled(240_000)
    with small_answers(setting.folder / "nginx") as url:
        folder = setting.folder / "small"
        bare = script(setting, Path(sys.executable), "bare_client.py", url)
        clients: dict[str, Callable[[], float]] = {
            "auditcube": lambda: marginal(lambda n: auditcube(folder, url, n), short, long),
            "auditcube, 2 workers": lambda: marginal(
                lambda count: auditcube(folder, url, count, workers=2), short, long
            ),
            "bare client": lambda: marginal(bare, short, long),
        }
        if shutil.which("wrk"):
            clients["wrk -t1"] = lambda: wrk(setting, url)
        if shutil.which("h2load"):
            clients["h2load -t1"] = lambda: h2load(setting, url)
        if setting.peers is not None and has_peer(setting, "aiohttp"):
            client = script(setting, setting.peers, "aiohttp_client.py", url)
            clients["aiohttp on uvloop"] = lambda: marginal(client, setting.scaled(5_000), setting.scaled(25_000))
        if has_peer(setting, "locust"):
            clients["locust (FastHttpUser)"] = lambda: locust(setting, url)
        figures = interleaved(setting, clients)
    yield from page.compared(
        "CPU s per 1000 small requests, 64 in flight, events on disk", figures, "auditcube", "wrk -t1", 2.5
    )
    two, one = figures["auditcube, 2 workers"], figures["auditcube"]
    yield page.ratio("the same with two workers, per request", two, one, 1.10)


def throughput(setting: Setting) -> Iterator[Row]:
    """As fast as it goes with the server on the same two cores."""
    count = setting.scaled(200_000)
    with small_answers(setting.folder / "nginx") as url:

        def ours(workers: int) -> float:
            auditcube(setting.folder / "fast", url, count, workers=workers)
            summary = setting.folder / "fast/out/runs/reference/summary.json"
            rate: float = json.loads(summary.read_text())["throughput_per_s"]
            return rate

        clients = {"auditcube": lambda: ours(1), "auditcube, 2 workers": lambda: ours(2)}
        if setting.peers is not None and has_peer(setting, "aiohttp"):
            few = setting.scaled(20_000)
            client = script(setting, setting.peers, "aiohttp_client.py", url)
            clients["aiohttp on uvloop"] = lambda: few / client(few).wall_s
        figures = interleaved(setting, clients)
    yield from page.compared(
        "requests/s, two cores shared with the server", figures, "auditcube", "aiohttp on uvloop", 5.0, more=True
    )


def sse(setting: Setting) -> Iterator[Row]:
    """Streams of 20 and of 1000 chunks."""
    figures = streams(setting, 20, setting.scaled(5_000), setting.scaled(45_000))
    yield from page.compared("CPU s per 1000 answers of 20 chunks", figures, "auditcube", "bare client", 1.5)
    figures = streams(setting, 1000, setting.scaled(100), setting.scaled(1_100))
    yield from page.compared("CPU s per 1000 answers of 1000 chunks", figures, "auditcube", "aiohttp on uvloop", 1 / 5)


def streams(setting: Setting, chunks: int, short: int, long: int) -> dict[str, float]:
    with null_endpoint("--chunks", str(chunks)) as url:
        clients = {
            "auditcube": lambda count: auditcube(setting.folder / "sse", url, count, stream=True),
            "bare client": script(setting, Path(sys.executable), "bare_client.py", url),
        }
        if setting.peers is not None and has_peer(setting, "aiohttp"):
            clients["aiohttp on uvloop"] = script(setting, setting.peers, "aiohttp_client.py", url)
        return interleaved(setting, {name: partial(marginal, client, short, long) for name, client in clients.items()})


def latency(setting: Setting) -> Iterator[Row]:
    """What a client adds where there is little to do: 4 in flight, 50 ms of service."""
    count = setting.scaled(2_000)
    with null_endpoint("--delay-ms", "50") as url:
        raw = run([sys.executable, HERE / "raw_loop.py", f"{url}/v1/completions", str(count), "4"])
        median, tail = map(int, raw.output.split())
        auditcube(setting.folder / "latency", url, count, max_in_flight=4)
    percentiles = page.summary(setting.folder / "latency")["latency_ns"]["percentiles"]
    yield page.bound("added latency, median", (percentiles["50"] - median) / 1e6, "ms", 0.5)
    yield page.bound("added latency, p99.9", (percentiles["99.9"] - tail) / 1e6, "ms", 2.0)


def server(setting: Setting) -> Iterator[Row]:
    """2000 Poisson arrivals per second."""
    with small_answers(setting.folder / "nginx") as url:
        folder = setting.folder / "server"
        auditcube(folder, url, setting.scaled(40_000), scenario="Server", target_qps=2000.0, max_in_flight="null")
    told = page.summary(folder)
    yield page.bound(
        "schedule slip at 2000 arrivals/s, p99", told["schedule_slip_ns"]["percentiles"]["99"] / 1e6, "ms", 1
    )
    yield page.bound("event loop's lag then, p99.9", told["client_lag_ns"]["p99.9"] / 1e6, "ms", 1)
    idle = json.loads(run([sys.executable, HERE / "idle_lag.py", "20"]).output)
    yield Row("an idle event loop's lag, p99.9", "nothing else running", f"{idle['p99.9'] / 1e6:.3g} ms")


def start(setting: Setting) -> Iterator[Row]:
    """Ten queries, from the command to the report."""
    with small_answers(setting.folder / "nginx") as url:
        costs = [auditcube(setting.folder / "start", url, 10) for _ in range(5)]
        manifest = json.loads((setting.folder / "start/out/mlcube.run_audit.json").read_text())
    first = page.start_up_s(setting.folder / "start", manifest)
    yield page.bound("from the task's start to the first query", first, "s", 0.5)
    yield page.bound("ten queries, end to end", statistics.median(cost.wall_s for cost in costs), "s", 1.0)
    yield page.bound("peak memory of its largest process", statistics.median(c.peak_mb for c in costs), "MB", 80)


def memory(setting: Setting) -> Iterator[Row]:
    """Long runs: what a worker holds, and what reading the events back takes."""
    counts = (setting.scaled(100_000), setting.scaled(1_000_000))
    with small_answers(setting.folder / "nginx") as url:
        peaks = []
        for count in counts:
            folder = setting.folder / f"memory-{count}"
            auditcube(folder, url, count)
            peaks.append(run([sys.executable, HERE / "worker_peak.py", folder / "job.yaml", str(count)]).peak_mb)
    yield page.bound(f"a worker's memory, {counts[1]:,} queries less {counts[0]:,}", peaks[1] - peaks[0], "MB", 5)
    verified = run([AUDITCUBE, "verify", setting.folder / f"memory-{counts[1]}/out"])
    yield page.bound(f"verify {counts[1]:,} events, CPU", verified.cpu_s, "s", 8)
    yield page.bound(f"verify {counts[1]:,} events, memory", verified.peak_mb, "MB", 300)


ROWS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    row.__name__: row for row in (small, throughput, sse, latency, server, start, memory)
}


def main() -> None:
    parser = argparse.ArgumentParser(description="What the load engine costs, beside named peers.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, once")
    parser.add_argument("--only", default=",".join(ROWS), help="rows, with commas: %(default)s")
    parser.add_argument("--peers-python", type=Path, help="a Python that has aiohttp and locust")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(Path(folder), options.quick, options.peers_python)
        for name in options.only.split(","):
            for row in ROWS[name](setting):
                print(row.line(), flush=True)
                rows.append(row)
    if options.write:
        page.write(rows, options.peers_python)


if __name__ == "__main__":
    main()
