"""The output directory: when it may be used, and how it is cleared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditcube.errors import ExitCode, SetupFailed
from auditcube.evidence.store import SIDECAR, Store

OURS = (
    SIDECAR, "config.yaml", "report.html", "verification.json", "runs/reference/events.jsonl",
    "runs/reference/summary.json", "audit/audit_test04.json", "audit/verify_TEST04.txt",
)  # fmt: skip


def filled(root: Path, *names: str) -> Store:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return Store(root)


def names(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


def test_the_names_are_those_that_scripts_depend_on() -> None:
    store = Store(Path("out"))
    assert [str(path) for path in (store.sidecar, store.config, store.report, store.verification)] == [
        "out/mlcube.run_audit.json", "out/config.yaml", "out/report.html", "out/verification.json",
    ]  # fmt: skip
    assert str(store.run("reference").schedule) == "out/runs/reference/schedule.json"
    assert str(store.run("reference").summary) == "out/runs/reference/summary.json"


def test_the_events_of_a_run_are_the_files_of_its_workers(tmp_path: Path) -> None:
    run = filled(
        tmp_path,
        *(f"runs/test04/{name}" for name in ("events.1.jsonl", "events.jsonl", "outputs.jsonl", "summary.json")),
    ).run("test04")
    assert [path.name for path in run.events] == ["events.1.jsonl", "events.jsonl"]
    assert Store(tmp_path).run("never").events == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("depth", ["", "new", "new/deeper"])
def test_an_empty_or_absent_directory_is_usable_and_stays_empty(tmp_path: Path, depth: str, overwrite: bool) -> None:
    root = tmp_path / depth
    Store(root).check_usable(overwrite)
    assert root.is_dir()
    assert names(root) == set()


@pytest.mark.parametrize(
    ("present", "message"),
    [
        (OURS, "already holds a result; choose an empty directory, or give --overwrite"),
        ((SIDECAR,), "already holds a result"),
        (("config.yaml", "runs/reference/events.jsonl"), "already holds files, perhaps of a run that broke off"),
        (("notes.txt",), "already holds files"),
        ((".hidden",), "already holds files"),
    ],
)
def test_a_directory_with_anything_in_it_is_left_alone(tmp_path: Path, present: tuple[str, ...], message: str) -> None:
    store = filled(tmp_path, *present)
    before = names(tmp_path)
    with pytest.raises(SetupFailed, match=message) as caught:
        store.check_usable(overwrite=False)
    assert str(caught.value).startswith(f"{tmp_path}: ")
    assert caught.value.exit_code is ExitCode.SETUP_FAILED
    assert names(tmp_path) == before


def test_a_result_may_be_overwritten_when_asked_and_the_check_itself_changes_nothing(tmp_path: Path) -> None:
    store = filled(tmp_path, *OURS)
    before = names(tmp_path)
    store.check_usable(overwrite=True)
    assert names(tmp_path) == before


@pytest.mark.parametrize("foreign", ["notes.txt", ".git", "runs2", "Config.yaml"])
def test_nothing_foreign_is_ever_overwritten(tmp_path: Path, foreign: str) -> None:
    store = filled(tmp_path, *OURS, foreign)
    with pytest.raises(SetupFailed, match=f"holds {foreign}, which is not ours; choose an empty directory"):
        store.check_usable(overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("where", ["file", "file/below", "dangling", "loop/below"])
def test_what_is_no_directory_is_refused(tmp_path: Path, where: str, overwrite: bool) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SetupFailed) as caught:
        Store(tmp_path / where).check_usable(overwrite)
    assert str(caught.value).startswith(f"{tmp_path / where}: cannot be written: ")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a directory that not even root can write to")
def test_a_directory_that_cannot_be_written_to() -> None:
    with pytest.raises(SetupFailed, match="^/proc/self: cannot be written: "):
        Store(Path("/proc/self")).check_usable(overwrite=True)


def test_a_link_to_a_directory_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    Store(tmp_path / "link").check_usable(overwrite=False)


def test_clear_removes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    store = filled(tmp_path, *OURS, "notes.txt")
    store.clear()
    assert names(tmp_path) == {"notes.txt"}
    store.clear()
    assert names(tmp_path) == {"notes.txt"}


def test_clear_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    filled(elsewhere, "precious")
    root = tmp_path / "out"
    root.mkdir()
    (root / "runs").symlink_to(elsewhere)
    (root / "config.yaml").symlink_to(elsewhere / "precious")
    (root / "report.html").symlink_to(tmp_path / "nowhere")
    Store(root).clear()
    assert names(root) == set()
    assert names(elsewhere) == {"precious"}


def test_clear_takes_the_sidecar_first(tmp_path: Path) -> None:
    """A sidecar that cannot be removed keeps everything: nothing is left that claims to be whole and is not."""
    store = filled(tmp_path, "config.yaml", "runs/reference/events.jsonl")
    store.sidecar.mkdir()
    with pytest.raises(SetupFailed, match="cannot be written"):
        store.clear()
    assert store.config.exists()
    assert store.run("reference").events


def test_files_are_all_that_is_below_but_the_sidecar(tmp_path: Path) -> None:
    store = filled(tmp_path, *OURS, "odd name\n", "runs/.hidden", f"runs/{SIDECAR}")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "runs" / "linked").symlink_to(tmp_path / "audit")
    (tmp_path / "empty").mkdir()
    expected = {*OURS, "odd name\n", "runs/.hidden", f"runs/{SIDECAR}", "fifo", "dangling", "runs/linked"} - {SIDECAR}
    found = [path.relative_to(tmp_path).as_posix() for path in store.files()]
    assert set(found) == expected
    assert len(found) == len(expected)
    assert store.files() == sorted(store.files())
