"""The engine tries a pattern exactly where it could match: nothing is lost, wherever in a text it stands."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.scan import pack
from auditcube.scan.engine import Engine
from auditcube.scan.look import _lines_of, leaves, parse, text_of_json
from auditcube.scan.rule import Rule
from scan import corpus


def rule(id: str, pattern: str, **more: Any) -> Rule:
    return Rule(id, id, "secret", pattern, **more)


def found(text: str, *rules: Rule) -> list[tuple[str, str]]:
    data = text.encode()
    return [(span.rule.id, data[span.start : span.end].decode()) for span in Engine(rules).spans(data)]


ANCHORED = [
    ("one byte", rule("r", r"@x+", anchors=("@",), bounded=False), "a@xx b", "@xx"),
    ("two bytes", rule("r", r"q~x+", anchors=("q~",)), "Q q~xx", "q~xx"),
    ("three bytes", rule("r", r"hf_x+", anchors=("hf_",)), "hf_xx", "hf_xx"),
    ("many bytes", rule("r", r"github_x+", anchors=("github_",)), "githab_x github_xx", "github_xx"),
    ("upper case", rule("r", r"AKIA\d+", anchors=("akia",)), "akia1 AKIA12", "AKIA12"),
    ("the value alone", rule("r", r"key=(?P<v>x+)", anchors=("key=",)), "key=xxx", "xxx"),
    ("the other value", rule("r", r"a=(?P<v>x+)|b=(?P<w>y+)", anchors=("a=", "b=")), "b=yy", "yy"),
    ("before the anchor", rule("r", r"\w+@\w+", anchors=("@",), reach=9, bounded=False), "to bob@here", "bob@here"),
    (
        "a lead",
        rule("r", r"[a-z]+@\w+", anchors=("@",), reach=9, lead="abo", bounded=False),
        "to bob@here",
        "bob@here",
    ),
    ("the end of the text", rule("r", r"ab", anchors=("ab",)), "x ab", "ab"),
    ("groups of digits", rule("r", r"\d{3}-\d{2}", shape="groups", groups=((3, 2),)), "1234-56 123-45", "123-45"),
    ("a group at the end", rule("r", r"\d{4}", shape="groups", groups=((4,),)), "12 1234", "1234"),
    ("capitals, then a digit", rule("r", r"[A-Z]{2}\d", shape="letters", groups=((2,),)), "ABC1 AB1", "AB1"),
    ("so many digits", rule("r", r"[A-Z]-?\d\d", shape="letters", groups=((1, 2),)), "A123 A-12 x", "A-12"),
    ("letters without digits", rule("r", r"[A-Z]\d|x", anchors=("x",), shape="letters", groups=((1,),)), "A B x", "x"),
    ("dotted", rule("r", r"(?:\d+\.){3}\d+", shape="dotted"), "1.2.3 10.2.3.4", "10.2.3.4"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "text", "value"), [case[1:] for case in ANCHORED], ids=[case[0] for case in ANCHORED])
def test_a_match_is_found(one: Rule, text: str, value: str) -> None:
    assert found(text, one) == [("r", value)]


@pytest.mark.parametrize("text", ["", "x", "xhf_x", "hf", "hf_", "HF-x"])
def test_no_match_is_found(text: str) -> None:
    assert found(text, rule("r", r"hf_x+", anchors=("hf_",))) == []


def test_a_letter_before_the_anchor_may_be_allowed() -> None:
    assert found("DB_Password: x", rule("r", "(?i)word: x", anchors=("word",), bounded=False)) == [("r", "word: x")]


def test_a_check_has_the_last_word() -> None:
    checked = rule("r", r"n\d+", anchors=("n",), check=lambda match: match[0] == b"n7")
    assert found("n1 n7 n8", checked) == [("r", "n7")]


def test_of_two_that_overlap_the_longer_stays() -> None:
    rules = (rule("short", r"ab", anchors=("ab",)), rule("long", r"abcd", anchors=("abc",)))
    assert found("abcd ab", *rules) == [("long", "abcd"), ("short", "ab")]


@given(st.text(alphabet="hf_xX \n@-1", max_size=60))
def test_the_engine_finds_what_the_pattern_alone_does(text: str) -> None:
    """Without overlaps of several rules, the same as a search through the whole text."""
    one = rule("r", r"(?<![A-Za-z0-9])hf_x+", anchors=("hf_",))
    assert [value for _, value in found(text, one)] == re.findall(one.pattern, text)


@pytest.mark.parametrize("before", ["", "\n", "a line\n", "é ", "=" * 5000 + " "])
@pytest.mark.parametrize("after", ["", "\n", " more", "\n\n" + "x" * 5000])
def test_where_it_stands_makes_no_difference(before: str, after: str) -> None:
    engine = Engine(pack.RULES)
    text = corpus.SECRETS["github token"](corpus.Chance(1))
    (span,) = engine.spans(f"{before}{text}{after}".encode())
    assert (span.start, span.end - span.start) == (len(before.encode()), len(text))


def test_a_line_behind_it_makes_no_difference_for_any_kind() -> None:
    """What a line holds is found whether or not another follows, also where the pattern wants the end of the text."""
    engine = Engine(pack.RULES)
    texts = [sample.text for sample in corpus.samples(corpus.SECRETS | corpus.PRIVATE, 5, 3)] + ["user: erika7"]
    for text in texts:
        alone = [(span.rule.id, span.start, span.end) for span in engine.spans(text.encode())]
        followed = [(span.rule.id, span.start, span.end) for span in engine.spans(f"{text}\nmore".encode())]
        assert followed == alone, text


@pytest.mark.parametrize("text", ["X1234567L", "X-1234567-L", "Y1234567X", "Z-1234567R"])
def test_a_dash_behind_the_first_letter_hides_no_number(text: str) -> None:
    """NIE of Spain, written either way; the letter follows from the number."""
    assert [span.rule.id for span in Engine(pack.RULES).spans(text.encode())] == ["spanish-nie"]


def test_every_rule_can_be_reached_and_named() -> None:
    ids = [each.id for each in pack.RULES]
    assert len(set(ids)) == len(ids)
    for each in pack.RULES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each.id), each.id
        assert each.about, each.id
        assert (each.shape == "anchor") == bool(each.anchors), each.id
        assert all(anchor == anchor.lower() for anchor in each.anchors), each.id
        assert (each.shape in ("groups", "letters")) == bool(each.groups), each.id


def test_the_digest_is_that_of_the_rules() -> None:
    assert pack.digest() == pack.digest()
    assert re.fullmatch("[0-9a-f]{64}", pack.digest())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_the_text_of_a_value_is_that_of_its_leaves(value: Any) -> None:
    assert text_of_json(value) == _lines_of(leaves(value))[0]
    pairs = parse(json.dumps(value))
    assert text_of_json(pairs) == _lines_of(leaves(pairs))[0]
