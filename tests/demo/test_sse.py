"""The framing of streams, in every style."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from auditcube.demo.answers import Envelope
from auditcube.demo.calls import Call
from auditcube.demo.sse import Stream, Style, style_of
from auditcube.demo.text import TextJob

JOB = TextJob("hello you", seed=0, max_tokens=3)
TEXT = JOB.render()
ENVELOPE = Envelope("id-1", 7, "m")


def stream(style: str, kind: Literal["chat", "completion"] = "chat", **body: object) -> bytes:
    events = Stream(Call(kind, "hello you", body, JOB, "key", True), ENVELOPE, style_of(style))
    return events.opening() + events.advance(TEXT, 1) + events.advance(TEXT, 1) + events.closing(TEXT)


def chunks(data: bytes) -> list[Any]:
    lines = [line for line in data.decode().split("\n\n") if line]
    return [json.loads(line.removeprefix("data: ")) for line in lines if line != "data: [DONE]"]


@pytest.mark.parametrize(
    ("text", "style"),
    [
        ("", Style()),
        ("no_done", Style(done=False)),
        ("no_done,done", Style()),
        ("usage_last,crlf", Style(usage="last", crlf=True)),
        ("comments,usage_never", Style(usage="never", comments=True)),
    ],
)
def test_style_of(text: str, style: Style) -> None:
    assert style_of(text) == style


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown sse style 'dome'"):
        style_of("done,dome")


def test_a_chat_says_who_speaks_then_every_token_once_then_why_it_ended() -> None:
    choices = [chunk["choices"][0] for chunk in chunks(stream(""))]
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert [choice["delta"]["content"] for choice in choices[1:-1]] == [token.text for token in TEXT.tokens]
    assert [choice["finish_reason"] for choice in choices] == [None] * 4 + ["length"]


def test_a_completion_has_text_in_its_choices() -> None:
    found = chunks(stream("", "completion"))
    assert "".join(chunk["choices"][0]["text"] for chunk in found) == TEXT.text
    assert {chunk["object"] for chunk in found} == {"text_completion"}


@pytest.mark.parametrize(("style", "last"), [("", b"data: [DONE]\n\n"), ("no_done", b"}\n\n")])
def test_the_mark_of_the_end(style: str, last: bytes) -> None:
    assert stream(style).endswith(last)


@pytest.mark.parametrize(
    ("style", "asked", "where"),
    [
        ("", False, None),
        ("", True, 5),
        ("usage_own", True, 5),
        ("usage_last", False, 4),
        ("usage_never", True, None),
    ],
)
def test_where_the_usage_is(style: str, asked: bool, where: int | None) -> None:
    found = chunks(stream(style, stream_options={"include_usage": asked}))
    having = [i for i, chunk in enumerate(found) if "usage" in chunk]
    assert having == ([] if where is None else [where])
    if where == 5:
        assert found[5]["choices"] == []


def test_crlf_and_comments() -> None:
    events = stream("crlf,comments").split(b"\r\n\r\n")[:-1]
    assert all(event.startswith(b": here\r\ndata: ") for event in events)
    assert b"\n" not in b"".join(events).replace(b"\r\n", b"")


def test_token_ids_and_log_probabilities_come_with_their_token() -> None:
    choices = [c["choices"][0] for c in chunks(stream("", "completion", return_token_ids=True, logprobs=2))]
    assert [choice["token_ids"] for choice in choices[:-1]] == [[token.id] for token in TEXT.tokens]
    assert choices[0]["prompt_token_ids"] == list(TEXT.prompt_token_ids)
    assert "prompt_token_ids" not in choices[1]
    assert choices[1]["logprobs"]["text_offset"] == [len(TEXT.tokens[0].text)]
    assert [len(choice["logprobs"]["top_logprobs"][0]) for choice in choices[:-1]] == [2, 2, 2]
