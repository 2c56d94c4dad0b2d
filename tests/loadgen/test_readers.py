"""Reading logs: what `json.load` reads is read the same, what it refuses is refused, and memory stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditcube.loadgen import audit_config
from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.detail_log import Detail
from auditcube.loadgen.errors import Malformed
from loadgen.logs import detail, tokens, write_accuracy, write_detail

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
SPELLINGS = [
    lambda values: json.dumps(values),
    lambda values: json.dumps(values, indent=2),
    lambda values: "[\n" + ",\n".join(map(json.dumps, values)) + "\n]\n",
    lambda values: "[\r\n" + ",\r\n".join(map(json.dumps, values)) + "\r\n]\r\n",
    lambda values: "[\n" + "\n,".join(map(json.dumps, values)) + "\n]",
    lambda values: "  [" + " , ".join(map(json.dumps, values)) + "]\n\n",
    lambda values: "[\n" + ",\n\n".join(json.dumps(value, indent=1) for value in values) + "\n]",
]


def read_by_json(path: Path) -> list[Any] | None:
    """What a script that calls `json.load` and iterates sees; None where it crashes."""
    try:
        with path.open(encoding="utf-8") as file:
            return list(json.load(file))
    except (ValueError, TypeError, RecursionError):
        return None


def read_by_us(path: Path) -> list[Any] | None:
    try:
        return list(entries(path))
    except Malformed:
        return None


def same(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert repr(read_by_us(path)) == repr(read_by_json(path))  # repr: NaN is itself, and 1 is not 1.0


HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)


@HERE
@given(
    st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3) | VALUES, max_size=5), st.sampled_from(SPELLINGS)
)
def test_any_list_in_any_spelling(tmp_path: Path, values: list[Any], spell: Any) -> None:
    same(tmp_path / "log.json", spell(values).encode())


@HERE
@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), max_size=4), st.data())
def test_a_list_that_was_damaged(tmp_path: Path, values: list[Any], data: st.DataObject) -> None:
    text = bytearray(data.draw(st.sampled_from(SPELLINGS))(values).encode())
    place = data.draw(st.integers(0, len(text) - 1))
    kind = data.draw(st.sampled_from(["cut", "drop", "put"]))
    if kind == "cut":
        del text[place:]
    elif kind == "drop":
        del text[place]
    else:
        text[place:place] = data.draw(st.sampled_from([b",", b"]", b"[", b"{", b"\xff", b"}", b"x", b'"', b"\n"]))
    same(tmp_path / "log.json", bytes(text))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[", b"[]", b"[\n]\n", b"[\n\n]", b"[,]", b"[\n{},\n]\n", b"[\n{}\n{}\n]\n", b"[\n{}\n]\n]",
        b"{}", b'{"a": 1}', b'""', b'"ab"', b"3", b"null", b"NaN", b"[NaN, Infinity]", b"[\n{}\n] x", b"[" * 2000,
        b"\xef\xbb\xbf[]", b"\xef\xbb\xbf[\n{}\n]\n", b'[\n{"a": NaN},\n{"a": 1}\n]\n', b'[\n{"a": 1, "a": 2}\n]',
        b'[\n{"a": 123456789012345678901234567890}\n]', b'[\n{"a": [123456789012345678901234567890]}\n]', b"[1]\n[2]",
        b'[\n{"a": "\\ud800"}\n]', b'[\n{"a": 1},\n\n{"b": 2}\n]', b"[\n{},\n{},\n\xff\n]", b"[\n" + b"[" * 100_000,
        b'[12, "' + b"x" * 200_000 + b'", 7]', b"[" + b"1234567, " * 20_000 + b"1]",
        # What Python cannot hold: thousands of digits, and many brackets, be they in LoadGen's spelling or not.
        b"[" + b"9" * 5000 + b"]", b'[\n{"a": ' + b"9" * 5000 + b"}\n]\n",
        b"[\n" + b'{"a": ' * 1000 + b"1" + b"}" * 1000 + b"\n]\n",
    ],
)  # fmt: skip
def test_exactly_what_json_reads(tmp_path: Path, text: bytes) -> None:
    same(tmp_path / "log.json", text)


def test_a_log_cut_for_submission_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    write_accuracy(path, [tokens(n) for n in range(200)])
    text = path.read_text()
    path.write_text(f"{text[:4096]}\n\n...\n\n{text[-4096:]}")
    with pytest.raises(Malformed, match="was truncated for submission"):
        list(entries(path))


def test_a_large_log_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    line = json.dumps({"seq_id": 1, "qsl_idx": 2, "data": "00" * 2000})
    with path.open("w") as file:
        file.write("[\n" + f"{line},\n" * 20_000 + f"{line}\n]\n")
    program = (
        "import sys, re; from pathlib import Path; from auditcube.loadgen.accuracy_log import entries\n"
        "assert sum(1 for _ in entries(Path(sys.argv[1]))) == 20001\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert path.stat().st_size > 80e6
    assert int(done.stdout) < 60_000, "kB"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("hello\n", "does not start with"),
        ("\ufeff:::MLLOG {}\n", "does not start with"),
        (" :::MLLOG {}\n", "does not start with"),
        (':::MLLOG {"key": 1\n', "line 1 is not JSON"),
        (":::MLLOG []\n", "line 1 is no message"),
        (f':::MLLOG {{"key": "a", "value": {"9" * 5000}}}\n', "line 1 is not JSON"),
        (':::MLLOG {"value": 1}\n', "line 1 is no message"),
        (':::MLLOG {"key": []}\n', "has a key that is a list"),
    ],
)
def test_a_detail_log_that_is_none(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "detail.txt"
    path.write_text(text, "utf-8")
    with pytest.raises(Malformed, match=problem):
        Detail(path)


def test_a_detail_log(tmp_path: Path) -> None:
    path = tmp_path / "detail.txt"
    write_detail(path, detail(), ":::ENDPTS", errors=["it broke"])
    with path.open("a") as file:
        file.write('other\n:::MLLOG {\n:::ENDPTS {"key": "sut_name", "value": "again"} \x0c\u00a0\n')
    log = Detail(path)
    assert log.get("sut_name") == "SUT"  # the first counts
    assert log.repeated == {"sut_name"}
    assert log.errors == ["it broke"]


@pytest.mark.parametrize(
    ("text", "comments", "plain"),
    [
        ("*.*.x = 5", 5.0, 5.0),
        ("a.b.x=5\nc.d.x = 6", 6.0, 6.0),
        ("a.b.c.x = 7", 7.0, 7.0),
        ("a.x = 5", None, None),
        ("*.*.x = 5 # five", 5.0, None),
        ("# *.*.x = 5", None, None),
        ("*.*.x = 5\n*.*.x = five", 5.0, 5.0),
        ("*.*.xx = 5", None, None),
        ("*.*.x = 1e3 = 2", None, None),
        ("*.*.x = 5\r\n# was\r*.*.x = 6", 6.0, 6.0),  # each of these ends a line
        ("*.*.x = 5\n# was \x0c*.*.x = 6\n# or \u2028*.*.x = 7", 5.0, 5.0),  # and none of these
    ],
)
def test_thresholds_of_an_audit_config(tmp_path: Path, text: str, comments: float | None, plain: float | None) -> None:
    path = tmp_path / "audit.config"
    path.write_text(text, "utf-8", newline="")
    assert audit_config.number(path, "x", comments=True) == comments
    assert audit_config.number(path, "x", comments=False) == plain
