"""What the load engine costs, beside named peers in one run: the table of docs/performance.md.

    make benchmarks                      every row, about a quarter of an hour, and docs/performance.md
    python benchmarks/load_engine.py --quick    a tenth of the counts or less, to see that it works
    python benchmarks/load_engine.py --only sse,latency

CPU seconds are those of the client's whole process tree, the server's excluded, as the operating system accounts for
them. Figures are medians of interleaved repeats, and a ratio is the median of the ratios within each repeat, since
these machines are shared and drift. A figure too small to be told from start-up is neither met nor missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import clients
import page
from clients import Measure, Setting, interleaved, marginal, ours
from measure import AUDITCUBE, HERE, Cost, auditcube, null_endpoint, run, small_answers
from page import Row

SMALL = "CPU s per 1000 small requests, 64 in flight, events on disk"


def small(setting: Setting) -> Iterator[Row]:
    """Small answers, 64 in flight, events on disk."""
    short, long = setting.scaled(40_000), setting.scaled(240_000)
    with small_answers(setting.folder / "nginx") as url:
        plain = clients.aiohttp(setting, url)
        all_clients: dict[str, Measure | None] = {
            "auditcube": ours(setting, url, short, long),
            "auditcube, 2 workers": ours(setting, url, short, long, workers=2),
            "bare client": marginal(clients.bare(setting, url), short, long),
            "wrk -t1": clients.wrk(setting, url),
            "h2load -t1": clients.h2load(setting, url),
            "aiohttp on uvloop": plain and marginal(plain, setting.scaled(5_000), setting.scaled(25_000)),
            "locust (FastHttpUser)": clients.locust(setting, url),
        }
        rounds = interleaved(setting, all_clients)
    yield from page.compared(SMALL, rounds, "auditcube", "wrk -t1", 2.5)
    yield page.ratio("the same with two workers, per request", rounds, "auditcube, 2 workers", "auditcube", 1.10)
    yield from page.parts(rounds["auditcube"], long)
    yield from page.memories("peak memory then: largest process / all", rounds)


def throughput(setting: Setting) -> Iterator[Row]:
    """As fast as it goes with the server on the same two cores."""
    count, few = setting.scaled(200_000), setting.scaled(20_000)
    rates: dict[str, list[float]] = {}
    with small_answers(setting.folder / "nginx") as url:
        plain = clients.aiohttp(setting, url)
        for _ in range(setting.repeats):
            for workers in (1, 2):
                auditcube(setting.folder / "fast", url, count, workers=workers)
                rate: float = page.summary(setting.folder / "fast")["throughput_per_s"]
                rates.setdefault(f"auditcube, {workers} worker{'s' * (workers > 1)}", []).append(rate)
            if plain is not None:
                rates.setdefault("aiohttp on uvloop", []).append(few / plain(few).wall_s)
    yield from page.rates("requests/s, two cores shared with the server", rates, "aiohttp on uvloop", 5.0)
    ratio = page.paired(rates["auditcube, 2 workers"], rates["auditcube, 1 worker"])
    yield page.bound("the same, two workers to one", ratio, "x", 1.0, more=True)


def sse(setting: Setting) -> Iterator[Row]:
    """Streams of 20 and of 1000 chunks."""
    few = streams(setting, 20, setting.scaled(5_000), setting.scaled(60_000))
    yield from page.compared("CPU s per 1000 answers of 20 chunks", few, "auditcube", "bare client", 1.5)
    many = streams(setting, 1000, setting.scaled(200), setting.scaled(8_000))
    yield from page.compared("CPU s per 1000 answers of 1000 chunks", many, "auditcube", "aiohttp on uvloop", 1 / 5)


def streams(setting: Setting, chunks: int, short: int, long: int) -> clients.Rounds:
    with null_endpoint("--chunks", str(chunks)) as url:
        plain = clients.aiohttp(setting, url)
        all_clients: dict[str, Measure | None] = {
            "auditcube": ours(setting, url, short, long, stream=True),
            "bare client": marginal(clients.bare(setting, url), short, long),
            "aiohttp on uvloop": plain and marginal(plain, short, max(long // 4, short * 4)),
        }
        return interleaved(setting, all_clients)


def latency(setting: Setting) -> Iterator[Row]:
    """What a client adds where there is little to do: 4 in flight, 50 ms of service."""
    count = setting.scaled(1_500)
    medians, tails = [], []
    with null_endpoint("--delay-ms", "50") as url:
        for _ in range(setting.repeats):
            raw = run([sys.executable, HERE / "raw_loop.py", f"{url}/v1/completions", str(count), "4"])
            middle, tail = map(int, raw.output.split())
            auditcube(setting.folder / "latency", url, count, max_in_flight=4)
            told = page.summary(setting.folder / "latency")["latency_ns"]["percentiles"]
            medians.append((told["50"] - middle) / 1e6)
            tails.append((told["99.9"] - tail) / 1e6)
    yield page.bound("added latency, median", statistics.median(medians), "ms", 0.5)
    yield page.bound("added latency, p99.9", statistics.median(tails), "ms", 2.0)


def server(setting: Setting) -> Iterator[Row]:
    """2000 Poisson arrivals per second."""
    with small_answers(setting.folder / "nginx") as url:
        folder = setting.folder / "server"
        auditcube(folder, url, setting.scaled(40_000), scenario="Server", target_qps=2000.0, max_in_flight="null")
    told = page.summary(folder)
    slip_ms = told["schedule_slip_ns"]["percentiles"]["99"] / 1e6
    yield page.bound("schedule slip at 2000 arrivals/s, p99", slip_ms, "ms", 1)
    lag, turn, cpu = (told[f"client_{name}_ns"] for name in ("lag", "turn", "cpu"))
    yield page.bound("pauses of our own then, p99.9", turn["p99.9"] / 1e6, "ms", 1)
    yield Row("the longest of them", "auditcube", f"{turn['max'] / 1e6:.3g} ms")
    yield Row("event loop's lag then, p99.9", "auditcube", f"{lag['p99.9'] / 1e6:.3g} ms")
    if cpu["waited"] is not None:
        waited = cpu["waited"] / (cpu["used"] + cpu["waited"])
        yield Row("waiting for a CPU then, part of the time it had work", "auditcube", f"{waited:.1%}")
    seconds = "3" if setting.quick else "20"
    idle = json.loads(run([sys.executable, HERE / "idle_lag.py", seconds]).output)
    yield Row("an idle event loop's lag, p99.9", "nothing else running", f"{idle['p99.9'] / 1e6:.3g} ms")
    still = json.loads(run([sys.executable, HERE / "standstill.py", seconds]).output)
    stopped = f"{still['stops']} times, {still['waited']} of them for another process"
    yield Row("stops of more than 1 ms of a process that only runs", "nothing else running", stopped)


def start(setting: Setting) -> Iterator[Row]:
    """Ten queries, from the command to the report."""
    folder, costs, firsts = setting.folder / "start", list[Cost](), list[float]()
    with small_answers(setting.folder / "nginx") as url:
        for _ in range(1 if setting.quick else 7):
            costs.append(auditcube(folder, url, 10))
            firsts.append(page.first_query_s(folder))
    first = statistics.median(at - cost.started_s for at, cost in zip(firsts, costs, strict=True))
    yield page.bound("from the command's start to the first query", first, "s", 0.5)
    task = firsts[-1] - page.task_start_s(folder)
    yield Row("the part of it that is the task, after all imports", "auditcube", f"{task:.3g} s")
    yield page.bound("ten queries, end to end", statistics.median(cost.wall_s for cost in costs), "s", 1.0)
    yield page.bound("peak memory, its largest process", statistics.median(c.peak_mb for c in costs), "MB", 80)
    together = statistics.median(cost.together_mb for cost in costs)
    yield Row("peak memory, all its processes together", "auditcube", f"{together:.3g} MB")


def memory(setting: Setting) -> Iterator[Row]:
    """Long runs: what a worker holds, and what reading the events back takes."""
    few, many = setting.scaled(100_000), setting.scaled(setting.memory_queries)
    folder = setting.folder / "memory"
    with small_answers(setting.folder / "nginx") as url:
        auditcube(folder, url, few)  # for its config
        peaks = [
            run([sys.executable, HERE / "worker_peak.py", folder / "job.yaml", str(count)]).peak_mb
            for count in (few, many)
        ]
        yield page.bound(f"a worker's memory, {many:,} queries less {few:,}", peaks[1] - peaks[0], "MB", 5)
        count = setting.scaled(1_000_000)
        made = auditcube(folder, url, count)
    parent_s = made.cpu_s - made.children_s
    yield page.bound(f"parent of a run of {count:,}: summary and report, CPU", parent_s, "s", 5)
    yield page.bound(f"the whole run of {count:,}, largest process", made.peak_mb, "MB", 300)
    verified = run([AUDITCUBE, "verify", folder / "out"])
    yield page.bound(f"verify {count:,} events, CPU", verified.cpu_s, "s", 5)
    yield page.bound(f"verify {count:,} events, memory", verified.peak_mb, "MB", 300)


ROWS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    row.__name__: row for row in (small, throughput, sse, latency, server, start, memory)
}


def main() -> None:
    parser = argparse.ArgumentParser(description="What the load engine costs, beside named peers.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, once; no figure to quote")
    parser.add_argument("--only", default=",".join(ROWS), help="rows, with commas: %(default)s")
    parser.add_argument("--peers-python", type=Path, help="a Python that has aiohttp and locust")
    parser.add_argument("--memory-queries", type=int, default=2_000_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(ROWS):
        parser.error(f"--only: no rows {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if options.write and (options.quick or set(names) != set(ROWS)):
        parser.error("--write: the page holds all rows with full counts")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        queries = options.memory_queries // (4 if options.quick else 1)
        setting = Setting(Path(folder), options.quick, options.peers_python, queries)
        for name in names:
            for row in ROWS[name](setting):
                print(row.line(), flush=True)
                rows.append(row)
    if options.write:
        page.write(rows, options.peers_python)


if __name__ == "__main__":
    main()
