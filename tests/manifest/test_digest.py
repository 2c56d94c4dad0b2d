"""Digests of directories: what coreutils print of the same files, and nothing that two trees could share."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from auditcube.manifest import digest

NAMES = ["b", "a", "B", "a/b", "a b", "a-", "ä", "Z/y/x", "-rf"]


def test_the_digest_is_that_of_what_sha256sum_prints(tmp_path: Path) -> None:
    names = [name for name in NAMES if name != "a"]  # a folder here
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    command = "LC_ALL=C; export LC_ALL; find . -type f -printf '%P\\0' | sort -z | xargs -0 sha256sum -- | sha256sum"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    files = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    assert digest.of_directory(files) == done.stdout.split()[0]


def test_an_empty_directory_is_an_empty_listing() -> None:
    """The example of in-toto's specification."""
    assert digest.of_directory({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_two_files_that_changed_places_are_another_directory() -> None:
    one, two = "1" * 64, "2" * 64
    assert digest.of_directory({"a": one, "b": two}) != digest.of_directory({"a": two, "b": one})


def test_a_name_with_a_line_break_has_no_line() -> None:
    with pytest.raises(ValueError, match="line break"):
        digest.of_directory({"a\nb": "0" * 64})
