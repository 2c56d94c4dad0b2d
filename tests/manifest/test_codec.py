"""The bytes of a sidecar: one spelling, strict reading, and a digest that notices every changed byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.errors import EvidenceRejected, ExitCode
from auditcube.manifest import codec, rules
from auditcube.manifest.codec import MAX_DEPTH, encode, read_json, spelling_problem

SMALL: dict[str, Any] = {
    "schema_version": "mlcube.run_audit.v1",
    "mlcube_task": "audit",
    "runner": "none",
    "image": "none",
    "mlcube_config_hash": "none",
    "benchmark": "Größe 🎞",
    "dataset_refs": [],
    "result_paths": [],
    "provenance": {"repo": "r", "commit": "c", "created_at": "t", "dirty": None},
    "claim_status": "diagnostic",
    "redaction_status": "not_scanned",
    "task_status": {"state": "completed", "exit_code": 0},
    "monotonic_duration_ns": 12,
    "verdicts": [
        {
            "test": "t",
            "outcome": "PASS",
            "code": "c",
            "reason": "r",
            "numbers": {"gain": -0.5, "n": True},
            "remarks": [],
        }
    ],
}


def findings(path: Path) -> list[str]:
    """The codes of what is wrong with a sidecar's form; `unreadable` if it cannot be read at all."""
    try:
        manifest, data = read_json(path)
    except EvidenceRejected:
        return ["unreadable"]
    return [code for code, _, _ in rules.form(manifest, data)]


def test_what_is_written_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(encode(SMALL))
    manifest, data = read_json(path)
    assert rules.form(manifest, data) == []
    assert {name: value for name, value in manifest.items() if name != "manifest_digest"} == SMALL
    assert data == encode(manifest)


def test_the_digest_can_be_checked_with_sed_and_sha256sum() -> None:
    data = encode(SMALL)
    digest = json.loads(data)["manifest_digest"]["sha256"]
    zeroed = re.sub(rb'("manifest_digest": \{\n    "sha256": ")[0-9a-f]{64}', rb"\g<1>" + b"0" * 64, data)
    assert zeroed != data
    assert hashlib.sha256(zeroed).hexdigest() == digest


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_any_changed_byte_is_noticed(tmp_path: Path, mask: int) -> None:
    path, data = tmp_path / "m.json", encode(SMALL)
    unnoticed = []
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
        if not findings(path):
            unnoticed.append(at)
    assert unnoticed == []


def test_a_byte_removed_or_doubled_is_noticed(tmp_path: Path) -> None:
    path, data = tmp_path / "m.json", encode(SMALL)
    for at in range(0, len(data), 3):
        for changed in (data[:at] + data[at + 1 :], data[: at + 1] + data[at:]):
            path.write_bytes(changed)
            assert findings(path) or changed == data, at


@pytest.mark.parametrize(
    "respell",
    [
        lambda m: json.dumps(m),
        lambda m: json.dumps(m, indent=2) + "\n",  # the same in ASCII
        lambda m: json.dumps(m, indent=4, ensure_ascii=False) + "\n",
        lambda m: json.dumps(m, indent=2, ensure_ascii=False),
        lambda m: json.dumps(m, indent=2, ensure_ascii=False) + "\n\n",
        lambda m: json.dumps(m, indent=2, ensure_ascii=False, separators=(",", ":")) + "\n",
        lambda m: json.dumps(m, indent=2, ensure_ascii=False).replace("-0.5", "-5e-1") + "\n",
        lambda m: json.dumps(m, indent=2, ensure_ascii=False).replace("-0.5", "-0.50") + "\n",
        lambda m: json.dumps(m, indent=2, ensure_ascii=False).replace("\n", "\r\n") + "\r\n",
    ],
)
def test_another_spelling_of_the_same_is_noticed(tmp_path: Path, respell: Any) -> None:
    path = tmp_path / "m.json"
    path.write_text(respell(json.loads(encode(SMALL))), encoding="utf-8", newline="")
    manifest, data = read_json(path)
    assert manifest == json.loads(encode(SMALL))
    assert spelling_problem(manifest, data) == "the bytes are not the one spelling of what they say"


def test_another_order_of_the_members_is_another_file() -> None:
    manifest = json.loads(encode(SMALL))
    turned = dict(reversed(manifest.items()))
    data = (json.dumps(turned, indent=2, ensure_ascii=False) + "\n").encode()
    assert spelling_problem(turned, data) == "manifest_digest is not the digest of this file"


def test_a_manifest_that_holds_a_digest_already_gets_its_own() -> None:
    manifest = json.loads(encode(SMALL))
    assert encode(manifest | {"manifest_digest": {"sha256": "f" * 64}}) == encode(manifest)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(value=st.dictionaries(st.text(), JSON, max_size=5))
def test_whatever_is_written_is_read_and_has_one_spelling(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(encode(value))
    manifest, data = read_json(path)
    assert manifest == value | {"manifest_digest": manifest["manifest_digest"]}
    assert spelling_problem(manifest, data) is None


@given(value=st.dictionaries(st.text(), JSON, max_size=5))
def test_the_spelling_is_that_of_json(value: dict[str, Any]) -> None:
    """However it is made: anyone can write a sidecar with Python's own library."""
    blank = value | {"manifest_digest": {"sha256": "0" * 64}}
    plain = (json.dumps(blank, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
    assert encode(value).replace(hashlib.sha256(plain).hexdigest().encode(), b"0" * 64) == plain


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_fraction_is_spelt_as_python_does(value: float) -> None:
    assert f'"a": {value!r},'.encode() in encode({"a": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_json_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"a": [value]})


BAD: list[tuple[str, bytes, str]] = [
    ("empty", b"", "not strict JSON"),
    ("cut", b'{"a": 1', "not strict JSON"),
    ("more behind it", b"{} {}", "not strict JSON"),
    ("comment", b"{} // x", "not strict JSON"),
    ("trailing comma", b'{"a": 1,}', "not strict JSON"),
    ("member twice", b'{"a": 1, "b": 2, "a": 1}', "not strict JSON: member 'a' stands twice"),
    ("member twice, inside", b'[{"x": {"b": 2, "b": 2}}]', "member 'b' stands twice"),
    ("member twice, escaped", b'{"a": 1, "\\u0061": 1}', "member 'a' stands twice"),
    ("NaN", b'{"a": NaN}', "NaN is not JSON"),
    ("Infinity", b"[Infinity]", "Infinity is not JSON"),
    ("-Infinity", b"-Infinity", "-Infinity is not JSON"),
    ("overflow", b'{"a": 1e400}', "not JSON compliant"),
    ("negative overflow", b"[-1e400]", "not JSON compliant"),
    ("many digits", b"[" + b"1" * 5000 + b"]", "not strict JSON"),
    ("BOM", b'\xef\xbb\xbf{"a": 1}', "not strict JSON"),
    ("UTF-16", '{"a": 1}'.encode("utf-16"), "not strict JSON"),
    ("not UTF-8", b'{"a": "\xff"}', "not strict JSON"),
    ("lone high surrogate", b'{"a": "\\ud83d"}', "not strict JSON"),
    ("lone low surrogate", b'{"\\ude00": 1}', "not strict JSON"),
    ("swapped surrogates", b'["\\ude00\\ud83d"]', "not strict JSON"),
    ("surrogate bytes", b'["\xed\xa0\xbd"]', "not strict JSON"),
    ("control character", b'["\x01"]', "not strict JSON"),
    ("NUL", b"\x00", "not strict JSON"),
    ("too deep", b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} levels deep"),
    ("objects too deep", b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "nested more than"),
    ("absurdly deep", b"[" * 500_000, "nested more than"),
]


@pytest.mark.parametrize(("data", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_not_strict_json_is_rejected_and_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(data)
    with pytest.raises(EvidenceRejected, match=re.escape(message)) as caught:
        read_json(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.exit_code is ExitCode.EVIDENCE_REJECTED


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (b" [1, 2.5, -0.0, true, null]\n", [1, 2.5, 0.0, True, None]),
        (b'["\\ud83d\\ude00"]', ["😀"]),
        (b'["a\\u0000b"]', ["a\0b"]),
        (b"[18446744073709551616]", [2**64]),
        (b"[1e308]", [1e308]),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
    ],
)
def test_what_is_strict_json(tmp_path: Path, data: bytes, value: Any) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(data)
    assert read_json(path) == (value, data)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "missing"), ("directory", "not a regular file"), ("fifo", "not a regular file"),
        ("link", "not a regular file"), ("dangling link", "not a regular file"),
    ],
)  # fmt: skip
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str, message: str) -> None:
    path, real = tmp_path / "m.json", tmp_path / "real.json"
    real.write_text("{}")
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind.endswith("link"):
        path.symlink_to(real if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(EvidenceRejected, match=f"^{re.escape(str(path))}: {message}$"):
        read_json(path)


@pytest.mark.parametrize(("size", "accepted"), [(100, True), (101, False)])
def test_the_largest_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, accepted: bool) -> None:
    monkeypatch.setattr(codec, "MAX_BYTES", 100)
    path = tmp_path / "m.json"
    path.write_bytes(b"[]" + b" " * (size - 2))
    if accepted:
        assert read_json(path)[0] == []
    else:
        with pytest.raises(EvidenceRejected, match="larger than 100 bytes"):
            read_json(path)


def outcome(read: Callable[[bytes], Any], data: bytes) -> tuple[Any, str]:
    try:
        return read(data), ""
    except ValueError as problem:
        return None, str(problem)


NESTED = [json.dumps(json.loads("[" * depth + "1" + "]" * depth), indent=2) for depth in range(62, 68)]


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "a": 1,\n  "a": 1\n}', '{\n  "a": NaN\n}', "[\n  1e999\n]", "[\n  -0\n]", "[\n  -0.0\n]", "[\n  1e16\n]",
        "[\n  1e+16\n]", "[\n  18446744073709551615\n]", "[\n  18446744073709551616\n]", "[\n  12.0\n]",
        '"\\ud800"', '"\\u0041"', '"\x7f"', "null", "[]", "[\n  []\n]", "\ufeff1", *NESTED,
    ],
)  # fmt: skip
def test_the_fast_reader_says_what_the_strict_one_does(text: str) -> None:
    data = f"{text}\n".encode()
    one, other = outcome(codec.parse, data), outcome(codec._parse_plainly, data)
    assert (one, repr(one)) == (other, repr(other))
    if (read := codec._spelled_by_orjson(data))[0]:
        assert repr(read[1]) == repr(other[0])
