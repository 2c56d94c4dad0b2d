"""Texts of others: what would hide or reorder its neighbours is shown, and nothing else is changed."""

from __future__ import annotations

from typing import Any

import pytest
from markupsafe import Markup

from auditcube.report.text import plain, shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 中文, שלום, é, 🎬", "plain, 中文, שלום, é, 🎬"),
        ("a\tb\nc", "a\tb\nc"),
        ("FA\u202eSSAP", "FA⟨U+202E⟩SSAP"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("\x00\x1b[31m\x7f\x85", "⟨U+0000⟩⟨U+001B⟩[31m⟨U+007F⟩⟨U+0085⟩"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("line\u2028end\r", "line⟨U+2028⟩end⟨U+000D⟩"),
        ("lone \ud800", "lone ⟨U+D800⟩"),
        (42, "42"),
    ],
)
def test_unseen_characters_are_shown(text: object, shown: str) -> None:
    assert visible(text) == shown


def test_markup_of_ours_is_left_alone() -> None:
    ours = Markup("<b>\u200b</b>")
    assert visible(ours) is ours


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [("abc", 3, "abc"), ("abcd", 3, "abc… (4 characters)"), ("x" * 4000, 2, "xx… (4,000 characters)"), (5, 3, "5")],
)
def test_long_texts_say_how_long_they_are(text: object, limit: int, short: str) -> None:
    assert shortened(text, limit) == short


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (True, "yes"),
        (False, "no"),
        (3, "3"),
        ("a", "a"),
        ([1, "é"], '[1, "é"]'),
        ({"a": None}, '{"a": null}'),
    ],
)
def test_any_json_value_has_words(value: Any, words: str) -> None:
    assert plain(value) == words
