"""The scorers: their settings, and what each makes of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from auditcube.audits.scorers import Scorer, choice, edits, lacking, number, score
from auditcube.evidence.answers import KeptAnswer


def answers(*pairs: tuple[Any, Any]) -> list[KeptAnswer]:
    """Answers with these texts to rows of which this is expected."""
    return [
        KeptAnswer(n, n, b"", output={} if text is None else {"text": text}, expected={"answer": wanted})
        for n, (text, wanted) in enumerate(pairs)
    ]


def percent(kind: str, *pairs: tuple[Any, Any], **settings: Any) -> float | None:
    return score(Scorer.model_validate({"kind": kind, **settings}), answers(*pairs)).value


@pytest.mark.parametrize(
    ("text", "wanted", "same"),
    [
        ("Paris", "Paris", True),
        ("  Paris \n", "Paris", True),
        ("New  York", "New York", True),
        ("paris", "Paris", False),
        ("e\u0301", "é", True),  # one character, spelt in two ways
        ("", "", True),
        ("", "x", False),
        (None, "x", False),
        ("42", 42, True),
    ],
)
def test_exact_match(text: Any, wanted: Any, same: bool) -> None:
    assert percent("exact_match", (text, wanted)) == (100.0 if same else 0.0)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("B.", "B"),
        ("The answer is C", "C"),
        ("the answer is: (C).", "C"),
        ("**Answer: D**", "D"),
        ("Answer: A. No, wait. Answer: B", "B"),
        ("A is wrong, and so is C; the answer is B", "B"),
        ("My final choice is **E**", "E"),
        ("B or C", None),
        ("A dog, I think", "A"),
        ("I'd say B", "B"),
        ("I think it is B", "B"),
        ("I", "I"),
        ("Because", None),
        ("", None),
        ("the answer is Delta", None),
        ("b", None),
    ],
)
def test_the_letter_that_an_answer_chooses(text: str, letter: str | None) -> None:
    assert choice(text) == letter
    assert percent("multiple_choice", (text, " b ")) == (100.0 if letter == "B" else 0.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", "42"),
        ("It is 1,234,567.50 dollars", "1234567.50"),
        ("first 3, then 4", "4"),
        ("-7", "-7"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("0.1", "0.1"),
        ("no number", None),
        ("1e999999999999999999999", None),
    ],
)
def test_the_last_number_of_an_answer(text: str, value: str | None) -> None:
    assert number(text) == (None if value is None else number(value))
    assert (number(text) is None) == (value is None)


@pytest.mark.parametrize(
    ("text", "wanted", "same"),
    [("so 18 eggs", 18, True), ("18.0", 18, True), ("18.0000001", 18, False), ("0.3", 0.3, True), ("x", "x", False)],
)
def test_numbers(text: str, wanted: Any, same: bool) -> None:
    assert percent("numeric", (text, wanted)) == (100.0 if same else 0.0)


def test_an_answer_is_extracted_from_its_text() -> None:
    pattern = r"\\boxed\{([^}]*)\}"
    assert percent("exact_match", (r"\boxed{1} no: \boxed{2}", "2"), extract=pattern) == 100.0
    assert percent("exact_match", ("2", "2"), extract=pattern) == 0.0, "nothing found is wrong"


@pytest.mark.parametrize(
    ("text", "wanted", "rate"),
    [
        ("the cat sat", "the cat sat", 0.0),
        ("The cat, sat!", "the cat sat", 0.0),
        ("the cat", "the cat sat", 100 / 3),
        ("the dog sat down", "the cat sat", 200 / 3),
        ("", "the cat sat", 100.0),
        ("a b c d e f", "x y", 300.0),
        ("it's", "its", 100.0),
    ],
)
def test_word_error_rate(text: str, wanted: str, rate: float) -> None:
    assert percent("word_error_rate", (text, wanted)) == pytest.approx(rate)


def test_word_errors_are_counted_over_all_words_and_not_averaged() -> None:
    assert percent("word_error_rate", ("a", "b"), ("a b c d e f g h i", "a b c d e f g h i")) == 10.0


def table(one: Sequence[str], other: Sequence[str]) -> int:
    """The same by the plain table."""
    row: list[int] = [*range(len(other) + 1)]
    for n, word in enumerate(one, 1):
        above = row
        row = [n]
        for m, told in enumerate(other, 1):
            row.append(min(above[m] + 1, row[m - 1] + 1, above[m - 1] + (word != told)))
    return row[-1]


WORDS = st.lists(st.sampled_from("abc"), max_size=12)


@given(WORDS, WORDS)
def test_edits_are_those_of_the_plain_table(one: list[str], other: list[str]) -> None:
    assert edits(one, other) == table(one, other)


def test_edits_of_texts_longer_than_a_machine_word() -> None:
    one, other = list("abcdefghij" * 20), list("bcdefghijk" * 20)
    assert edits(one, other) == table(one, other)


def test_rouge() -> None:
    assert lacking(Scorer(kind="rouge")) is None, "the tests' environment has it"
    assert percent("rouge", ("the cat sat", "the cat sat")) == pytest.approx(100.0)
    assert percent("rouge", ("the cat", "the cat sat"), metric="rouge1") == pytest.approx(80.0)
    assert percent("rouge", ("sat cat the", "the cat sat"), metric="rougeL") == pytest.approx(100 / 3)
    assert percent("rouge", ("x", "y")) == 0.0


def test_the_mean_of_several_answers() -> None:
    assert percent("exact_match", ("a", "a"), ("b", "x"), ("c", "c"), ("d", "d")) == 75.0


@pytest.mark.parametrize(
    ("kept", "problem"),
    [
        ([], "no answer was kept"),
        ([KeptAnswer(0, 0, b"", output={"text": "a"})], "1 answers are to rows without the column 'answer'"),
        ([*answers(("a", "a")), KeptAnswer(1, 1, b"")], "1 answers are to rows without the column 'answer'"),
    ],
)
def test_where_there_is_no_score(kept: list[KeptAnswer], problem: str) -> None:
    found = score(Scorer(), kept)
    assert (found.value, found.problem, found.answers) == (None, problem, len(kept))


def test_no_words_wanted_is_no_score() -> None:
    assert score(Scorer(kind="word_error_rate"), answers(("a", "..."))).value is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "external"}, "command is missing"),
        ({"kind": "external", "command": ["x\0"], "member": "/a"}, "command is missing"),
        ({"kind": "external", "command": ["x"]}, "one of member and pattern"),
        ({"kind": "external", "command": ["x"], "member": "/a", "pattern": "(a)"}, "one of member and pattern"),
        ({"kind": "external", "command": ["x"], "member": "a"}, "a JSON pointer"),
        ({"kind": "external", "command": ["x"], "pattern": "a"}, "one group"),
        ({"kind": "external", "command": ["x"], "pattern": "(a)(b)"}, "one group"),
        ({"kind": "external", "command": ["x"], "pattern": "("}, "no regular expression"),
        ({"kind": "external", "command": ["x"], "member": "/a", "result": "../a"}, "below"),
        ({"kind": "external", "command": ["x"], "member": "/a", "result": "/a"}, "below"),
        ({"kind": "external", "command": "rm -rf x", "member": "/a"}, "tuple"),
        ({"command": ["x"]}, "command is for kind: external"),
        ({"pattern": "(x)"}, "pattern is for kind: external"),
        ({"lower_is_better": True}, "is for kind: external"),
        ({"extract": "x"}, "one group"),
        ({"kind": "magic"}, "Input should be"),
        ({"weight": 1}, "not permitted"),
        ({"kind": "external", "command": ["x"], "member": "/a", "timeout_s": 0.0}, "greater than 0"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Scorer.model_validate(settings)


def test_which_scores_are_better() -> None:
    assert Scorer().ascending
    assert not Scorer(kind="word_error_rate").ascending
    command: dict[str, Any] = {"kind": "external", "command": ["x"], "member": "/fid"}
    assert Scorer(**command).ascending
    assert not Scorer(**command, lower_is_better=True).ascending
