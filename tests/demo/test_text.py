"""The token generator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditcube.demo.text import TextJob, tokenize

JOB = TextJob("tell me of the sea", seed=1, max_tokens=10_000)
NATURAL = len(JOB.render().tokens)


def test_the_same_prompt_and_seed_give_the_same_answer_and_another_seed_another() -> None:
    assert JOB.render() == JOB.render()
    assert replace(JOB, seed=2).render().text != JOB.render().text
    assert replace(JOB, prompt="tell me of the sky").render().text != JOB.render().text


@pytest.mark.parametrize(
    ("max_tokens", "at_least", "count", "reason"),
    [
        (1, 0, 1, "length"),
        (NATURAL - 1, 0, NATURAL - 1, "length"),
        (NATURAL, 0, NATURAL, "stop"),
        (NATURAL + 1, 0, NATURAL, "stop"),
        (NATURAL + 9, NATURAL + 5, NATURAL + 5, "stop"),
        (NATURAL + 9, NATURAL + 10, NATURAL + 9, "length"),
    ],
)
def test_an_answer_ends_by_itself_or_at_the_limit(max_tokens: int, at_least: int, count: int, reason: str) -> None:
    job = replace(JOB, max_tokens=max_tokens, at_least=at_least)
    text = job.render()
    assert (len(text.tokens), text.finish_reason) == (count, reason)
    assert job.cost_s(1.0, 0.5) == 1.0 + 0.5 * count


def test_a_lower_limit_gives_a_prefix() -> None:
    assert JOB.render().text.startswith(replace(JOB, max_tokens=7).render().text)


def test_usage_counts_words_and_tokens() -> None:
    usage = replace(JOB, max_tokens=7).render().usage
    assert usage == {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    assert replace(JOB, prompt_token_ids=(1, 2, 3)).render().usage["prompt_tokens"] == 3


def test_equal_words_have_equal_tokens() -> None:
    first, second, third = tokenize("fox dog fox")
    assert first == third != second


def test_a_share_leaves_the_rest_away_and_calls_it_the_end() -> None:
    text = replace(JOB, max_tokens=20, share=0.5).render()
    assert (len(text.tokens), text.finish_reason) == (10, "stop")
