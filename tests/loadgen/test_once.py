"""A log is read once: what is judged, hashed and copied are the same bytes, wherever pieces end, whatever befalls."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditcube import mlperf
from auditcube.errors import InvalidInput, SetupFailed
from auditcube.loadgen import columns
from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.layout import ACCURACY, Paths
from auditcube.manifest import digest
from loadgen.logs import case, entry, tokens, write_accuracy
from loadgen.test_facts import logged, rows_of

LOGS = {
    "plain": [entry(n, range(n % 4), seq=9 - n) for n in range(10)],
    "counted": [entry(n, range(5), token_count=5) for n in range(9)],
    "told": [tokens(n) for n in range(3)],
    "one": [entry(1, [1, 2])],
}
MORE: dict[str, dict[str, Any]] = {
    "TEST01": {"dtype": "int32"},
    "TEST06": {"scenario": "Offline"},
    "TEST09": {"min_output_tokens": 1.0, "max_output_tokens": 100.0},
}
TESTS = pytest.mark.parametrize("test", MORE)


def read(path: Path) -> tuple[list[dict[str, Any]], bytes, int]:
    """The entries, what was passed, and how often it was said to be the end."""
    passed: list[bytes] = []
    rows = [row for some in columns.columns(path, lambda piece: passed.append(bytes(piece))) for row in rows_of(some)]
    return rows, b"".join(passed), passed.count(b"")


@pytest.mark.parametrize("name", LOGS)
def test_pieces_may_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / ACCURACY
    write_accuracy(path, LOGS[name])
    wanted = list(entries(path))
    for size in range(1, path.stat().st_size + 2):
        monkeypatch.setattr(columns, "_PIECE", size)
        assert read(path) == (wanted, path.read_bytes(), 1)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=logged(), size=st.integers(1, 200), data=st.data())
def test_what_was_damaged_ends_alike_wherever_pieces_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, size: int, data: st.DataObject
) -> None:
    """A log that is cut, or has more in it, is read to what `entries` reads, or not at all."""
    place, more = data.draw(st.integers(0, len(text))), data.draw(st.sampled_from(["", "0", "F", "},\n", "]", '"']))
    path = tmp_path / ACCURACY
    path.write_text(text[:place] + more + (text[place:] if more else ""), newline="")
    monkeypatch.setattr(columns, "_PIECE", size)
    try:
        rows, passed, ends = read(path)
    except columns.OtherSpelling:
        return
    assert (rows, passed, ends) == (list(entries(path)), path.read_bytes(), 1)


def options(test: str, paths: Paths, output: Path) -> mlperf.Options:
    results = paths.results_dir if test == "TEST01" else None
    return mlperf.Options(test, "strict", results, paths.compliance_dir, output, **MORE[test])


def listed(folder: Path) -> dict[str, str]:
    """What the sidecar says of the logs: of those that were read, and of the copy."""
    sidecar = json.loads((folder / "mlcube.run_audit.json").read_text("utf-8"))
    found = {ref["source_id"]: ref["digest"]["sha256"] for ref in sidecar["dataset_refs"]}
    return found | {each["path"]: each["digest"]["sha256"] for each in sidecar["artifacts"]}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@TESTS
@pytest.mark.parametrize("spelled", ["as LoadGen does", "otherwise"])
def test_the_copy_is_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: str, spelled: str) -> None:
    monkeypatch.setattr(columns, "_PIECE", 1000)
    paths = case(tmp_path, test)
    if spelled == "otherwise":  # from a later piece on
        text = paths.audited_accuracy.read_text()
        paths.audited_accuracy.write_text(text[:5000] + text[5000:].replace("},\n", "} ,\n"))
    done = mlperf.judge(options(test, paths, tmp_path / "out"), {})
    copy, told = done.directory / "accuracy" / ACCURACY, listed(done.directory)
    assert copy.read_bytes() == paths.audited_accuracy.read_bytes()
    assert told["compliance accuracy log"] == told[f"accuracy/{ACCURACY}"] == sha256(paths.audited_accuracy)
    if test == "TEST01":
        assert told["reference accuracy log"] == sha256(paths.accuracy)


def befalling(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something happens when the first piece of the audited log was read."""
    passing = digest.Passing.__call__

    def taken(self: digest.Passing, piece: bytes | memoryview) -> None:
        passing(self, piece)
        if self._file is not None and not self.ended and self._size <= 1000 == columns._PIECE:
            happens()

    monkeypatch.setattr(columns, "_PIECE", 1000)
    monkeypatch.setattr(digest.Passing, "__call__", taken)


@TESTS
def test_of_a_log_that_changes_what_was_judged_was_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: str
) -> None:
    """The log is another before its second piece is read, and after its last one: every answer is empty."""
    paths = case(tmp_path / "logs", test)
    log = paths.audited_accuracy
    before = log.read_bytes()
    empty = [entry(n, [], first=[], token_count=0) for n in range(200)]

    def change() -> None:
        write_accuracy(log, empty)
        changed = log.read_bytes()
        start = changed.index(b"{", changed.index(b"\n", len(changed) // 2))
        line = before.index(b"\n", 1000) + 1  # up to which the first piece and what follows it stay as they are
        log.write_bytes(before[:line] + changed[start:])

    befalling(monkeypatch, change)
    done = mlperf.judge(options(test, paths, tmp_path / "out"), {})
    monkeypatch.undo()
    copy = done.directory / "accuracy" / ACCURACY
    assert copy.read_bytes() == log.read_bytes() != before
    assert listed(done.directory)["compliance accuracy log"] == sha256(copy)
    again = Paths(paths.results_dir, tmp_path / "again")
    again.compliance_dir.mkdir()
    for path in (copy, paths.audited_detail, paths.audited_summary):
        (again.compliance_dir / path.name).write_bytes(path.read_bytes())
    told = mlperf.judge(options(test, again, tmp_path / "out again"), {}).judged
    assert told.to_json() == done.judged.to_json()
    assert done.judged.strict.outcome.value != "PASS"


@TESTS
def test_a_log_that_ends_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: str) -> None:
    paths = case(tmp_path / "logs", test)
    log = paths.audited_accuracy
    befalling(monkeypatch, lambda: log.write_bytes(log.read_bytes()[:1500]))
    with pytest.raises(InvalidInput, match=r"is not JSON|cannot be read"):
        mlperf.judge(options(test, paths, tmp_path / "out/folder"), {})
    assert not (tmp_path / "out").exists()


@TESTS
def test_without_room_for_the_copy_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test: str
) -> None:
    paths = case(tmp_path / "logs", test)
    mlperf.judge(options(test, paths, tmp_path / "out"), {})
    there = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    befalling(monkeypatch, full)
    with pytest.raises(SetupFailed, match=f"{test}: cannot be written: no space left"):
        mlperf.judge(options(test, paths, tmp_path / "out"), {})
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == there


def test_no_copy_of_a_log_that_is_missing(tmp_path: Path) -> None:
    paths = case(tmp_path / "logs", "TEST01")
    paths.audited_accuracy.unlink()
    given = mlperf.Options("TEST01", "upstream", paths.results_dir, paths.compliance_dir, tmp_path / "out")
    assert not (mlperf.judge(given, {}).directory / "accuracy").exists()
