"""Where a task ran and what made it, without naming a machine, a user or a credential."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import shutil
import subprocess
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from auditcube import __version__
from auditcube.manifest import provenance, schema
from manifest.examples import FULL


def test_the_time_is_rfc_3339_in_utc_to_the_microsecond() -> None:
    before = datetime.now(timezone.utc)
    text = provenance.utc_now()
    after = datetime.now(timezone.utc)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    told = datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert before - timedelta(microseconds=1) <= told <= after
    assert schema.problems(FULL | {"started_on": text}) == []


def test_run_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    before = datetime.now(timezone.utc).timestamp()
    ids = [provenance.new_run_id() for _ in range(1000)]
    after = datetime.now(timezone.utc).timestamp()
    assert len(set(ids)) == 1000
    for text in ids:
        value = uuid.UUID(text)
        assert str(value) == text
        assert (value.variant, value.int >> 76 & 0xF) == (uuid.RFC_4122, 7)
        assert before - 0.002 <= (value.int >> 80) / 1000 <= after
    assert [text[:13] for text in ids] == sorted(text[:13] for text in ids)
    assert schema.problems(FULL | {"run_id": ids[0]}) == []


def test_provenance_is_what_the_schema_wants_and_of_this_version() -> None:
    found = provenance.provenance("2026-11-22T00:00:00.000000Z")
    assert schema.problems(FULL | {"provenance": found}) == []
    assert found["created_at"] == "2026-11-22T00:00:00.000000Z"
    assert found["tool"] == {"name": "auditcube", "version": __version__, "commit": found["commit"]}


def test_a_wheel_tells_what_it_was_built_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_build.json").write_text(json.dumps({"version": "1", "commit": "c0ffee", "dirty": True}))
    monkeypatch.setattr(provenance, "files", lambda package: tmp_path)
    found = provenance.provenance("t")
    assert (found["commit"], found["dirty"], found["repo"]) == ("c0ffee", True, "unknown")


def test_without_git_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = provenance.provenance("t")
    assert (found["repo"], found["commit"], found["dirty"]) == ("unknown", "unknown", None)
    assert schema.problems(FULL | {"provenance": found}) == []


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one commit and a remote that holds a credential."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    package = tmp_path / "project" / "auditcube"
    package.mkdir(parents=True)
    (package / "x.py").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://me:hunter2@github.com/org/repo.git")
    return tmp_path


def test_a_checkout_tells_its_commit_and_whether_it_was_changed(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "_PACKAGE", checkout / "project" / "auditcube")
    found = provenance.provenance("t")
    assert found["commit"] == git(checkout, "rev-parse", "HEAD")
    assert (found["repo"], found["dirty"]) == ("https://github.com/org/repo", False)
    (checkout / "untracked").write_text("a result beside it makes no difference")
    assert provenance.provenance("t")["dirty"] is False
    (checkout / "project" / "auditcube" / "x.py").write_text("changed")
    assert provenance.provenance("t")["dirty"] is True


def test_a_checkout_around_an_installed_package_is_not_ours(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = checkout / "venv" / "site-packages" / "auditcube"
    installed.mkdir(parents=True)
    monkeypatch.setattr(provenance, "_PACKAGE", installed)
    assert provenance.provenance("t")["commit"] == "unknown"


def test_the_environment_names_neither_machine_nor_user() -> None:
    found = provenance.environment()
    assert schema.problems(FULL | {"environment": found}) == []
    told = json.dumps(found)
    assert platform.node() not in told or len(platform.node()) < 3
    assert getpass.getuser() not in told
    assert str(os.getcwd()) not in told


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://github.com/org/repo", "https://github.com/org/repo"),
        ("https://github.com/org/repo.git", "https://github.com/org/repo"),
        ("http://host/a/b/c.git", "https://host/a/b/c"),
        ("https://host:8443/org/repo.git", "https://host/org/repo"),
        ("git@github.com:org/repo.git", "https://github.com/org/repo"),
        ("git@host:/abs/repo.git", "https://host/abs/repo"),
        ("ssh://git@host/org/repo.git", "https://host/org/repo"),
        ("ssh://git@host:2222/org/repo.git", "https://host/org/repo"),
        ("git://host/org/repo", "https://host/org/repo"),
        ("https://hunter2@github.com/org/repo.git", "https://github.com/org/repo"),
        ("https://user:hunter2@github.com/org/repo.git", "https://github.com/org/repo"),
        ("https://me@corp.com:hunter2@github.com/org/repo.git", "https://github.com/org/repo"),
        ("https://user:hun@ter2@github.com/org/repo.git", "https://github.com/org/repo"),
    ],
)
def test_a_repository_is_shown_without_credentials(remote: str, shown: str) -> None:
    assert provenance._public_url(remote) == shown


@pytest.mark.parametrize(
    "remote",
    [
        "", "/home/hunter2/repo", "../repo", "file:///home/hunter2/repo", "C:/repo", "repo", "host:path",
        "https://user:hun/ter2@host/org/repo", "https://host/org/repo?token=hunter2", "https://host/org#hunter2",
        "https://host", "git@host:org/x@hunter2", "user:hunter2@host:org/repo",
    ],
)  # fmt: skip
def test_a_repository_that_could_tell_something_private_is_not_shown(remote: str) -> None:
    assert provenance._public_url(remote) is None
