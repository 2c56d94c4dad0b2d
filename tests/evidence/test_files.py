"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditcube.errors import ExitCode, SetupFailed
from auditcube.evidence.files import cannot_write, write_atomically
from builders import files_limited_to


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("data", [b"", b"x", b"line\n" * 100_000])
def test_the_file_holds_the_data_and_nothing_else_is_left(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    write_atomically(path, data)
    assert path.read_bytes() == data
    assert list(tmp_path.rglob("*")) == [tmp_path / "a", tmp_path / "a" / "b", path]


def test_an_older_file_is_replaced_and_its_readers_keep_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_a_link_is_replaced_and_what_it_points_to_is_untouched(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"mine")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"mine", b"new", False)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o666), (0o027, 0o640)])
def test_permissions_are_those_of_the_umask_and_it_stays_as_it_was(tmp_path: Path, mask: int, mode: int) -> None:
    with umask(mask):
        write_atomically(tmp_path / "file", b"x")
        assert os.umask(mask) == mask
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_failure_in_the_middle_leaves_neither_a_part_nor_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with files_limited_to(1000), pytest.raises(SetupFailed, match="cannot be written: File too large"):
        write_atomically(path, b"x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with files_limited_to(1000), pytest.raises(SetupFailed):
        write_atomically(path, b"x" * 100_000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def blocked(tmp_path: Path, case: str) -> Path:
    """A path that nobody, not even root, can write a file to."""
    if case == "directory":
        (tmp_path / "taken").mkdir()
        return tmp_path / "taken"
    if case == "long name":
        return tmp_path / ("x" * 256)
    (tmp_path / "taken").write_bytes(b"")
    return tmp_path / "taken" / ("file" if case == "below a file" else "deep/file")


@pytest.mark.parametrize("case", ["directory", "long name", "below a file", "far below a file"])
def test_what_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    path = blocked(tmp_path, case)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SetupFailed) as caught:
        write_atomically(path, b"x")
    assert str(caught.value).startswith(f"{path}: cannot be written: ")
    assert caught.value.exit_code is ExitCode.SETUP_FAILED
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SetupFailed, match="permission denied; choose a directory you may write to"):
        write_atomically(tmp_path / "file", b"x")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "no space left on the device; free some or choose another directory"),
        (errno.EDQUOT, "the disk quota is used up; free some space or choose another directory"),
        (errno.EACCES, "permission denied; choose a directory you may write to"),
        (errno.EROFS, "the file system is read-only; choose another directory"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_the_reason_comes_with_advice(code: int, advice: str) -> None:
    problem = cannot_write(Path("/results/x"), OSError(code, os.strerror(code)))
    assert str(problem) == f"/results/x: cannot be written: {advice}"


def test_an_error_without_a_number_still_says_something() -> None:
    assert str(cannot_write(Path("x"), OSError("odd"))) == "x: cannot be written: odd"
