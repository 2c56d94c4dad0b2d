"""Whatever is found is replaced, whatever is not stays, and the result is clean and still what it was: JSON, lines."""

from __future__ import annotations

import base64
import json

import pytest

from auditcube.scan.files import look_at_document, look_at_lines
from auditcube.scan.withhold import Item, withhold
from scan import corpus

TOKEN = corpus.SECRETS["github token"](corpus.Chance(2))
KEY = corpus.SECRETS["rsa key"](corpus.Chance(2))


def clean(data: bytes, name: str) -> bool:
    found = look_at_document(data, name)
    return not (look_at_lines(data, name) if found is None else found)


def test_a_span_of_a_line() -> None:
    done, items = withhold(f"one\nuse {TOKEN} now\n".encode(), "a.txt")
    assert done == b"one\nuse [withheld:github-token] now\n"
    assert items == [Item("github-token", TOKEN, 2)]


def test_a_member_keeps_its_document() -> None:
    done, items = withhold(json.dumps({"a": [TOKEN, 5], "ä": None}).encode(), "a.json")
    assert json.loads(done) == {"a": ["[withheld:github-token]", 5], "ä": None}
    assert items == [Item("github-token", TOKEN, None, "/a/0")]


def test_a_number_becomes_a_mark() -> None:
    done, items = withhold(b'{"card": 4111111111111111}', "a.json")
    assert json.loads(done) == {"card": "[withheld:card-number]"}
    assert items[0].value == "4111111111111111"


def test_a_name_of_a_member() -> None:
    done, _ = withhold(json.dumps({TOKEN: 1}).encode(), "a.json")
    assert json.loads(done) == {"[withheld:github-token]": 1}


def test_a_line_of_json_lines() -> None:
    text = json.dumps({"n": 1}) + "\n" + json.dumps({"text": f'"one"\n{TOKEN}'}) + "\n"
    done, items = withhold(text.encode(), "a.jsonl")
    first, second = done.decode().splitlines()
    assert (first, json.loads(second)) == ('{"n": 1}', {"text": '"one"\n[withheld:github-token]'})
    assert items == [Item("github-token", TOKEN, 2, "/text")]


def test_a_block_of_lines() -> None:
    done, items = withhold(f"a\n{KEY}\nb\n".encode(), "a.pem")
    assert b"PRIVATE" not in done
    assert done.startswith(b"a\n")
    assert done.endswith(b"\nb\n")
    assert items


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.jsonl", "a.yaml"])
def test_what_shows_only_once_decoded_goes_as_a_whole(name: str) -> None:
    hidden = base64.b64encode(f"key {TOKEN}".encode()).decode()
    text = json.dumps({"a": hidden, "b": 1}) if name.startswith("a.json") else f"a: {hidden}"
    done, items = withhold(text.encode(), name)
    assert hidden.encode() not in done
    assert [item.rule for item in items] == ["github-token"]
    assert clean(done, name)


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.jsonl"])
@pytest.mark.parametrize("kinds", [corpus.SECRETS, corpus.PRIVATE], ids=["secrets", "private data"])
def test_nothing_is_left_of_any_kind(kinds: dict[str, corpus.Maker], name: str) -> None:
    left = []
    for sample in corpus.samples(kinds, 3, 11):
        text = sample.text if name == "a.txt" else json.dumps({"text": sample.text, "more": ["x"]})
        done, items = withhold(text.encode(), name)
        if not clean(done, name) or not items:
            left.append(sample.kind)
    assert left == []


@pytest.mark.parametrize("name", ["a.txt", "a.json", "a.jsonl"])
def test_what_is_harmless_stays_byte_by_byte(name: str) -> None:
    for sample in corpus.samples(corpus.HARMLESS, 3, 11):
        data = (sample.text if name == "a.txt" else json.dumps({"text": sample.text})).encode()
        assert withhold(data, name) == (data, [])
