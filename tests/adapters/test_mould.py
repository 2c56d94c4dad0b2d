"""Moulds: what they take for the same chunk with another text, and that no stream is read otherwise because of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.feeding import CUTS, pieces
from auditcube.adapters import openai
from auditcube.adapters.contract import Answer, DecodeError, Keep, loads
from auditcube.adapters.mould import Mould, mould_of
from auditcube.adapters.openai import OpenAI, StreamDecoder
from auditcube.adapters.openai_chat import ADAPTER as CHAT
from auditcube.adapters.openai_completions import ADAPTER as COMPLETIONS


def text_in(body: Mapping[str, Any]) -> str | None:
    text = body.get("text")
    return text if isinstance(text, str) else None


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (b'{"id":"x","text":" word","n":1}', " word"),
        (b'{"text":" word"}', " word"),
        ('{"text":"ü€"}'.encode(), "ü€"),
        (b'{"a":"text","text":"word"}', "word"),
    ],
)
def test_the_mould_of_an_event(event: bytes, text: str) -> None:
    mould = mould_of(event, text, text_in)
    assert mould is not None
    assert mould.before + text.encode() + mould.after == event
    assert mould.texts([event, mould.before + b"" + mould.after]) == [text.encode(), b""]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (b'{"id":"word","text":"word"}', "word"),  # which of the two?
        (b'{"text":"a\\nb"}', "a\nb"),  # written with an escape
        (b'{"text":"\\u0061"}', "a"),
        (b'{"other":"a","text":"\\u0061"}', "a"),  # the one that is there is another
        (b'{"x":"a","y":"b","text":"\\u002c"}', ","),  # between two texts
    ],
)
def test_an_event_without_a_mould(event: bytes, text: str) -> None:
    assert orjson.loads(event)["text"] == text
    assert mould_of(event, text, text_in) is None


@pytest.mark.parametrize(
    "text",
    [b'"', b"\\", b"\\n", b"\n", b"\x00", b"\x1f", b"\xff", b"\xe2\x82", b'","text":"other', "€".encode()[1:]],
)
def test_a_text_that_json_would_not_hold_as_it_is_does_not_fit(text: bytes) -> None:
    mould = Mould(b'{"text":"', b'"}')
    assert mould.texts([b'{"text":"%b"}' % text]) is None
    assert mould.texts([b'{"text":"good"}', b'{"text":"%b"}' % text]) is None


def test_events_that_are_whole_only_together_do_not_fit() -> None:
    mould = Mould(b'{"text":"', b'"}')
    assert mould.texts([b'{"text":"a', b'b"}']) is None
    assert mould.texts(['{"text":"\u20ac'.encode()[:-1], b'\xac"}']) is None
    assert mould.texts([b'{"text":']) is None
    assert mould.texts([b'{"text":"}']) is None  # the two ends overlap


def chunk(api: OpenAI, text: str, **more: Any) -> dict[str, Any]:
    part = {"delta": {"content": text}} if api is CHAT else {"text": text}
    return {"id": "a", "choices": [{"index": 0, **part, "finish_reason": None}], **more}


ODD: tuple[Any, ...] = (
    {"choices": []},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    {"error": "no"},
    {"object": "error"},
    {"choices": [{"index": 0, "text": "", "delta": {}, "finish_reason": "stop"}]},
    {"choices": [{"index": 1, "text": "other", "delta": {"content": "other"}}]},
    {"choices": [{"index": 0, "text": "t", "delta": {"content": "t"}, "token_ids": [7]}]},
    {"choices": [{"index": 0, "text": "t", "delta": {"reasoning_content": "r"}}]},
    [],
    7,
)
RAW = (
    b"[DONE]",
    b" [DONE] ",
    b"{",
    b"",
    b'{"id": "a", "choices": [{"index": 0, "text": "\xff", "delta": {"content": "\xff"}, "finish_reason": null}]}',
    b'{"id": "a", "choices": [{"index": 0, "text": "\\u0041", "delta": {"content": "\\u0041"}}]}',
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[OpenAI, bytes]:
    api = draw(st.sampled_from([CHAT, COMPLETIONS]))
    plain = st.text(st.sampled_from('ab "\\\n€\x00[]{},:'), max_size=4).map(
        lambda text: json.dumps(chunk(api, text), ensure_ascii=False).encode()
    )
    odd = st.sampled_from([*(json.dumps(body).encode() for body in ODD), *RAW])
    events = draw(st.lists(st.one_of(plain, plain, plain, plain, odd), max_size=12))
    ending = draw(st.sampled_from([b"", b"data: [DONE]\n\n"]))
    return api, b"".join(b"data: %b\n\n" % event for event in events) + ending


def outcome(api: OpenAI, keep: Keep, body: bytes, cuts: list[float]) -> Answer | str:
    decoder = StreamDecoder(api, keep)
    try:
        for now_ns, piece in enumerate(pieces(body, [*cuts, 1.0])):
            decoder.feed(piece, now_ns)
        return decoder.finish()
    except DecodeError as problem:
        return str(problem)


@given(streams(), CUTS, st.booleans())
@example((COMPLETIONS, b"data: [DONE]\n\n" * 3), [], False)
def test_moulds_change_no_answer(stream: tuple[OpenAI, bytes], cuts: list[float], outputs: bool) -> None:
    api, body = stream
    keep = Keep(outputs=outputs, chunk_times=True)
    found = outcome(api, keep, body, cuts)
    with patch.object(openai, "_TRIED_FOR_A_MOULD", 0):
        assert found == outcome(api, keep, body, cuts)


def test_long_streams_are_counted_without_being_parsed() -> None:
    """The counter-check: a mould is really found and used where servers stream as they do."""
    events = [json.dumps(chunk(CHAT, f" word{n}")).encode() for n in range(50)]
    body = b"".join(b"data: %b\n\n" % event for event in events) + b"data: [DONE]\n\n"
    decoder = StreamDecoder(CHAT, Keep(outputs=True))
    with patch.object(openai, "loads", wraps=loads) as parsed:
        decoder.feed(body, 5)
        answer = decoder.finish()
    assert parsed.call_count == 1
    assert answer.output["text"] == "".join(f" word{n}" for n in range(50))
    assert (answer.chunks, answer.first_ns, answer.last_ns) == (50, 5, 5)
