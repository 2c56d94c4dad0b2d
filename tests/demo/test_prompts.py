"""The built-in data set."""

from __future__ import annotations

import re

from auditcube.demo.prompt_parts import FAMILIES
from auditcube.demo.prompts import prompts


def test_there_are_256_prompts_of_really_varied_length_and_no_two_alike() -> None:
    texts = [row["prompt"] for row in prompts()]
    lengths = sorted(len(text.split()) for text in texts)
    assert len(texts) == len(set(texts)) == 256
    assert 4 <= lengths[0] <= 5
    assert 80 <= lengths[-1] <= 92
    assert lengths[64] <= 15
    assert lengths[192] > 40


def test_a_row_is_a_prompt_and_nothing_else_and_always_the_same() -> None:
    assert all(list(row) == ["prompt"] for row in prompts())
    assert prompts() == prompts()


def test_prompts_are_clean_english_lines() -> None:
    for row in prompts():
        assert re.fullmatch(r"[A-Z][A-Za-z0-9 ,.\-]+", row["prompt"]), row
        assert "  " not in row["prompt"]
        assert ".." not in row["prompt"]


def test_every_family_has_parts_that_combine() -> None:
    for family in FAMILIES:
        assert [len(parts.split("|")) for parts in (family.subjects, family.actions, family.places)] == [8, 8, 8]
        assert len(set(family.details.split("|"))) == 6
