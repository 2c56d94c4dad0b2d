"""What all adapters share: messages of errors, bodies of requests."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeding import JSON
from auditcube import adapters
from auditcube.adapters.contract import DecodeError, error_message, loads, merged, shortened, to_json, unsendable
from auditcube.adapters.variants import read_variant
from auditcube.dataset import Sample
from auditcube.errors import InvalidInput


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "too long", "type": "x"}}', "too long"),
        (b'{"error": "busy"}', "busy"),
        (b'{"message": "no such model"}', "no such model"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"error": true, "message": "of the second member"}', "of the second member"),
        (b'{"detail": [{"loc": ["body", "prompt"], "msg": "Field required", "input": {}}]}', "Field required"),
        (b'{"error": {"message": ""}, "detail": null}', '{"error": {"message": ""}, "detail": null}'),
        (b'{"error": {"code": 5}}', '{"error": {"code": 5}}'),
        (b'"a string"', "a string"),
        (b"[]", "[]"),
        (b"null", "null"),
        (b"Internal Server Error", "Internal Server Error"),
        (b" two\r\n lines\t", "two lines"),
        (b"<html><head><title>t</title></head><body><h1>502</h1>\n<p>Bad Gateway</p></body>", "502 Bad Gateway"),
        (b"<!DOCTYPE html><STYLE>p {}</STYLE><script>x()</script>gone", "gone"),
        (b"", ""),
        (b"  \n", ""),
        (b"\x00\xff\x1b[2J", "���[2J"),  # no control sequence reaches a terminal
        ("\u202eevil".encode(), "�evil"),
        ('{"error": "änderung ☃"}'.encode(), "änderung ☃"),
    ],
)
def test_an_error_is_told_in_one_printable_line(body: bytes, message: str) -> None:
    assert error_message(body) == message


@pytest.mark.parametrize("depth", [5, 300, 900, 5000])
@pytest.mark.parametrize("wrapped", [b'{"error":%b}', b"[%b]", b'{"error":[%b]}'])
def test_depth_is_no_way_to_break_us(depth: int, wrapped: bytes) -> None:
    before, after = wrapped.split(b"%b")
    body = before * depth + b'"deep"' + after * depth
    assert error_message(body).isprintable()
    with pytest.raises(DecodeError):
        loads(body)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_has_a_message(body: bytes) -> None:
    assert error_message(body).isprintable()


def test_a_body_too_long_to_show_loses_the_word_at_its_cut() -> None:
    body = b"x" * 8000 + b" " + b"k" * 500
    assert error_message(body) == "x" * 8000


@pytest.mark.parametrize(("text", "short"), [("abcd", "abcd"), ("abcde", "abc…"), ("", "")])
def test_shortened(text: str, short: str) -> None:
    assert shortened(text, 4) == short


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>hello</html>", "hello"),
        (b'{"a": 1} trailing', "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b"\xff", "not JSON"),
        (b"[1]", "a JSON object is wanted"),
        (b'{"error": {"message": "overloaded"}}', "reported an error: overloaded"),
        (b'{"object": "error", "message": "older vLLM", "code": 400}', "reported an error: older vLLM"),
    ],
)
def test_what_is_no_good_object(body: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        loads(body)


def test_no_error_is_none() -> None:
    assert loads(b'{"error": null, "a": 1}') == {"error": None, "a": 1}


def test_only_what_was_set_is_sent() -> None:
    sample = Sample(0, {"prompt": "p", "seed": 7})
    parameters = {"seed": 42, "fps": 16, "size": None}
    assert merged(sample, None, parameters) == {"prompt": "p", "seed": 7, "fps": 16}
    assert merged(sample, "m", {}) == {"model": "m", "prompt": "p", "seed": 7}


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({50256: -100}, {"50256": -100}),  # logit_bias as YAML reads it
        (2**70, 2**70),
        ("half of \ud83d", "half of \ud83d"),
        ({1: "\ud83d"}, {"1": "\ud83d"}),
        ("☃", "☃"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_whatever_a_file_can_hold_goes_out(value: Any, sent: Any) -> None:
    assert json.loads(to_json({"a": value})) == {"a": sent}
    assert unsendable({"a": value}) is None


@pytest.mark.parametrize("api", adapters.names())
def test_what_has_no_spelling_in_json_is_refused_before_anything_is_sent(api: str) -> None:
    problem = adapters.get(api).check_parameters({"seed": 1, "negative_prompt": b"\x00"})
    assert problem is not None
    assert problem.startswith("negative_prompt: ")


def test_the_apis() -> None:
    assert adapters.names() == ["openai_chat", "openai_completions", "predict", "videogen"]
    with pytest.raises(InvalidInput, match="use one of openai_chat, openai_completions, predict, videogen"):
        adapters.get("contract")


@pytest.mark.parametrize("api", sorted({*adapters.names()} - {"predict"}))
def test_a_salted_sample_is_another_of_the_same_row(api: str) -> None:
    adapter = adapters.get(api)
    sample = Sample(5, {"prompt": "a boat", "seed": 1})
    first, again, second = (adapter.salted(sample, salt) for salt in ("0123456789ab", "0123456789ab", "ba9876543210"))
    assert first == again != second
    assert first.index == 5
    assert first.fields == {"prompt": "0123456789ab a boat", "seed": 1}
    assert sample.fields["prompt"] == "a boat"


@pytest.mark.parametrize("api", [api for api in adapters.names() if adapters.get(api).varies])
@pytest.mark.parametrize(
    ("variant", "fields"),
    [
        ("new:0123456789ab", {"prompt": "01234567 a", "seed": 1}),
        ("tail:000000000001", {"prompt": "a boat 000000000001", "seed": 1}),
        ("spaces:000000000001", {"prompt": "a  boat", "seed": 1}),
        ("case:000000000001", {"prompt": "a Boat", "seed": 1}),
        ("case:000000000005", {"prompt": "A boat", "seed": 1}),
        ("seed:0000800000ff", {"prompt": "a boat", "seed": 0xFF}),
    ],
)
def test_a_near_duplicate_differs_in_one_thing(api: str, variant: str, fields: dict[str, Any]) -> None:
    sample = Sample(5, {"prompt": "a boat", "seed": 1})
    assert adapters.get(api).salted(sample, variant) == Sample(5, fields)


@pytest.mark.parametrize("kind", ["new", "tail", "spaces", "case"])
@pytest.mark.parametrize("text", ["", "word", "12 34", "  ", "ß", "ein Wort"])
def test_any_text_can_be_changed(kind: str, text: str) -> None:
    changed = read_variant(f"{kind}:0123456789ab").of_text(text)
    assert changed != text
    assert kind in ("new", "tail") or len(changed) <= len(text) + 13
