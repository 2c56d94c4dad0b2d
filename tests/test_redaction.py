"""Secrets are taken out of every text, in the spellings in which an echo may hold them."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auditcube.redaction import MARK, Scrubber

KEY = 'sk-5"<~/+\\x=='  # a key is printable ASCII without blanks: nothing else is accepted as one


@pytest.mark.parametrize(
    "echo",
    [
        KEY,
        f"Bearer {KEY}.",
        json.dumps({"authorization": KEY}),
        json.dumps({"authorization": KEY}).replace("/", "\\/"),
        quote(KEY, safe=""),
        quote(KEY),
        urlencode({"key": KEY}),
        f"<p>{html.escape(KEY)}</p>",
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(KEY.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
        KEY * 3,
    ],
)
def test_a_secret_is_found_in_every_spelling(echo: str) -> None:
    found = Scrubber([KEY])(f"HTTP 401: {echo} is not valid")
    assert MARK in found
    assert found.startswith("HTTP 401: ")
    assert found.endswith(" is not valid")
    for part in ("sk-5", "x==", base64.b64encode(KEY.encode()).decode()[:8]):
        assert part not in found


@given(st.text(min_size=1), st.text(), st.text())
def test_no_secret_is_left_in_any_text(secret: str, before: str, after: str) -> None:
    assume(secret not in MARK)
    found = Scrubber([secret])(before + secret + after)
    # Around a mark the rest may, by chance, spell the secret anew with a part of the mark.
    assert all(secret not in part for part in found.split(MARK))


@given(st.text())
def test_a_text_without_the_secret_stays_as_it_is(text: str) -> None:
    secret = "sk-a-secret-that-hypothesis-does-not-think-of"
    assert Scrubber([secret])(text) == text
    assert Scrubber([])(text) == text
    assert Scrubber([""])(text) == text


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert Scrubber(["abc", "abcdef"])("x abcdef abc y") == f"x {MARK} {MARK} y"
    assert Scrubber(["abcdef", "abc"])("x abcdef abc y") == f"x {MARK} {MARK} y"


def test_every_text_of_a_json_value_keys_included() -> None:
    value = {"a": ["key", {"key": "my key"}, 5, None, True, 1.5], "key": {"b": []}}
    assert Scrubber(["key"]).json(value) == {
        "a": [MARK, {MARK: f"my {MARK}"}, 5, None, True, 1.5],
        MARK: {"b": []},
    }
