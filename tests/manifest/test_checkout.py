"""What git says of a checkout: the commit, what differs from it, and a remote without credentials."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auditcube.manifest.checkout import facts, public_url

ROOT = Path(__file__).resolve().parents[2]
# As it stands there for everyone.
DIFF = re.findall(r"^\$ git (diff HEAD .*) \|", (ROOT / "docs/provenance.md").read_text("utf-8"), re.MULTILINE)[
    0
].split()


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one commit and a remote that holds a credential."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    package = tmp_path / "project" / "auditcube"
    package.mkdir(parents=True)
    (package / "x.py").write_text("x = 1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://me:hunter2@github.com/org/repo.git")
    return tmp_path


def told(checkout: Path) -> dict[str, Any]:
    found = facts(checkout)
    assert found is not None
    return found


def test_a_clean_checkout(checkout: Path) -> None:
    (checkout / "untracked").write_text("a result beside it makes no difference")
    assert facts(checkout) == {
        "commit": git(checkout, "rev-parse", "HEAD").strip(),
        "repo": "https://github.com/org/repo",
        "dirty": False,
        "diff_sha256": None,
    }


def test_what_differs_can_be_computed_again(checkout: Path) -> None:
    """By `git diff ... | sha256sum`, whatever the user's own settings of git are."""
    (checkout / "project/auditcube/x.py").write_text("x = 2\n")
    expected = hashlib.sha256(git(checkout, *DIFF).encode()).hexdigest()
    assert (told(checkout)["dirty"], told(checkout)["diff_sha256"]) == (True, expected)
    for setting in ("diff.noprefix=true", "diff.context=9", "diff.mnemonicPrefix=true", "color.diff=always"):
        git(checkout, "config", *setting.split("="))
    assert told(checkout)["diff_sha256"] == expected


def test_a_new_file_counts_by_name_and_content(checkout: Path) -> None:
    new = checkout / "project/auditcube/new.py"
    new.write_text("y = 1\n")
    line = f"{hashlib.sha256(new.read_bytes()).hexdigest()}  project/auditcube/new.py\n"
    assert told(checkout)["diff_sha256"] == hashlib.sha256(line.encode()).hexdigest()
    new.rename(new.with_name("other.py"))
    assert told(checkout)["diff_sha256"] != hashlib.sha256(line.encode()).hexdigest()
    new.symlink_to("/nowhere")
    assert told(checkout)["dirty"] is True


def test_the_checkout_is_left_as_it_is(checkout: Path) -> None:
    index = (checkout / ".git/index").read_bytes()
    (checkout / "project/auditcube/x.py").touch()
    assert told(checkout)["dirty"] is False
    assert (checkout / ".git/index").read_bytes() == index


def test_what_is_no_checkout_of_its_own(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package that was installed somewhere in somebody's checkout."""
    assert facts(checkout / "project") is None
    assert facts(tmp_path_factory.mktemp("empty")) is None
    assert facts(checkout / "absent") is None


def test_the_file_runs_by_itself(checkout: Path) -> None:
    """setup.py and scripts/image-args run it where nothing is installed."""
    program = (
        "import json, pathlib, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['facts'](pathlib.Path())))"
    )
    file = ROOT / "project/auditcube/manifest/checkout.py"
    command = [sys.executable, "-I", "-S", "-c", program, str(file)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == told(checkout)


def test_a_wheel_has_it_baked_in(tmp_path: Path) -> None:
    """As `pip wheel` and scripts/image-install build it; from a checkout, and from a copy that is told by variables."""
    pytest.importorskip("setuptools")
    build(ROOT, tmp_path / "ours", {})
    ours = json.loads((tmp_path / "ours/auditcube/_build.json").read_text())
    if (here := facts(ROOT)) is not None:
        assert {name: ours[name] for name in here} == here
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("project", "schemas", "setup.py", "pyproject.toml"):
        source = ROOT / name
        shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy)
    shutil.rmtree(copy / "project/auditcube.egg-info", ignore_errors=True)
    variables = {"COMMIT": "c0ffee0", "DIRTY": "true", "REPO": "https://github.com/org/repo", "DIFF": "0" * 64}
    build(copy, tmp_path / "told", {f"AUDITCUBE_{name}": value for name, value in variables.items()})
    assert json.loads((tmp_path / "told/auditcube/_build.json").read_text()) == {
        "version": ours["version"],
        "commit": "c0ffee0",
        "dirty": True,
        "repo": "https://github.com/org/repo",
        "diff_sha256": "0" * 64,
    }
    build(copy, tmp_path / "untold", {})
    assert not (tmp_path / "untold/auditcube/_build.json").exists()


def build(source: Path, to: Path, variables: dict[str, str]) -> None:
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(to)]
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", **variables}
    subprocess.run(command, cwd=source, env=environ, check=True, capture_output=True)


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
    assert public_url(remote) == shown


@pytest.mark.parametrize(
    "remote",
    [
        "", "/home/hunter2/repo", "../repo", "file:///home/hunter2/repo", "C:/repo", "repo", "host:path",
        "https://user:hun/ter2@host/org/repo", "https://host/org/repo?token=hunter2", "https://host/org#hunter2",
        "https://host", "git@host:org/x@hunter2", "user:hunter2@host:org/repo",
    ],
)  # fmt: skip
def test_a_repository_that_could_tell_something_private_is_not_shown(remote: str) -> None:
    assert public_url(remote) is None
