"""What `auditcube mlperf` costs on large logs, beside scripts that read them with `json.load` as MLPerf's do.

    .venv/bin/python benchmarks/mlperf_logs.py                prints a row for each test
    .venv/bin/python benchmarks/mlperf_logs.py --write        also writes them into docs/mlperf-logs.md
    .venv/bin/python benchmarks/mlperf_logs.py --share 0.1    logs of a tenth of the size

The command judges by both rules, hashes each log, and copies the audited one into the submission; the scripts do
neither. What starting, hashing and copying alone cost is told beside it. The scripts' work is that of MLPerf's rule for
the test, by NumPy where that is quicker. Each is run in turn, `--rounds` times, and its cheapest run counts: what else
a machine does only adds to it.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from measure import run

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from loadgen.logs import SAMPLED, case, detail, write_detail  # noqa: E402 - after the path to it is known

AUDITCUBE = str(Path(sys.executable).with_name("auditcube"))
PAGE = ROOT / "docs" / "mlperf-logs.md"
_BEGIN, _END = "<!-- made by benchmarks/mlperf_logs.py -->\n", "<!-- until here -->\n"
_REACH, _MOST_MB = 0.5, 200.0
# CPU s of MLPerf's own script for TEST09 on as many tokens, best of three on a machine like that of docs/performance.md
# (compliance/TEST09 of mlcommons/inference b66003e1, NumPy 2.4), and how many times cheaper a reader should be.
_UPSTREAM_S, _TIMES = {"TEST09": 28.7}, 10.0

LEAST = """
import sys
from pathlib import Path
from auditcube import mlperf
from auditcube.manifest import digest
*read, audited, copy = map(Path, sys.argv[1:])
print(*map(digest.of_file, read), digest.copied(audited, copy))
"""

TEST01 = """
import json, sys
import numpy as np
known = {entry["qsl_idx"]: entry["data"] for entry in json.load(open(sys.argv[1]))}
wrong = 0
for entry in json.load(open(sys.argv[2])):
    one, other = (np.frombuffer(bytes.fromhex(d), np.int32) for d in (known[entry["qsl_idx"]], entry["data"]))
    wrong += bool(one[0] != other[0])
print("TEST FAIL" if wrong else "TEST PASS")
"""
TEST06 = """
import json, sys
import numpy as np
wrong = 0
for entry in json.load(open(sys.argv[1])):
    tokens, first = (np.frombuffer(bytes.fromhex(entry[name]), np.int32) for name in ("data", "token_data"))
    wrong += bool(tokens[0] != first[0] or (tokens[-2:] == 2).sum() > 1 or len(tokens) != entry["token_count"])
print("TEST FAIL" if wrong else "TEST PASS")
"""
TEST09 = """
import json, sys
lengths = [len(bytes.fromhex(entry["data"].strip())) // 4 for entry in json.load(open(sys.argv[1]))]
print("TEST PASS" if 1000 <= sum(lengths) / len(lengths) <= 2000 else "TEST FAIL")
"""


class Case(NamedTuple):
    """One test: entries of `tokens` tokens each, the script beside it, and what the command is told."""

    test: str
    scenario: str
    entries: int
    tokens: int
    script: str
    options: tuple[str, ...]


CASES = (
    Case("TEST01", "Offline", 1_000_000, 8, TEST01, ("--dtype", "int32")),
    Case("TEST06", "Server", 100_000, 1024, TEST06, ("-s", "Server")),
    Case("TEST09", "Offline", 100_000, 1278, TEST09, ("--min-output-tokens", "1000", "--max-output-tokens", "2000")),
)


def answers(path: Path, count: int, tokens: int, seed: int, *, first: bool) -> None:
    """A log as LoadGen spells it, whose entries stand in an order of their own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    order = chance.permutation(count)
    values = np.random.default_rng(1).integers(3, 100_000, (64, tokens), dtype=np.int32)
    values[:, -1] = 2
    texts = [row.tobytes().hex().upper() for row in values]
    with path.open("w") as file:
        file.write("[\n")
        for place, sample in enumerate(order.tolist()):
            data = texts[sample % 64]
            more = f', "token_data" : "{data[:8]}", "token_count" : {tokens}' if first else ""
            end = "\n" if place == count - 1 else ",\n"
            file.write(f'{{ "seq_id" : {place}, "qsl_idx" : {sample}, "data" : "{data}"{more} }}{end}')
        file.write("]\n")


def made(root: Path, wanted: Case) -> list[Path]:
    """The logs of a case; the accuracy logs that its script reads."""
    paths = case(root, wanted.test, wanted.scenario)
    count = wanted.entries
    sizes: Mapping[str, Any] = {
        **dict.fromkeys(("qsl_reported_total_count", "qsl_reported_performance_count"), count),
        "effective_performance_sample_count": count,
        "effective_min_sample_count": count,
        "effective_accuracy_log_sampling_target": 10 * count,
        **({"effective_samples_per_query": count} if wanted.scenario == "Offline" else {"result_query_count": count}),
    }
    write_detail(paths.audited_detail, detail(wanted.scenario, 1000.0, **{**SAMPLED, **sizes}))
    answers(paths.audited_accuracy, count, wanted.tokens, 2, first=wanted.test == "TEST06")
    if wanted.test != "TEST01":
        return [paths.audited_accuracy]
    rest = {name: value for name, value in sizes.items() if "target" not in name}
    write_detail(paths.detail, detail(wanted.scenario, 1000.0, **rest))
    accurate = {
        "effective_test_mode": "AccuracyOnly",
        "result_validity": ...,
        "result_query_count": ...,
        "num_errors": ...,
    }
    write_detail(paths.accuracy.with_name(paths.detail.name), detail(wanted.scenario, 1000.0, **rest, **accurate))
    answers(paths.accuracy, count, wanted.tokens, 3, first=False)
    return [paths.accuracy, paths.audited_accuracy]


def row(wanted: Case, rounds: int, share: float, tell: Callable[[str], None]) -> str:
    """One line of the table, for a `share` of the case's entries. Raises RuntimeError if the two do not agree."""
    wanted = wanted._replace(entries=max(64, round(wanted.entries * share)))
    with tempfile.TemporaryDirectory(prefix="auditcube-bench-") as folder:
        root = Path(folder)
        logs = made(root, wanted)
        megabytes = sum(path.stat().st_size for path in logs) / 1e6
        tell(f"{wanted.test}: {megabytes:.0f} MB")
        places = ["-c", str(root / "compliance"), "-o", str(root / "out")]
        places += ["-r", str(root / "results")] if wanted.test == "TEST01" else []
        commands = (
            [sys.executable, "-c", wanted.script, *map(str, logs)],
            [AUDITCUBE, "mlperf", wanted.test, *places, *wanted.options],
            [sys.executable, "-c", LEAST, *map(str, logs), str(root / "copy")],
        )
        runs = [[run(command, timeout_s=600) for command in commands] for _ in range(rounds)]
        script, ours, least = (min(costs, key=lambda cost: cost.cpu_s) for costs in zip(*runs, strict=True))
        if "TEST PASS" not in script.output or ": PASS" not in ours.output:
            raise RuntimeError(f"{wanted.test}: {script.output} and {ours.output}")
    peak_mb = max(costs[1].peak_mb for costs in runs)
    ratio = ours.cpu_s / script.cpu_s
    met = "met" if ratio <= _REACH else "missed"
    small = "met" if peak_mb <= _MOST_MB else "missed"
    upstream = ""
    if wanted.test in _UPSTREAM_S:
        times = share * _UPSTREAM_S[wanted.test] / ours.cpu_s
        upstream = f"{times:.1f} times: {'met' if times >= _TIMES else 'missed'}"
    size = f"{wanted.entries:,} of {wanted.tokens} tokens, {megabytes:.0f} MB"
    return (
        f"| {wanted.test} | {size} | {ours.cpu_s:.1f} | {least.cpu_s:.1f} | {script.cpu_s:.1f} | {ratio:.2f}: {met} "
        f"| {upstream} | {peak_mb:.0f}: {small} | {script.peak_mb:.0f} |"
    )


def main() -> None:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE.name}")
    parser.add_argument("--share", type=float, default=1.0, help="of the sizes (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each command (%(default)s)")
    options = parser.parse_args()
    told = (
        f"Reach: {_REACH} of the script's CPU seconds, {_TIMES:.0f} times cheaper than MLPerf's own script where that "
        f"was measured, {_MOST_MB:.0f} MB. {platform.machine()}, the cheapest of {options.rounds} runs each."
    )
    names = ("test", "entries", "CPU s", "of which start, hash, copy", "script", "ratio", "MLPerf's", "MB", "script")
    head = f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"
    rows = [row(wanted, options.rounds, options.share, lambda text: print(text, file=sys.stderr)) for wanted in CASES]
    text = "\n".join([told, "", head, *rows, ""])
    print(text)
    if options.write:
        old = PAGE.read_text("utf-8")
        pattern = re.escape(_BEGIN) + ".*?" + re.escape(_END)
        PAGE.write_text(re.sub(pattern, lambda _: f"{_BEGIN}{text}{_END}", old, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    main()
