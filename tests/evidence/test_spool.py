"""Rows put aside: what comes back is what went in, in parts, and a long run needs no more memory than a short one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.errors import SetupFailed
from auditcube.evidence import spool
from auditcube.evidence.events import to_lines
from auditcube.evidence.spool import Spool
from builders import end_of, event, start_of

NAMES = ("one", "other")
NUMBERS = st.sampled_from([-1, 0, 7, 2**63 - 1, -(2**63)])
BLOCKS = st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=9), max_size=12)


def filled(blocks: list[list[tuple[int, int]]]) -> Spool:
    rows = Spool(NAMES)
    for block in blocks:
        columns = np.array(block, dtype=np.int64).reshape(-1, 2).T
        rows.add(dict(zip(NAMES, columns, strict=True)))
    return rows


@given(BLOCKS, st.integers(1, 20), st.integers(1, 20))
def test_what_comes_back_is_what_went_in(blocks: list[list[tuple[int, int]]], size: int, held: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "_ROWS", size)
        patch.setattr(spool, "_HELD", held)
        rows = filled(blocks)
        expected = [row for block in blocks for row in block]
        assert len(rows) == len(expected)
        for parts in ([*rows.parts()], [*rows.parts()]):
            assert [row for part in parts for row in zip(*(part[n].tolist() for n in NAMES), strict=True)] == expected
            assert all(len(part["one"]) <= max(size, held) + 9 for part in parts)


@pytest.mark.parametrize("held", [3, 100])
def test_only_many_rows_are_put_into_a_file_and_nobody_sees_it(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(spool, "_ROWS", 3)
    monkeypatch.setattr(spool, "_HELD", held)
    rows = filled([[(n, 5)] for n in range(10)])
    assert (len([*rows.parts()]) > 1) == (held < 10)
    assert [*tmp_path.iterdir()] == []


def test_a_part_of_one_value_takes_no_room() -> None:
    (part,) = filled([[(n, 5)] for n in range(10)]).parts()
    assert (part["one"].strides, part["other"].strides) == ((8,), (0,))


def test_no_room_for_a_long_run_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(spool, "_HELD", 3)
    with pytest.raises(SetupFailed, match=r"gone: the events of a long run cannot be put aside: .*TMPDIR"):
        filled([[(n, 5)] for n in range(10)])


LINE = to_lines([event(0, sample=0, issued=0, done=0)]).replace(b":0", b":%d", 2).replace(b'_ns":0', b'_ns":%d')
LINE = LINE.replace(b'"due_ns":%d', b'"due_ns":0')
PEAK = """
import sys
from pathlib import Path
from auditcube.evidence.table import read_events
from auditcube.load.schedule import Load, RunSpec, Seeds
from auditcube.metrics import Run
from auditcube.report import series
from auditcube.summary import summarize
from builders import load_of
events = read_events([Path(sys.argv[1])])
run = Run(RunSpec("reference", None, len(events)), load_of(max_in_flight=64), events)
told = summarize(run)
series.completions(run), series.latencies(run)
status = Path("/proc/self/status").read_text()
print(told["queries"]["completed"], status.partition("VmHWM:")[2].split()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a peak of memory is read from /proc")
def test_a_long_run_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    peaks_kb = []
    for count in (150_000, 900_000):
        path = tmp_path / f"events{count}.jsonl"
        with path.open("wb") as file:
            file.write(orjson.dumps({"start": start_of()}) + b"\n")
            file.writelines(LINE % (n, n % 977, n * 1000, n * 1000 + n % 7919) for n in range(count))
            file.write(orjson.dumps({"end": end_of(count)}) + b"\n")
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True,
            env={"PYTHONPATH": str(Path(__file__).parents[1])},
        )  # fmt: skip
        completed, peak_kb = map(int, done.stdout.split())
        assert completed == count
        peaks_kb.append(peak_kb)
    # Its columns alone would be 50 MB.
    assert peaks_kb[1] - peaks_kb[0] < 8_000, peaks_kb
