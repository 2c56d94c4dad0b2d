"""Digests of what lies at a path, copies of it, and whether it was written since."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from auditcube.errors import SetupFailed
from auditcube.recording import inventory
from auditcube.recording.inventory import copy, look_at, stamps

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "inner").mkdir(parents=True)
    (root / "inner" / "hello").write_text("hello")
    (root / "a file").write_text("")
    return root


def test_a_file(tree: Path) -> None:
    told = look_at(tree / "inner" / "hello").to_json()
    assert told == {"state": "file", "size": 5, "digest": {"sha256": HELLO}}


def test_a_directory_has_the_digest_that_coreutils_find(tree: Path) -> None:
    listing = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum"
    done = subprocess.run(listing, shell=True, cwd=tree, capture_output=True, text=True, check=True)
    told = look_at(tree).to_json()
    assert told == {
        "state": "directory", "files": 2, "size": 5, "directory_digest": {"dirHash1": done.stdout.split()[0]},
    }  # fmt: skip


def test_nothing(tmp_path: Path) -> None:
    assert look_at(tmp_path / "none").to_json() == {"state": "absent"}
    assert stamps(tmp_path / "none") == {}
    assert copy(tmp_path / "none", tmp_path, "to").to_json() == {"state": "absent"}


def test_a_link_to_a_file_is_the_file(tree: Path) -> None:
    (tree.parent / "link").symlink_to(tree / "inner" / "hello")
    assert look_at(tree.parent / "link").to_json()["digest"] == {"sha256": HELLO}


@pytest.mark.parametrize("odd", ["link", "dangling", "pipe", "line\nbreak", "\udcff"])
def test_what_cannot_be_listed_has_no_digest_and_no_copy(tree: Path, odd: str) -> None:
    at = tree / "inner" / odd
    if odd == "link":
        at.symlink_to("hello")
    elif odd == "dangling":
        at.symlink_to("nowhere")
    elif odd == "pipe":
        os.mkfifo(at)
    else:
        at.write_text("")
    told = look_at(tree).to_json()
    assert set(told) == {"state", "problem"}
    assert copy(tree, tree.parent / "to", "x").to_json() == told
    assert not (tree.parent / "to").exists()


@pytest.mark.parametrize("names", [("A", "a"), ("back\\slash",), ("tab\t",)])
def test_names_that_no_sidecar_lists_are_not_copied(tree: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tree / name).write_text("")
    assert look_at(tree).problem is None
    assert copy(tree, tree.parent / "to", "x").problem == "holds a file whose name no sidecar can list"


def test_a_dangling_link_and_a_device_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    assert "no regular file" in look_at(tmp_path / "link").to_json()["problem"]
    assert "no regular file" in look_at(Path("/dev/null")).to_json()["problem"]


def test_a_copy_has_the_same_digests(tree: Path) -> None:
    to = tree.parent / "to"
    assert copy(tree, to, "some/place").to_json() == look_at(tree).to_json() == look_at(to / "some" / "place").to_json()
    assert copy(tree / "inner" / "hello", to, "file.txt").to_json() == look_at(to / "file.txt").to_json()


def test_too_many_files_are_not_listed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MAX_LISTED", 1)
    assert copy(tree, tree.parent / "to", "x").problem == "holds more than 1 files"


def test_a_place_that_cannot_be_written(tree: Path) -> None:
    with pytest.raises(SetupFailed, match="cannot be written"):
        copy(tree, tree / "a file", "x")


def test_stamps_tell_what_was_written(tree: Path) -> None:
    before = stamps(tree)
    assert set(before) == {"a file", "inner/hello"}
    assert stamps(tree) == before
    os.utime(tree / "a file", ns=(0, before["a file"].modified_ns))  # read, and its time put back
    (tree / "inner" / "hello").write_text("olleh")
    after = stamps(tree)
    assert after["inner/hello"] != before["inner/hello"]
    (tree / "inner" / "hello").write_text("hello")
    os.utime(tree / "inner" / "hello", ns=(0, before["inner/hello"].modified_ns))
    assert stamps(tree)["inner/hello"] != before["inner/hello"]  # the time of the change cannot be put back
    assert stamps(tree / "inner" / "hello").keys() == {"hello"}
