"""The counts of an answer alone: what they are when it is read as a whole, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.test_openai import BODIES, CHAT, COMPLETIONS, USAGE, body, message
from auditcube.adapters.contract import Answer, DecodeError, Keep
from auditcube.adapters.openai import OpenAI

APIS = st.sampled_from([CHAT, COMPLETIONS])
# As llama.cpp and vLLM answer, with a character beyond ASCII and one in an escape.
LLAMA = body(
    message("né", reasoning_content=None), object="chat.completion", created=1, model="m", usage=USAGE,
    system_fingerprint="b1-\x07", timings={"prompt_ms": 1.5e-3, "cache_n": 0},
)  # fmt: skip
VLLM = body(
    {"index": 0, "text": "a\\", "logprobs": None, "finish_reason": "length", "stop_reason": None, "token_ids": None},
    object="text_completion", usage={**USAGE, "prompt_tokens_details": None}, kv_transfer_params=None,
)  # fmt: skip


def same(api: OpenAI, data: bytes) -> bool:
    """Whether the brief reader says nothing, or what reading the whole says."""
    told = api.brief(data)
    if told is None:
        return True
    try:
        answer = api.whole(data, Keep(outputs=False))
    except DecodeError as problem:
        # Where nobody reads it; no other difference is known.
        return "number is infinity" in str(problem) or "limit" in str(problem)  # of brackets within brackets
    return told == answer


@pytest.mark.parametrize(("api", "data"), [(CHAT, LLAMA), (COMPLETIONS, VLLM)], ids=["llama.cpp", "vLLM"])
def test_a_usual_answer_is_read(api: OpenAI, data: bytes) -> None:
    """Else everything would be read correctly and slowly, and no other test would tell."""
    assert api.brief(data) == Answer({}, 3, 2)
    assert api.decode("application/json", data, Keep(outputs=False), 1) == api.whole(data, Keep(outputs=False))


@given(APIS, BODIES)
def test_any_member_may_be_anything(api: OpenAI, value: Any) -> None:
    assert same(api, json.dumps(value).encode())


BYTES = st.sampled_from([bytes([byte]) for byte in b'{}[]",:\\0123456789.eE+-tfnux\x00\x1f\n \x7f\x80\xc3\xff'])
CHANGES = st.lists(st.tuples(st.integers(0, 400), BYTES | st.just(b""), st.booleans()), min_size=1, max_size=3)


@given(APIS, st.sampled_from([LLAMA, VLLM]), CHANGES)
@example(CHAT, LLAMA, [(LLAMA.index(b"\xc3"), b"\xff", True)])
@example(CHAT, LLAMA.replace(b'"chat.completion"', b'"error"'), [])
@example(COMPLETIONS, VLLM.replace(b'"choices"', b'"error": {"message": "no"}, "choices"'), [])
@example(COMPLETIONS, VLLM.replace(b": 3,", b": true,"), [])
@example(COMPLETIONS, VLLM.replace(b": 3,", b": -3,"), [])
@example(COMPLETIONS, VLLM.replace(b": 3,", b": 3.0,"), [])
@example(COMPLETIONS, VLLM.replace(b": 3,", b": 99999999999999999999,"), [])
@example(COMPLETIONS, VLLM.replace(b'"a\\\\"', b"null"), [])
@example(COMPLETIONS, b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}', [])
@example(COMPLETIONS, VLLM.replace(b'"logprobs": null', b'"logprobs": ' + b"[" * 5000 + b"]" * 5000), [])
def test_any_byte_may_be_another(api: OpenAI, data: bytes, changes: list[tuple[int, bytes, bool]]) -> None:
    for place, byte, instead in changes:
        place %= len(data)
        data = data[:place] + byte + data[place + instead :]
    assert same(api, data)
