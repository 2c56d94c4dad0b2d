"""Files and trees: what is read how, what is skipped and told, and where a finding is said to be."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import InvalidInput
from auditcube.evidence.events import Status, to_lines
from auditcube.scan import files
from auditcube.scan.files import Leak, look_through
from builders import event
from scan import corpus

TOKEN = corpus.SECRETS["github token"](corpus.Chance(1))


def leaks(path: Path) -> list[Leak]:
    return look_through([path]).leaks


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_line_is_told_and_not_the_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.log", f"one\ntwo {TOKEN}\n")
    assert leaks(path) == [Leak("github-token", str(path), 2, None, len(TOKEN))]
    assert TOKEN not in str(leaks(path)[0]) + json.dumps(leaks(path)[0].to_json())


def test_a_member_is_told_by_its_pointer(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", json.dumps({"a": [1, {"b/c": f"x {TOKEN}"}]}))
    assert leaks(path) == [Leak("github-token", str(path), None, "/a/1/b~1c", len(TOKEN))]


def test_a_member_whose_name_is_the_finding_is_not_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", json.dumps({"a": {TOKEN: {"home": "/home/erika7/x"}}}))
    assert {leak.pointer for leak in leaks(path)} == {"/a/[github-token]", "/a/[github-token]/home"}


def test_a_member_that_stands_twice_is_seen_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", f'{{"a": "{TOKEN}", "a": "nothing"}}')
    assert [leak.pointer for leak in leaks(path)] == ["/a"]


@pytest.mark.parametrize("content", ["{", '{"a": 1} trailing', "[" * 100_000])
def test_what_only_calls_itself_json_is_read_as_text(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "a.json", f"{content}\n{TOKEN}\n")
    assert [leak.line for leak in leaks(path)] == [2]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_text_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.txt", f"schön\n{TOKEN}\n".encode(encoding))
    assert [(leak.line, leak.rule) for leak in leaks(path)] == [(2, "github-token")]


@pytest.mark.parametrize("content", [b"PNG\0" + TOKEN.encode(), bytes(range(1, 32)) * 40 + b"text"])
def test_what_is_no_text_is_skipped_and_told(tmp_path: Path, content: bytes) -> None:
    looked = look_through([write(tmp_path / "a.png", content)])
    assert (looked.files, looked.leaks) == (0, [])
    assert looked.skipped == [(str(tmp_path / "a.png"), "is not text")]


def test_a_large_file_that_goes_on_as_no_text_is_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", b"text\n" * files.BLOCK + b"\0")
    assert look_through([path]).skipped == [(str(path), "is not text")]


def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    write(tmp_path / "tree/a.txt", TOKEN)
    (tmp_path / "tree/link").symlink_to("a.txt")
    (tmp_path / "tree/folder").symlink_to("/")
    os.mkfifo(tmp_path / "tree/pipe")
    looked = look_through([tmp_path / "tree"])
    assert (looked.files, len(looked.leaks)) == (1, 1)
    assert {Path(path).name: why for path, why in looked.skipped} == dict.fromkeys(
        ("link", "folder", "pipe"), "is no regular file"
    )


def test_a_large_file_is_read_in_pieces_with_its_lines(tmp_path: Path) -> None:
    line = "x" * 99 + "\n"
    many = 3 * files.BLOCK // len(line)
    path = write(tmp_path / "a.log", line * many + TOKEN + "\n" + line * many + TOKEN)
    assert [leak.line for leak in leaks(path)] == [many + 1, 2 * many + 2]
    assert look_through([path]).bytes == path.stat().st_size


@pytest.mark.parametrize("shift", range(-60, 60, 7))
def test_nothing_is_lost_where_a_long_line_is_cut(tmp_path: Path, shift: int) -> None:
    path = write(tmp_path / "a.txt", "x " * (files.BLOCK + shift // 2) + " " * (shift % 2) + TOKEN + " x" * files.BLOCK)
    assert {(leak.line, leak.rule) for leak in leaks(path)} == {(1, "github-token")}


def test_what_is_not_there_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        look_through([tmp_path / "nothing"])


def test_json_lines_are_read_without_their_escapes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "{}\n" + json.dumps({"text": f"one\n{TOKEN}"}) + "\n")
    assert [(leak.line, leak.rule) for leak in leaks(path)] == [(2, "github-token")]


def test_events_of_numbers_alone_are_passed_over_and_no_others(tmp_path: Path) -> None:
    streamed: dict[str, Any] = {
        "http_status": 200,
        "first_ns": 6,
        "last_ns": 7,
        "chunks": 3,
        "tokens_in": 8,
        "tokens_out": 9,
    }
    plain = to_lines([event(1, bytes_in=4096, **streamed)])
    told = to_lines([event(2, status=Status.HTTP_ERROR, error=f"said {TOKEN}")])
    path = write(tmp_path / "events.jsonl", plain * 3 + told + plain.replace(b"}", f',"x":"{TOKEN}"}}'.encode()))
    assert files._NUMBERS.sub(b"", plain) == b"\n"
    assert [(leak.line, leak.rule) for leak in leaks(path)] == [(4, "github-token"), (5, "github-token")]


CARD = b"4111111111111111"
HIDDEN = {
    "in a name": lambda line: line.replace(b"due_ns", b"due_%b_ns" % CARD),
    "behind a word": lambda line: line.replace(b'"ok"', b'"ok"%b' % CARD),
    "in a status": lambda line: line.replace(b"ok", b"o%bk" % CARD),
    "before a line": lambda line: CARD + line,
    "too many digits": lambda line: line.replace(b":0,", b":62123456789012348%b," % CARD[:2]),
    "another member": lambda line: line.replace(b"}", b',"x":%b}' % CARD),
    "no end of a line": lambda line: line[:-1],
}


@pytest.mark.parametrize("change", HIDDEN.values(), ids=HIDDEN)
def test_what_is_no_event_is_left_in(change: Callable[[bytes], bytes]) -> None:
    plain = to_lines([event(1, bytes_in=4096, http_status=200), event(2, status=Status.TIMEOUT)])
    assert files._eventless(plain) == b"\n\n"
    text = plain + change(to_lines([event(3)]))
    assert files._eventless(text) == files._NUMBERS.sub(b"", text)
    assert (files._eventless(text) == b"\n\n") == (change is HIDDEN["no end of a line"])
