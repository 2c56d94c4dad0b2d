"""Sidecars by themselves: which are read, which are found below a folder, and what is said about each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import InvalidInput
from auditcube.manifest.codec import encode
from auditcube.manifest.validator import Validation, file_findings, read_sidecar, validate
from bundles import SIDECAR, Bundle, dumps
from manifest.examples import FULL

HEX = "0" * 64


def minimal(**changes: Any) -> dict[str, Any]:
    """The members that issue 367 proposes, and no other."""
    return {
        "schema_version": "mlcube.run_audit.v1",
        "mlcube_task": "run",
        "runner": "docker",
        "image": "mlcommons/hello:0.1",
        "mlcube_config_hash": f"sha256:{HEX}",
        "benchmark": "hello",
        "dataset_refs": [
            {"source_id": "names", "kind": "dataset", "provenance": "local", "redaction_status": "not_scanned"}
        ],
        "result_paths": ["out/result.json"],
        "provenance": {
            "repo": "https://example.org/hello",
            "commit": "abc",
            "created_at": "2026-01-01T00:00:00.000000Z",
        },
        "claim_status": "diagnostic",
        "redaction_status": "not_scanned",
        **changes,
    }


def written(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dumps(value))
    return path


def with_file(folder: Path) -> Bundle:
    """A sidecar that lists one file beside it."""
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{}\n")
    bundle = Bundle(folder)
    bundle.write(minimal(artifacts=[]))
    bundle.list_file("result.json", "summary", "application/json")
    return bundle


def test_the_members_of_367_are_enough(tmp_path: Path) -> None:
    path = written(tmp_path / "any-name.json", minimal())
    assert validate([path]) == Validation([path], [], [])
    assert read_sidecar(path).manifest == minimal()


@pytest.mark.parametrize("name", minimal())
def test_every_member_of_367_is_needed(tmp_path: Path, name: str) -> None:
    value = minimal()
    del value[name]
    findings = validate([written(tmp_path / "m.json", value)]).findings
    assert [finding.code for finding in findings] == ["schema"]
    assert name in findings[0].message


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"schema_version": "mlcube.run_audit.v2"}, "/schema_version"),
        ({"runner": ""}, "/runner"),
        ({"claim_status": "official"}, "/claim_status"),
        ({"dataset_refs": [{"source_id": "a"}]}, "/dataset_refs/0"),
        ({"result_paths": "out"}, "/result_paths"),
        ({"artifacts": [{"role": "x", "path": "/etc/passwd", "size": 1, "digest": {"sha256": HEX}}]}, "/artifacts/0"),
        ({"manifest_digest": {"sha256": HEX + "\n"}}, "/manifest_digest/sha256"),
        ({"seeds": {"order": 42}}, "/seeds/order"),
        ({"a/b~c": 1}, ""),
    ],
)
def test_a_violation_is_named_by_its_place(tmp_path: Path, changes: dict[str, Any], pointer: str) -> None:
    findings = validate([written(tmp_path / "m.json", minimal(**changes))]).findings
    assert findings
    assert {finding.code for finding in findings} == {"schema"}
    assert any(finding.pointer.startswith(pointer) for finding in findings)


def test_a_secret_in_a_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    findings = validate([written(tmp_path / "m.json", minimal(runner=["hunter2"]))]).findings
    assert "hunter2" not in str(findings[0])


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1, "a": 1}', b"\xef\xbb\xbf{}", b"\xff",
     b'{"a": "\\ud800"}', b'{"a":' * 5000, "{}".encode("utf-16"), b"{} {}", b'{"a": 1' + b"0" * 5000 + b"}"],
)  # fmt: skip
def test_what_is_not_strict_json_is_malformed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(data)
    findings = validate([path]).findings
    assert {finding.code for finding in findings} <= {"sidecar_malformed", "schema"}
    assert findings
    assert all(finding.path == str(path) for finding in findings)


def test_the_digest_of_itself_holds_the_spelling(tmp_path: Path) -> None:
    bundle = with_file(tmp_path / "out")
    assert validate([tmp_path]) == Validation([bundle.sidecar], [], [])
    bundle.sidecar.write_bytes(bundle.sidecar.read_bytes().replace(b"hello", b"hallo", 1))
    assert [finding.code for finding in validate([tmp_path]).findings] == ["spelling"]


def test_files_count_beside_a_sidecar_only(tmp_path: Path) -> None:
    """Under another name it is a copy of a manifest, and the files are elsewhere."""
    bundle = with_file(tmp_path / "out")
    alone = tmp_path / "alone.json"
    alone.write_bytes(bundle.sidecar.read_bytes())
    assert validate([alone]) == Validation([alone], [], [])
    (bundle.root / "result.json").unlink()
    assert [finding.code for finding in validate([bundle.sidecar]).findings] == ["artifact_missing"]
    assert [finding.code for finding in file_findings(read_sidecar(bundle.sidecar))] == ["artifact_missing"]


def test_all_sidecars_below_a_folder_are_found(tmp_path: Path) -> None:
    one, two = with_file(tmp_path / "b" / "one"), with_file(tmp_path / "a" / "two")
    (tmp_path / "c").mkdir()
    done = validate([tmp_path])
    assert done.sidecars == [two.sidecar, one.sidecar]
    assert done.findings == []


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_nothing_to_validate_is_invalid_input(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match=name):
        validate([tmp_path / name])


def test_a_link_is_no_sidecar(tmp_path: Path) -> None:
    bundle = with_file(tmp_path / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / SIDECAR).symlink_to(bundle.sidecar)
    findings = validate([tmp_path / "other"]).findings
    assert [finding.code for finding in findings] == ["sidecar_malformed"]


def test_a_copy_without_its_files_is_scanned_by_itself(tmp_path: Path) -> None:
    """As it lies in a submission, under another name and without its files: nothing may stand in it all the same."""
    plain = FULL | {"image": "localhost/a:1", "redaction_status": "safe_for_public_log"}
    for name, benchmark, rules in (("clean", "river", False), ("leak", "by erika@lab.example", True)):
        path = tmp_path / f"{name}.json"
        path.write_bytes(encode(plain | {"benchmark": benchmark}))
        found = [finding for finding in validate([path]).findings if finding.pointer == "/benchmark"]
        assert [finding.code for finding in found] == (["redaction"] if rules else [])
