"""Any byte, any file: whatever is touched in an output directory is found and named.

The long lists run in this process; a handful is tried with the command, as a reviewer would.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bundles import Bundle
from e2e.commands import SIDECAR, Server, audit_here, auditcube, called, contents, job, verdict, verified

_MASKS = (0x01, 0x20, 0x80, 0xFF)


@pytest.fixture
def bundle(audited: Path, tmp_path: Path) -> Bundle:
    return Bundle.copied(audited, tmp_path / "bundle")


@pytest.fixture(scope="module")
def other(honest: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the same job, made again."""
    folder = tmp_path_factory.mktemp("other")
    assert audit_here(job(folder, honest.url, {"load": {"warmup_queries": 4}}), folder / "out").code == 0
    return folder / "out"


def named(bundle: Bundle, path: Path) -> bool:
    """Whether `verify` rejects the bundle and names this file."""
    verification = verified(bundle.root)
    found = [finding.path for finding in verification.findings]
    return verification.exit_code == 5 and str(path) in found


def flips(size: int, count: int) -> Iterator[tuple[int, int]]:
    """Offsets from the first byte to the last, each with a bit pattern to flip."""
    step = max(1, (size - 1) // (count - 1))
    for number, offset in enumerate(sorted({*range(0, size, step), size - 1})):
        yield offset, _MASKS[number % len(_MASKS)]


def test_an_untouched_result_verifies_with_the_same_numbers(audited: Path) -> None:
    before = contents(audited)
    done = auditcube("verify", audited, "--json")
    assert (done.code, done.json["findings"]) == (0, [])
    assert done.json["verdicts"] == [verdict(audited)]
    assert contents(audited) == before


def test_a_flipped_byte_in_the_sidecar_is_found(bundle: Bundle) -> None:
    data = bundle.sidecar.read_bytes()
    missed = []
    for offset, mask in flips(len(data), 600):
        bundle.sidecar.write_bytes(data[:offset] + bytes([data[offset] ^ mask]) + data[offset + 1 :])
        if not named(bundle, bundle.sidecar):
            missed.append((offset, mask))
    assert missed == []


def test_a_flipped_byte_in_any_file_is_found(bundle: Bundle) -> None:
    missed = []
    for path in bundle.files():
        data = path.read_bytes()
        for offset, mask in flips(len(data), 6):
            path.write_bytes(data[:offset] + bytes([data[offset] ^ mask]) + data[offset + 1 :])
            if not named(bundle, path):
                missed.append((path, offset, mask))
        path.write_bytes(data)
    assert missed == []


Change = Callable[[Path], object]


def instead(make: Change) -> Change:
    """Something else under the name of the file."""

    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


CHANGES: dict[str, Change] = {
    "last byte cut off": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "a byte appended": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "appended to": lambda path: path.write_bytes(path.read_bytes() * 2),
    "removed": lambda path: path.unlink(),
    "renamed": lambda path: path.rename(path.with_name("x" + path.name)),
    "a link to what it was": lambda path: path.symlink_to(path.rename(path.with_name(".kept"))),
    "a folder": instead(Path.mkdir),
    "a pipe": instead(os.mkfifo),
    "a link to nowhere": instead(lambda path: path.symlink_to("/nowhere")),
    "a link to a device": instead(lambda path: path.symlink_to("/dev/zero")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_file_is_held_to_what_it_was(audited: Path, tmp_path: Path, change: str) -> None:
    missed = []
    for number, original in enumerate(Bundle(audited).files()):
        bundle = Bundle.copied(audited, tmp_path / str(number))
        path = bundle.root / original.relative_to(audited)
        CHANGES[change](path)
        if not named(bundle, path):
            missed.append(path)
        shutil.rmtree(bundle.root)
    assert missed == []


@pytest.mark.parametrize(
    "name", ["notes.txt", ".hidden", "runs/x", "runs/reference/.events.jsonl.swp", "a/b/c", "runs/extra/events.jsonl",
             "mlcube.run_audit.json.bak", "audit/audit_test05.json", "runs/test04/events.1.jsonl", "\u202etxt.exe"]
)  # fmt: skip
def test_every_added_file_is_found(bundle: Bundle, name: str) -> None:
    path = bundle.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    verification = verified(bundle.root)
    assert verification.exit_code == 5
    told = [finding.path for finding in verification.findings if finding.code == "artifact_unlisted"]
    assert len(told) == 1
    assert (told == [str(path)]) == name.isprintable()
    assert told[0].isprintable()


def test_added_links_are_found(bundle: Bundle) -> None:
    for name, target in (("inside", "runs"), ("outside", "/"), ("nowhere", "/nowhere"), ("runs/self", ".")):
        (bundle.root / name).symlink_to(target)
        assert named(bundle, bundle.root / name)
        (bundle.root / name).unlink()
    assert verified(bundle.root).exit_code == 0


def test_an_empty_folder_does_no_harm(bundle: Bundle) -> None:
    """No file was added; a folder that is called as a file of events is not taken for one."""
    (bundle.root / "runs/reference/events.7.jsonl").mkdir()
    assert verified(bundle.root).exit_code == 0


def test_exchanged_files_are_found(bundle: Bundle) -> None:
    one, two = (bundle.root / "runs" / label / "events.jsonl" for label in ("reference", "test04"))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert named(bundle, one)
    assert named(bundle, two)


def test_the_parts_of_two_results_do_not_mix(bundle: Bundle, other: Path) -> None:
    """Same job, same endpoint: each file of the other result is out of place, its sidecar too."""
    missed = []
    for path in bundle.files():
        data, theirs = path.read_bytes(), (other / path.relative_to(bundle.root)).read_bytes()
        path.write_bytes(theirs)
        if theirs != data and verified(bundle.root).exit_code != 5:
            missed.append(path)
        path.write_bytes(data)
    assert missed == []


def test_a_slow_reference_is_not_borrowed_from_another_run(bundle: Bundle, other: Path) -> None:
    """With every digest made right again, the events still belong to the other task."""
    shutil.copytree(other / "runs/reference", bundle.root / "runs/reference", dirs_exist_ok=True)
    bundle.seal()
    codes = {finding.code for finding in verified(bundle.root).findings}
    assert "run_id" in codes


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (SIDECAR, lambda path: path.write_bytes(path.read_bytes().replace(b"PASS", b"FAIL"))),
        ("report.html", lambda path: path.unlink()),
        ("runs/.more", lambda path: path.write_text("")),
    ],
    ids=["edited", "removed", "added"],
)
def test_the_command_names_what_was_touched(bundle: Bundle, path: str, change: Change) -> None:
    change(bundle.root / path)
    done = auditcube("verify", bundle.root)
    assert done.code == 5
    assert str(bundle.root / path) in done.out
    assert "REJECTED" in done.out
    assert "PASS" not in done.out


def test_findings_are_written_where_asked(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.root / "report.html").write_text("all is well")
    done = called("verify", bundle.root, "--output_dir", tmp_path / "out", "--json")
    assert (done.code, done.json["verdicts"]) == (5, [])
    (only,) = done.json["findings"]
    assert (only["code"], only["path"]) == ("artifact_digest", str(bundle.root / "report.html"))
    assert Bundle(tmp_path / "out").manifest["task_status"]["exit_code"] == 5
    assert verified(tmp_path / "out").findings == []
