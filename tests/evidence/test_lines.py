"""Files that grow by whole lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditcube.errors import SetupFailed
from auditcube.evidence.lines import Lines
from builders import files_limited_to


def test_lines_are_in_the_file_once_flushed_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = Lines(path)
    lines.add(b"a\n")
    lines.add(b"b\n")
    assert path.read_bytes() == b""
    lines.flush()
    assert path.read_bytes() == b"a\nb\n"
    lines.flush()
    lines.add(b"c\n")
    lines.flush()
    assert path.read_bytes() == b"a\nb\nc\n"


def test_a_large_flush_is_written_whole(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "x")
    for _ in range(1000):
        lines.add(b"y" * 9999 + b"\n")
    lines.flush()
    assert (tmp_path / "x").stat().st_size == 10_000_000


def test_an_earlier_run_is_never_added_to(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"of an earlier run\n")
    with pytest.raises(SetupFailed, match=r"events\.jsonl: cannot be written: File exists"):
        Lines(tmp_path / "events.jsonl")
    assert (tmp_path / "events.jsonl").read_bytes() == b"of an earlier run\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupFailed, match="link: cannot be written"):
        Lines(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match=r"gone/events\.jsonl: cannot be written: No such file"):
        Lines(tmp_path / "gone" / "events.jsonl")


def test_a_full_disk_is_told_and_leaves_no_gap_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = Lines(path)
    lines.add(b"a" * 999 + b"\n")
    lines.add(b"b" * 999 + b"\n")
    with files_limited_to(1500), pytest.raises(SetupFailed, match=r"events\.jsonl: cannot be written: File too large"):
        lines.flush()
    assert path.read_bytes() == b"a" * 999 + b"\n" + b"b" * 500
    lines.add(b"c\n")
    lines.flush()
    assert path.read_bytes() == b"a" * 999 + b"\n" + b"b" * 999 + b"\nc\n"
