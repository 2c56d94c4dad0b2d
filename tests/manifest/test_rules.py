"""Files against their list, in both directions; and that nothing is opened which could hurt."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditcube.evidence.store import Store
from auditcube.manifest import codec, rules
from auditcube.manifest.finding import FIXES
from manifest.examples import FULL

FILES = {
    "config.yaml": b"a: 1\n",
    "runs/reference/events.jsonl": b"{}\n" * 9,
    "runs/reference/summary.json": b"",
    "audit/x": b"x",
}


def entry(name: str, data: bytes, **changes: Any) -> dict[str, Any]:
    return {"path": name, "size": len(data), "digest": {"sha256": hashlib.sha256(data).hexdigest()}} | changes


def listed(files: Mapping[str, bytes] = FILES) -> list[dict[str, Any]]:
    return [entry(name, data) for name, data in files.items()]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with FILES, beside another that is none of its business."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_bytes(b"x")
    for name, data in FILES.items():
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "out"


def found(root: Path, entries: list[dict[str, Any]] | None = None) -> list[tuple[str, str]]:
    """Code and path of every finding."""
    findings = rules.artifacts(root, listed() if entries is None else entries, Store(root).files())
    assert all(code in FIXES for code, _, _ in findings)
    assert all(message for _, _, message in findings)
    return [(code, path) for code, path, _ in findings]


def test_files_as_they_are_listed(root: Path) -> None:
    assert found(root) == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone(root: Path, name: str) -> None:
    (root / name).unlink()
    assert found(root) == [("artifact_missing", name)]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_listed(root: Path, name: str) -> None:
    assert found(root, [e for e in listed() if e["path"] != name]) == [("artifact_unlisted", name)]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_has_grown(root: Path, name: str) -> None:
    with (root / name).open("ab") as file:
        file.write(b"\n")
    assert found(root) == [("artifact_digest", name)]


def test_every_changed_byte(root: Path) -> None:
    for name, data in FILES.items():
        for at in range(len(data)):
            (root / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert found(root) == [("artifact_digest", name)]
        (root / name).write_bytes(data)


def test_two_files_that_changed_places(root: Path) -> None:
    (root / "config.yaml").write_bytes(FILES["audit/x"])
    (root / "audit/x").write_bytes(FILES["config.yaml"])
    assert found(root) == [("artifact_digest", "config.yaml"), ("artifact_digest", "audit/x")]


@pytest.mark.parametrize("change", [{"size": 4}, {"size": 6}, {"digest": {"sha256": "0" * 64}}])
def test_a_list_that_is_wrong(root: Path, change: dict[str, Any]) -> None:
    entries = [e | change if e["path"] == "config.yaml" else e for e in listed()]
    assert found(root, entries) == [("artifact_digest", "config.yaml")]


def test_a_file_listed_twice(root: Path) -> None:
    assert found(root, [*listed(), listed()[0]]) == [("schema", "config.yaml")]


def test_every_defect_is_told(root: Path) -> None:
    (root / "config.yaml").unlink()
    (root / "audit/x").write_bytes(b"y")
    (root / "more").write_bytes(b"")
    assert sorted(found(root)) == [
        ("artifact_digest", "audit/x"), ("artifact_missing", "config.yaml"), ("artifact_unlisted", "more"),
    ]  # fmt: skip


def test_a_link_in_place_of_a_file_even_to_the_same_bytes(root: Path) -> None:
    (root / "config.yaml").rename(root.parent / "elsewhere" / "config.yaml")
    (root / "config.yaml").symlink_to(root.parent / "elsewhere" / "config.yaml")
    assert found(root) == [("artifact_special", "config.yaml")]


def test_a_link_to_another_file_of_the_list(root: Path) -> None:
    (root / "audit/x").unlink()
    (root / "audit/x").symlink_to("../config.yaml")
    assert found(root) == [("artifact_special", "audit/x")]


def test_a_dangling_link(root: Path) -> None:
    (root / "config.yaml").unlink()
    (root / "config.yaml").symlink_to("nowhere")
    assert found(root) == [("artifact_special", "config.yaml")]


def test_a_link_in_place_of_a_folder(root: Path) -> None:
    (root / "runs").rename(root.parent / "elsewhere" / "runs")
    (root / "runs").symlink_to(root.parent / "elsewhere" / "runs")
    codes = found(root)
    assert set(codes) == {
        ("artifact_special", "runs/reference/events.jsonl"),
        ("artifact_special", "runs/reference/summary.json"),
        ("artifact_unlisted", "runs"),
    }


def test_a_folder_in_place_of_a_file(root: Path) -> None:
    (root / "config.yaml").unlink()
    (root / "config.yaml").mkdir()
    assert found(root) == [("artifact_special", "config.yaml")]


def test_a_file_in_place_of_a_folder(root: Path) -> None:
    (root / "audit/x").unlink()
    (root / "audit").rmdir()
    (root / "audit").write_bytes(b"x")
    assert set(found(root)) == {("artifact_special", "audit/x"), ("artifact_unlisted", "audit")}


def test_a_fifo_does_not_make_us_wait(root: Path) -> None:
    (root / "config.yaml").unlink()
    os.mkfifo(root / "config.yaml")
    assert found(root) == [("artifact_special", "config.yaml")]


def test_a_socket(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "config.yaml").unlink()
    monkeypatch.chdir(root)  # the name of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("config.yaml")
        assert found(root) == [("artifact_special", "config.yaml")]


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 500 + "x"])
def test_a_name_that_no_file_can_have(root: Path, name: str) -> None:
    assert [path for _, path in found(root, [*listed(), entry(name, b"")])] == [name]


def special(root: Path, kind: str) -> None:
    path = root / "extra"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("config.yaml")
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    elif kind == "link to a folder":
        path.symlink_to("runs")


@pytest.mark.parametrize("kind", ["fifo", "link", "dangling link", "link to a folder"])
def test_special_files_that_are_not_listed(root: Path, kind: str) -> None:
    special(root, kind)
    assert found(root) == [("artifact_unlisted", "extra")]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"odd name", "odd name"),
        ("größe".encode(), "größe"),
        (b"two\nlines", r"two\nlines"),
        (b"\x1b[2Jscreen", r"\x1b[2Jscreen"),
        (b"no\xff utf", r"no\udcff utf"),
        ("turned\u202e".encode(), r"turned\u202e"),
    ],
)
def test_an_odd_name_can_be_shown_and_written(root: Path, name: bytes, shown: str) -> None:
    with open(os.path.join(os.fsencode(root), name), "wb"):
        pass
    assert found(root) == [("artifact_unlisted", shown)]
    shown.encode()


@pytest.mark.parametrize("name", ["odd name", "größe", "-rf", "'", '"', "a:b", "~", "$HOME", "*"])
def test_an_odd_name_can_be_listed(root: Path, name: str) -> None:
    (root / name).write_bytes(b"odd")
    assert found(root, [*listed(), entry(name, b"odd")]) == []


def test_no_descriptor_is_left_open(root: Path) -> None:
    (root / "config.yaml").unlink()
    (root / "config.yaml").mkdir()
    (root / "audit/x").write_bytes(b"too long")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        found(root)
    assert len(os.listdir("/proc/self/fd")) == before


# The form of the sidecar itself.
def read_back(manifest: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    data = codec.encode(manifest)
    return json.loads(data), data


def test_a_form_without_fault() -> None:
    assert rules.form(*read_back(FULL)) == []


def test_a_manifest_without_a_digest_of_its_own_may_be_spelled_as_it_likes() -> None:
    manifest = {name: value for name, value in FULL.items() if name != "manifest_digest"}
    assert rules.form(manifest, json.dumps(manifest).encode()) == []


def test_violations_come_first_and_with_their_pointer() -> None:
    manifest, data = read_back(FULL | {"benchmark": "", "zzz": 1})
    assert [(code, pointer) for code, pointer, _ in rules.form(manifest, data)] == [
        ("schema", ""),
        ("schema", "/benchmark"),
    ]


def test_a_spelling_or_a_digest_that_is_off() -> None:
    manifest, data = read_back(FULL)
    assert [code for code, _, _ in rules.form(manifest, data + b" ")] == ["spelling"]
    other = manifest | {"benchmark": "another"}
    spelled = (json.dumps(other, indent=2, ensure_ascii=False) + "\n").encode()
    assert rules.form(other, spelled) == [("spelling", "", "manifest_digest is not the digest of this file")]


@pytest.mark.parametrize("manifest", [None, [], "x", 5])
def test_no_manifest_at_all(manifest: Any) -> None:
    assert [code for code, _, _ in rules.form(manifest, b"")] == ["schema"]
