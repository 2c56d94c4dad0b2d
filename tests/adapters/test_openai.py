"""The two OpenAI APIs: whole answers and streams, as vLLM, llama.cpp, OpenAI old and new give them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeding import CUTS, JSON, decoded, every_way, only_decode_errors, pieces, refusal, timed
from auditcube.adapters import openai_chat, openai_completions
from auditcube.adapters.contract import Answer, DecodeError, Decoder, Keep
from auditcube.adapters.openai import OpenAI
from auditcube.dataset import Sample

CHAT, COMPLETIONS = openai_chat.ADAPTER, openai_completions.ADAPTER
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def whole(api: OpenAI) -> Callable[[], Decoder]:
    return lambda: api.decoder("application/json; charset=utf-8", Keep())


def streamed(api: OpenAI) -> Callable[[], Decoder]:
    return lambda: api.decoder("text/event-stream; charset=utf-8", Keep())


def body(choice: Any, **members: Any) -> bytes:
    return json.dumps({"id": "x", "choices": [choice], **members}, ensure_ascii=False).encode()


def message(content: Any, **members: Any) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop", **members}


def delta(finish: str | None = None, /, **members: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": members, "finish_reason": finish}]}


def piece(text: str | None, finish: str | None = None, **members: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": finish, **members}]}


def sse(*chunks: Any, end: str = "\n", done: bool = True) -> bytes:
    events = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks] + ["[DONE]"] * done
    return "".join(f"data: {event}{end}{end}" for event in events).encode()


# One token in each shape that a server has for it: id 7, log probability -0.5.
CHAT_LOGPROBS = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}
LLAMA_LOGPROBS = {"content": [{"id": 7, "token": "a", "bytes": [97], "logprob": -0.5, "top_logprobs": []}]}
VLLM_LOGPROBS = {"content": [{"token": "token_id:7", "logprob": -0.5}]}
OLD_LOGPROBS = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5}], "text_offset": [0]}
OLD_VLLM_LOGPROBS = {"tokens": ["token_id:7"], "token_logprobs": [-0.5], "text_offset": [0]}
TOKENS = [
    ({"logprobs": CHAT_LOGPROBS}, {"logprobs": [-0.5]}),
    ({"logprobs": LLAMA_LOGPROBS}, {"token_ids": [7], "logprobs": [-0.5]}),
    ({"logprobs": VLLM_LOGPROBS}, {"token_ids": [7], "logprobs": [-0.5]}),
    ({"logprobs": OLD_LOGPROBS}, {"logprobs": [-0.5]}),
    ({"logprobs": OLD_VLLM_LOGPROBS}, {"token_ids": [7], "logprobs": [-0.5]}),
    ({"token_ids": [7]}, {"token_ids": [7]}),
    ({"token_ids": [7], "logprobs": CHAT_LOGPROBS}, {"token_ids": [7], "logprobs": [-0.5]}),
    ({"token_ids": None, "logprobs": None}, {}),
    ({"token_ids": [], "logprobs": {}}, {}),
    ({"logprobs": {"content": None, "tokens": None, "token_logprobs": None, "refusal": None}}, {}),
    ({"logprobs": {"content": []}}, {}),
    ({"token_ids": [1, "2"], "logprobs": {"token_logprobs": ["x"]}}, {}),
    ({"token_ids": [True], "logprobs": {"content": ["x", {"id": None, "token": None, "logprob": None}]}}, {}),
    ({"logprobs": {"tokens": ["token_id:", "token_id:7"], "token_logprobs": [None, -1]}}, {"logprobs": [None, -1.0]}),
    ({"logprobs": {"tokens": ["token_id:²", "token_id:" + "9" * 5000]}}, {}),
]


@pytest.mark.parametrize(("members", "output"), TOKENS)
def test_token_ids_and_log_probabilities(members: dict[str, Any], output: dict[str, Any]) -> None:
    if "token_ids" in output and not isinstance(members.get("token_ids"), list):
        output = {**output, "token_ids_from": "logprobs"}  # which need not have one for each token
    expected = Answer({"text": "a", "finish_reason": "stop", **output}, 3, 2)
    assert every_way(whole(CHAT), body(message("a", **members), usage=USAGE)) == (expected, 0)
    choice = {"index": 0, "text": "a", "finish_reason": "stop", **members}
    assert every_way(whole(COMPLETIONS), body(choice, usage=USAGE)) == (expected, 0)
    stream = sse({"choices": [{**choice, "finish_reason": None}]}, piece("", "stop"), {"choices": [], "usage": USAGE})
    # A stream also tells which ids came first.
    told = {"first_token_ids": output["token_ids"]} if output.get("token_ids") else {}
    expected = Answer({**expected.output, **told}, 3, 2)
    assert every_way(streamed(COMPLETIONS), stream) == (expected, 1)
    first = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None, **members}]}
    stream = sse(first, delta("stop"), {"choices": [], "usage": USAGE})
    assert every_way(streamed(CHAT), stream) == (expected, 1)


WEATHER = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"in": "Bonn"}'}}


@pytest.mark.parametrize(
    ("choice", "output"),
    [
        (message("hi"), {"text": "hi", "finish_reason": "stop"}),
        (message(""), {"text": "", "finish_reason": "stop"}),
        (message(None, finish_reason=None), {"text": ""}),
        ({"message": {}}, {"text": ""}),
        (
            message("ä☃", reasoning_content="hm", finish_reason="length"),  # beside the message: not read
            {"text": "ä☃", "finish_reason": "length"},
        ),
        ({"message": {"content": "a", "reasoning_content": "hm"}}, {"text": "a", "reasoning": "hm"}),
        ({"message": {"content": "a", "reasoning": "hm"}}, {"text": "a", "reasoning": "hm"}),
        ({"message": {"content": None, "refusal": "no"}}, {"text": "", "refusal": "no"}),
        (
            {"message": {"content": None, "tool_calls": [WEATHER, WEATHER]}, "finish_reason": "tool_calls"},
            {
                "text": "",
                "tool_call_0": 'weather{"in": "Bonn"}',
                "tool_call_1": 'weather{"in": "Bonn"}',
                "finish_reason": "tool_calls",
            },
        ),
        ({"message": {"content": "a", "tool_calls": None}}, {"text": "a"}),
        ({"message": {"content": "a", "tool_calls": [None, {"function": None}, {"function": {}}]}}, {"text": "a"}),
    ],
)
def test_whole_chat_answers(choice: dict[str, Any], output: dict[str, Any]) -> None:
    assert every_way(whole(CHAT), body(choice)) == (Answer(output), 0)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (USAGE, (3, 2)),
        ({"prompt_tokens": 3, "completion_tokens": 0}, (3, 0)),
        ({"prompt_tokens": 3}, (3, None)),
        ({"prompt_tokens": None, "completion_tokens": None}, (None, None)),
        ({"prompt_tokens": "3", "completion_tokens": 2.0}, (None, None)),
        ({"prompt_tokens": -1, "completion_tokens": True}, (None, None)),
        ({"prompt_tokens": 2**64 - 1, "completion_tokens": 10**15}, (None, None)),
        (None, (None, None)),
        ([], (None, None)),
    ],
)
def test_usage(usage: Any, counts: tuple[int | None, int | None]) -> None:
    answer, _ = every_way(whole(COMPLETIONS), body({"text": "a"}, usage=usage))
    assert (answer.tokens_in, answer.tokens_out) == counts
    answer, _ = every_way(streamed(COMPLETIONS), sse({**piece("a", "stop"), "usage": usage}))
    assert (answer.tokens_in, answer.tokens_out) == counts


@pytest.mark.parametrize("api", [CHAT, COMPLETIONS])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "not JSON"),
        (b"<h1>503</h1> busy", "503 busy"),
        (b'{"choices": []}', "no choices"),
        (b'{"choices": null}', "no choices"),
        (b'{"choices": ["a"]}', "no choices"),
        (b'{"choices": {}}', "no choices"),
        (b"{}", "no choices"),
        (b'{"choices": [{}]}', "not one of this API"),
        (b'{"choices": [{"message": "a", "text": null}]}', "not one of this API"),
        (b'{"error": {"message": "context is 2048", "code": 400}}', "reported an error: context is 2048"),
        (b'{"object": "error", "message": "old"}', "reported an error: old"),
        (body(message("a"), text="b") + b"{}", "not JSON"),
    ],
)
def test_refused_whole_answers(api: OpenAI, answer: bytes, reason: str) -> None:
    assert reason in refusal(whole(api), answer)


def test_an_answer_of_the_other_api_is_refused() -> None:
    assert "endpoint.api" in refusal(whole(CHAT), body({"text": "a"}))
    assert "endpoint.api" in refusal(whole(COMPLETIONS), body(message("a")))


ROLE = delta(role="assistant", content="")
HELLO = [ROLE, delta(content="Hel"), delta(content="lo ☃")]
TEXT = {"text": "Hello ☃", "finish_reason": "stop"}
LAST = delta("stop")
OWN_USAGE = {"choices": [], "usage": USAGE}


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (sse(*HELLO, LAST), (Answer(TEXT), 2)),
        (sse(*HELLO, LAST, OWN_USAGE), (Answer(TEXT, 3, 2), 2)),
        (sse(*HELLO, {**LAST, "usage": USAGE}), (Answer(TEXT, 3, 2), 2)),
        (sse(*({**chunk, "usage": None} for chunk in [*HELLO, LAST]), OWN_USAGE), (Answer(TEXT, 3, 2), 2)),
        # vLLM's continuous_usage_stats: the last one counts
        (sse(*({**c, "usage": {"prompt_tokens": 3}} for c in HELLO), {**LAST, "usage": USAGE}),
         (Answer(TEXT, 3, 2), 2)),
        (sse(*HELLO, LAST, done=False), (Answer(TEXT), 2)),
        (sse(*HELLO, LAST, OWN_USAGE, done=False), (Answer(TEXT, 3, 2), 2)),
        (sse(*HELLO), (Answer({"text": "Hello ☃"}), 2)),  # [DONE] says so too
        (sse(*HELLO, LAST).rstrip(b"\n"), (Answer(TEXT), 2)),
        (sse(*HELLO, LAST, end="\r\n"), (Answer(TEXT), 2)),
        (sse(*HELLO, LAST, end="\r"), (Answer(TEXT), 2)),
        (b": ping\n\n" + sse(*HELLO, LAST).replace(b"data", b": keep-alive\n\ndata"), (Answer(TEXT), 2)),
        (sse(*HELLO, LAST) + b"data: after the end\n\n{}", (Answer(TEXT), 2)),
        (sse(*HELLO, LAST) + sse(*HELLO), (Answer(TEXT), 2)),
        (sse(*HELLO, LAST).replace(b"data: ", b"event: chunk\nid: 1\ndata:"), (Answer(TEXT), 2)),
        # one chunk over several data lines, pretty-printed
        (sse(ROLE, done=False)
         + b'data: {"choices":\ndata: [{"delta": {"content": "a"},\ndata: "finish_reason": "stop"}]}\n\n',
         (Answer({"text": "a", "finish_reason": "stop"}), 1)),
        # members that are null, or missing
        (sse(delta(role="assistant", content=None), delta(content=None, tool_calls=None), delta(content="a"),
             {"choices": [{"delta": None}]}, {"choices": [{}]}, {"choices": None}, {"choices": [None]}, {}, LAST),
         (Answer({"text": "a", "finish_reason": "stop"}), 1)),
        # all tokens ended within a character: llama.cpp then streams no text at all
        (sse({**delta("length"), "usage": USAGE}), (Answer({"text": "", "finish_reason": "length"}, 3, 2), 0)),
        (sse(ROLE, delta(reasoning_content="let me"), delta(reasoning_content=" see"), delta(content="42"), LAST),
         (Answer({"text": "42", "reasoning": "let me see", "finish_reason": "stop"}), 3)),
        (sse(ROLE,
             delta(tool_calls=[{"index": 0, "id": "c", "function": {"name": "weather", "arguments": ""}}]),
             delta(tool_calls=[{"index": 0, "function": {"arguments": '{"in":'}}]),
             delta(tool_calls=[{"index": 0, "function": {"arguments": ' "Bonn"}'}}]),
             delta(tool_calls=[{"index": 1, "function": {"name": "time", "arguments": "{}"}}]),
             delta("tool_calls")),
         (Answer({"text": "", "tool_call_0": 'weather{"in": "Bonn"}', "tool_call_1": "time{}",
                  "finish_reason": "tool_calls"}), 4)),
        # the second of two choices is counted as output, but not kept
        (sse(delta(content="a"), {"choices": [{**delta("length", content="b")["choices"][0], "index": 1}]}, LAST),
         (Answer({"text": "a", "finish_reason": "stop"}), 2)),
    ],
)  # fmt: skip
def test_chat_streams(stream: bytes, expected: tuple[Answer, int]) -> None:
    assert every_way(streamed(CHAT), stream) == expected


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (sse(piece("a"), piece("b"), piece("", "stop")), (Answer({"text": "ab", "finish_reason": "stop"}), 2)),
        (sse(piece("a", "stop"), done=False), (Answer({"text": "a", "finish_reason": "stop"}), 1)),
        (sse(piece(None), piece("a"), piece(None, "length")), (Answer({"text": "a", "finish_reason": "length"}), 1)),
        (sse(piece("", token_ids=[5]), piece("", "stop")),
         (Answer({"text": "", "token_ids": [5], "finish_reason": "stop", "first_token_ids": [5]}), 1)),
    ],
)  # fmt: skip
def test_completion_streams(stream: bytes, expected: tuple[Answer, int]) -> None:
    assert every_way(streamed(COMPLETIONS), stream) == expected


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"", "the stream ended before the answer did"),
        (sse(*HELLO, done=False), "the stream ended before the answer did"),
        (sse(*HELLO, LAST, done=False)[:-30], "not JSON"),
        (sse(done=True), "no choices"),
        (sse(OWN_USAGE), "no choices"),
        (sse(*HELLO, {"error": {"message": "CUDA out of memory"}}), "reported an error: CUDA out of memory"),
        (sse(*HELLO, {"object": "error", "message": "aborted"}), "reported an error: aborted"),
        (b'event: error\ndata: {"error": "gone"}\n\n', "gone"),
        (b"data: oops\n\n", "oops"),
        (b"data: null\n\n", "a JSON object is wanted"),
        (b'{"error": {"message": "not a stream"}}', "the stream ended before"),
        (b"<html></html>", "the stream ended before"),
    ],
)
def test_refused_streams(stream: bytes, reason: str) -> None:
    assert reason in refusal(streamed(CHAT), stream)


def test_every_cut_stream_is_refused() -> None:
    """Up to the finish reason; from there on the answer is complete, with or without what may follow."""
    stream = sse(*HELLO, LAST, OWN_USAGE)
    complete = stream.index(b"}", stream.index(b'"stop"'))
    for end in range(complete):
        refusal(streamed(CHAT), stream[:end])


def test_chunks_are_counted_where_they_carry_output() -> None:
    parts = [(number, sse(chunk, done=False)) for number, chunk in enumerate([*HELLO, LAST, OWN_USAGE])]
    answer = timed(lambda: CHAT.decoder("text/event-stream", Keep(chunk_times=True)), parts)
    assert answer.chunk_ns == [1, 2]


@given(CUTS)
def test_no_cut_changes_anything(cuts: list[float]) -> None:
    stream = sse(*HELLO, LAST, OWN_USAGE, end="\r\n")
    assert decoded(streamed(CHAT), pieces(stream, cuts)) == (Answer(TEXT, 3, 2), 2)
    answer = body(message("ä☃"), usage=USAGE)
    assert decoded(whole(CHAT), pieces(answer, cuts))[0].output["text"] == "ä☃"


LOGPROBS = st.fixed_dictionaries({}, optional={
    "content": JSON | st.lists(st.fixed_dictionaries({}, optional={"id": JSON, "token": JSON, "logprob": JSON})),
    "tokens": JSON, "token_logprobs": JSON,
})  # fmt: skip
CALLS = st.lists(st.fixed_dictionaries({}, optional={"index": JSON, "function": JSON | st.fixed_dictionaries(
    {}, optional={"name": JSON, "arguments": JSON})}))  # fmt: skip
MESSAGES = JSON | st.fixed_dictionaries(
    {}, optional={"content": JSON, "reasoning_content": JSON, "refusal": JSON, "tool_calls": JSON | CALLS}
)
CHOICES = JSON | st.fixed_dictionaries({}, optional={
    "index": JSON, "delta": MESSAGES, "message": MESSAGES, "text": JSON, "finish_reason": JSON, "token_ids": JSON,
    "logprobs": JSON | LOGPROBS,
})  # fmt: skip
BODIES = JSON | st.fixed_dictionaries({}, optional={
    "choices": JSON | st.lists(CHOICES, max_size=2), "error": JSON, "object": JSON,
    "usage": JSON | st.fixed_dictionaries({}, optional={"prompt_tokens": JSON, "completion_tokens": JSON}),
})  # fmt: skip


@given(st.sampled_from([CHAT, COMPLETIONS]), st.lists(BODIES, min_size=1, max_size=3))
def test_any_member_may_be_anything(api: OpenAI, bodies: list[Any]) -> None:
    only_decode_errors(whole(api), json.dumps(bodies[0]).encode())
    only_decode_errors(streamed(api), sse(*bodies))


@given(st.sampled_from([CHAT, COMPLETIONS]), st.binary())
def test_any_bytes(api: OpenAI, data: bytes) -> None:
    only_decode_errors(whole(api), data)
    only_decode_errors(streamed(api), data)
    only_decode_errors(streamed(api), b"data: " + data + b"\n\n")


def sent(api: OpenAI, fields: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    decoded_body: dict[str, Any] = json.loads(api.encode(Sample(0, fields), None, parameters))
    return decoded_body


SAID = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("fields", "parameters", "request_body"),
    [
        ({"prompt": "hi"}, {}, {"messages": SAID}),
        ({"messages": SAID}, {}, {"messages": SAID}),
        ({"messages": SAID, "prompt": ""}, {}, {"messages": SAID}),
        ({"prompt": "hi", "system": "s"}, {}, {"messages": [{"role": "system", "content": "s"}, *SAID]}),
        ({"prompt": "hi"}, {"system": "s"}, {"messages": [{"role": "system", "content": "s"}, *SAID]}),
        ({"prompt": "hi", "seed": 2}, {"seed": 1, "stream": True, "max_tokens": None},
         {"messages": SAID, "seed": 2, "stream": True}),
        ({"prompt": "hi"}, {"logit_bias": {7: -100}, "stream_options": {"include_usage": True}},
         {"messages": SAID, "logit_bias": {"7": -100}, "stream_options": {"include_usage": True}}),
        ({"prompt": "hi", "tools": []}, {}, {"messages": SAID, "tools": []}),
    ],
)  # fmt: skip
def test_chat_requests(fields: dict[str, Any], parameters: dict[str, Any], request_body: dict[str, Any]) -> None:
    assert sent(CHAT, fields, **parameters) == request_body


def test_completion_requests() -> None:
    assert sent(COMPLETIONS, {"prompt": [1, 2]}, max_tokens=4, cache_prompt=False) == {
        "prompt": [1, 2], "max_tokens": 4, "cache_prompt": False,
    }  # fmt: skip
    assert json.loads(COMPLETIONS.encode(Sample(0, {"prompt": "p"}), "m", {})) == {"model": "m", "prompt": "p"}


@pytest.mark.parametrize("api", [CHAT, COMPLETIONS])
def test_parameters(api: OpenAI) -> None:
    assert api.check_parameters({"anything": [{"nested": None}], "stream": False}) is None
    assert api.check_parameters({"stream": None}) is None
    assert api.check_parameters({"stream": "yes"}) == "stream: true or false is wanted"


SALT = "00ff10203040"
IMAGE = {"type": "image_url", "image_url": {"url": "data:"}}


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"prompt": "hi", "system": "s"}, {"prompt": "hi", "system": f"{SALT} s"}),
        ({"prompt": "hi", "system": ""}, {"prompt": f"{SALT} hi", "system": ""}),
        ({"prompt": "", "messages": SAID}, {"prompt": "", "messages": [{"role": "user", "content": f"{SALT} hi"}]}),
        ({"messages": [{"role": "user", "content": [IMAGE]}]},
         {"messages": [{"role": "user", "content": [{"type": "text", "text": SALT}, IMAGE]}]}),
        ({"messages": [{"role": "assistant", "content": None}, *SAID]},
         {"messages": [{"role": "system", "content": SALT}, {"role": "assistant", "content": None}, *SAID]}),
        ({"messages": ["not a message"]}, {"messages": [{"role": "system", "content": SALT}, "not a message"]}),
    ],
)  # fmt: skip
def test_salted_chats(fields: dict[str, Any], changed: dict[str, Any]) -> None:
    before = json.dumps(fields)
    assert CHAT.salted(Sample(0, fields), SALT).fields == changed
    assert json.dumps(fields) == before


@pytest.mark.parametrize(
    ("prompt", "changed"),
    [
        ("hi", f"{SALT} hi"),
        ([5, 6], [0, 255, 16, 32, 48, 64, 5, 6]),
        (["a", "b"], [f"{SALT} a", f"{SALT} b"]),
        ([[5], [6]], [[0, 255, 16, 32, 48, 64, 5], [0, 255, 16, 32, 48, 64, 6]]),
    ],
)
def test_salted_prompts(prompt: Any, changed: Any) -> None:
    assert COMPLETIONS.salted(Sample(0, {"prompt": prompt}), SALT).fields == {"prompt": changed}


TAIL = f"tail:{SALT}"


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({"prompt": "hi", "system": "s"}, {"prompt": f"hi {SALT}", "system": "s"}),
        ({"messages": SAID, "system": "s"}, {"messages": [{"role": "user", "content": f"hi {SALT}"}], "system": "s"}),
        ({"messages": [{"role": "user", "content": [IMAGE]}]},
         {"messages": [{"role": "user", "content": [IMAGE, {"type": "text", "text": SALT}]}]}),
        ({"messages": [*SAID, {"role": "assistant", "content": None}]},
         {"messages": [*SAID, {"role": "assistant", "content": None}, {"role": "user", "content": SALT}]}),
    ],
)  # fmt: skip
def test_chats_changed_at_their_end(fields: dict[str, Any], changed: dict[str, Any]) -> None:
    before = json.dumps(fields)
    assert CHAT.salted(Sample(0, fields), TAIL).fields == changed
    assert json.dumps(fields) == before
    assert CHAT.salted(Sample(0, fields), f"seed:{SALT}").fields == {**fields, "seed": 0x10203040}


@pytest.mark.parametrize(
    ("prompt", "changed"),
    [
        ([5, 6], [5, 6, 0, 255, 16, 32, 48, 64]),
        (["a", "b"], [f"a {SALT}", f"b {SALT}"]),
        ([[5], [6]], [[5, 0, 255, 16, 32, 48, 64], [6, 0, 255, 16, 32, 48, 64]]),
    ],
)
def test_prompts_changed_at_their_end(prompt: Any, changed: Any) -> None:
    assert COMPLETIONS.salted(Sample(0, {"prompt": prompt}), TAIL).fields == {"prompt": changed}


def test_new_requests_are_no_longer_than_the_row() -> None:
    new = f"new:{SALT}"
    ids = [*range(9)]
    assert COMPLETIONS.salted(Sample(0, {"prompt": ids}), new).fields["prompt"] == [0, 255, 16, 32, 0, 1, 2, 3, 4]
    assert COMPLETIONS.salted(Sample(0, {"prompt": [5]}), new).fields["prompt"] == [0, 255, 16, 32, 5]
    chat = CHAT.salted(Sample(0, {"prompt": "hi", "system": "be very kind "}), new).fields
    assert chat == {"prompt": "hi", "system": f"{SALT[:8]} be very"}


def test_token_ids_have_no_case_but_can_be_nearly_the_same() -> None:
    assert COMPLETIONS.salted(Sample(0, {"prompt": [5, 6]}), f"case:{SALT}").fields == {"prompt": [5, 6, 0]}


STREAM = sse(piece("a"), piece("b"), piece("", "stop"), {"choices": [], "usage": USAGE})


def test_a_stream_is_timed_by_its_chunks_with_output() -> None:
    first, second, rest = STREAM.split(b"\n\n", 2)
    parts = [(10, first + b"\n\n"), (20, second[:5]), (30, second[5:] + b"\n\n"), (40, rest)]
    answer = timed(lambda: COMPLETIONS.decoder("text/event-stream", Keep(chunk_times=True)), parts)
    assert (answer.chunks, answer.first_ns, answer.last_ns, answer.chunk_ns) == (2, 10, 30, [10, 30])
    answer = timed(lambda: COMPLETIONS.decoder("text/event-stream", Keep()), parts)
    assert (answer.chunks, answer.first_ns, answer.last_ns, answer.chunk_ns) == (2, 10, 30, [])


def test_chunks_that_come_together_have_one_time() -> None:
    answer = timed(lambda: COMPLETIONS.decoder("text/event-stream", Keep(chunk_times=True)), [(7, STREAM)])
    assert (answer.chunks, answer.first_ns, answer.last_ns, answer.chunk_ns) == (2, 7, 7, [7, 7])


def test_what_the_end_of_the_body_completes_came_with_its_last_bytes() -> None:
    body = sse(piece("a", "stop"), done=False).rstrip(b"\n")
    answer = timed(lambda: COMPLETIONS.decoder("text/event-stream", Keep()), [(3, body[:4]), (9, body[4:])])
    assert (answer.chunks, answer.first_ns, answer.last_ns) == (1, 9, 9)


@pytest.mark.parametrize("members", [members for members, _ in TOKENS])
def test_an_answer_that_is_not_kept_counts_the_same(members: dict[str, Any]) -> None:
    choice = {"index": 0, "text": "a", "finish_reason": "stop", **members}
    stream = sse({"choices": [{**choice, "text": "", "finish_reason": None}]}, piece("x", "stop"), {"usage": USAGE})
    for kind, answer in (("application/json", body(choice, usage=USAGE)), ("text/event-stream", stream)):
        kept = timed(partial(COMPLETIONS.decoder, kind, Keep()), [(1, answer)])
        counted = timed(partial(COMPLETIONS.decoder, kind, Keep(outputs=False)), [(1, answer)])
        assert counted == kept._replace(output={})
        assert kept.output


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_answer_larger_than_may_be_held_is_refused_as_it_comes(kind: str) -> None:
    decoder = CHAT.decoder(kind, Keep(max_answer_bytes=100))
    decoder.feed(b" " * 100, 0)
    with pytest.raises(DecodeError, match=r"larger than endpoint.max_answer_bytes \(100\)"):
        decoder.feed(b" ", 0)


@pytest.mark.parametrize("api", [CHAT, COMPLETIONS])
def test_a_whole_answer_is_asked_for_without_what_belongs_to_streams(api: OpenAI) -> None:
    parameters = {"stream": True, "stream_options": {"include_usage": True}, "seed": 1}
    assert api.unstreamed(parameters) == {"seed": 1}
