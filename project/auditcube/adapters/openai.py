"""What `openai_chat` and `openai_completions` share: parameters, whole answers, and streams of chunks.

Servers differ: a stream may end without `[DONE]`; `usage` may come in a chunk of its own, with the last one, or not at
all. Token ids are read where the server gives them, none are required: `token_ids` (vLLM with `return_token_ids`),
`"token_id:7"` for a token's text (vLLM with `return_tokens_as_token_ids`), or the `id` beside each log probability
(llama.cpp with `logprobs`: true for chat, at least 1 for completions). A llama.cpp that streams leaves out tokens which
end within a character, and where they end the answer it always does: `usage` then counts more tokens than have ids.

Of several choices (`n`) the first is kept as the output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from auditcube.adapters.brief import Brief
from auditcube.adapters.contract import (
    Answer,
    DecodeError,
    Decoder,
    Keep,
    in_one_piece,
    is_error,
    loads,
    merged,
    to_json,
    unsendable,
)
from auditcube.adapters.mould import Mould, mould_of
from auditcube.adapters.sse import EventStream
from auditcube.adapters.token_fields import counts, tokens_of
from auditcube.dataset import Column, Sample

_NOTHING: Mapping[str, Any] = {}
_FIRST = (0, None)
_STREAM = "text/event-stream"
_OF_STREAMS = ("stream", "stream_options")  # servers refuse the second without the first
_TEXT_ALONE = {"text"}
_BETWEEN = b"],\n["
_TRIED_FOR_A_MOULD = 3  # the first chunk of a chat tells its role, and has no text yet
_NOT_PLAIN_AT_THE_END = 3  # events behind the plain ones: why it ends, usage
_INTEGER, _NUMBER, _FLAG = Column((int,)), Column((float,)), Column((bool,))
SAMPLING: Mapping[str, Column] = {
    "max_tokens": _INTEGER,
    "max_completion_tokens": _INTEGER,
    "min_tokens": _INTEGER,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "top_k": _INTEGER,
    "seed": _INTEGER,
    "stop": Column((str, list)),
    "frequency_penalty": _NUMBER,
    "presence_penalty": _NUMBER,
    "ignore_eos": _FLAG,
}


class OpenAI(ABC):
    """The common half of both adapters. `endpoint.parameters` may be anything: servers extend this API freely."""

    brief: Brief
    textual = True
    varies = True
    defaults: Mapping[str, Any] = {}

    def check_parameters(self, parameters: Mapping[str, Any]) -> str | None:
        stream = parameters.get("stream")
        if stream is not None and not isinstance(stream, bool):
            return "stream: true or false is wanted"
        return unsendable(parameters)

    def encode(self, sample: Sample, model: str | None, parameters: Mapping[str, Any]) -> bytes:
        return to_json(self.body(merged(sample, model, parameters)))

    def unstreamed(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: value for name, value in parameters.items() if name not in _OF_STREAMS}

    def body(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The request object for these fields."""
        return fields

    def decoder(self, content_type: str, keep: Keep) -> Decoder:
        if content_type.startswith(_STREAM):
            return StreamDecoder(self, keep)
        return WholeDecoder(self, keep)

    def decode(self, content_type: str, body: bytes, keep: Keep, now_ns: int) -> Answer:
        brief = not keep.outputs and len(body) <= keep.max_answer_bytes and not content_type.startswith(_STREAM)
        answer = self.brief(body) if brief else None
        return in_one_piece(self.decoder(content_type, keep), body, now_ns) if answer is None else answer

    def whole(self, data: bytes, keep: Keep) -> Answer:
        """The answer in one JSON object. Raises DecodeError."""
        body = loads(data)
        choices = body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict):
            raise DecodeError("the answer has no choices")
        if not self.answers(first):
            raise DecodeError("the first choice is not one of this API; does endpoint.api fit endpoint.path?")
        if not keep.outputs:
            tokens_in, tokens_out = counts(body.get("usage"))
            return Answer(_NOTHING, tokens_in, tokens_out)
        output = _Output(self, True)
        output.take([body])
        return output.answer()

    @abstractmethod
    def answers(self, choice: Mapping[str, Any]) -> bool:
        """Whether this choice of a whole answer is one of this API."""

    def carries_text(self, choice: Mapping[str, Any]) -> bool:
        """Whether `text_of` would find any."""
        return bool(self.text_of(choice))

    @abstractmethod
    def text_of(self, choice: Mapping[str, Any]) -> Mapping[str, str]:
        """The texts in one choice, whole or streamed, by name (`text`, `reasoning`); none of them is empty."""


class _Output:
    """The parts of an answer, gathered from one object or from many chunks; with `keep` false only what is counted."""

    __slots__ = (
        "_api",
        "_keep",
        "choices",
        "finish_reason",
        "first_token_ids",
        "logprobs",
        "texts",
        "token_ids",
        "token_ids_from",
        "usage",
    )

    def __init__(self, api: OpenAI, keep: bool) -> None:
        self._api = api
        self._keep = keep
        self.texts: dict[str, list[str]] = {}
        self.token_ids: list[int] = []
        self.first_token_ids: list[int] = []
        self.token_ids_from: str | None = None
        self.logprobs: list[float | None] = []
        self.finish_reason: str | None = None
        self.usage: Mapping[str, Any] = {}
        self.choices = 0

    def take(self, bodies: Iterable[Mapping[str, Any]]) -> int:
        """Add objects; how many of them carried output."""
        carried = 0
        for body in bodies:
            if (usage := body.get("usage")) and isinstance(usage, dict):
                self.usage = usage
            choices = body.get("choices")
            if not isinstance(choices, list):
                continue
            some = False
            for choice in choices:
                if not isinstance(choice, dict):
                    continue
                self.choices += 1
                first = choice.get("index") in _FIRST
                if first and isinstance(reason := choice.get("finish_reason"), str):
                    self.finish_reason = reason
                if self._keep and first:
                    some |= self._keep_choice(choice)
                elif not some:
                    some = self._api.carries_text(choice) or bool(tokens_of(choice)[0])
            carried += some
        return carried

    def plain_text(self, body: Mapping[str, Any]) -> str | None:
        """The text of a chunk that has one, of one choice, and nothing else that we look at."""
        choices = body.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or body.get("usage") or is_error(body):
            return None
        choice = choices[0]
        if not isinstance(choice, dict) or choice.get("index") not in _FIRST or choice.get("finish_reason"):
            return None
        if tokens_of(choice) != ([], [], False):
            return None
        texts = self._api.text_of(choice)
        return texts["text"] if texts.keys() == _TEXT_ALONE else None

    def take_plain(self, texts: list[bytes]) -> int:
        """Add chunks of which only these texts matter; how many of them carried output."""
        self.choices += len(texts)
        if self._keep:
            self.texts.setdefault("text", []).append(b"".join(texts).decode())
        return len(texts) - texts.count(b"")

    def _keep_choice(self, choice: Mapping[str, Any]) -> bool:
        texts = self._api.text_of(choice)
        ids, logprobs, beside = tokens_of(choice)
        for name, text in texts.items():
            self.texts.setdefault(name, []).append(text)
        if ids and not self.token_ids:
            self.first_token_ids = ids
        self.token_ids += ids
        if beside:
            self.token_ids_from = "logprobs"
        self.logprobs += logprobs
        return bool(texts or ids)

    def answer(self, clock: _Clock | None = None) -> Answer:
        times = clock.times() if clock is not None else ()
        output = self._whole() if self._keep else _NOTHING
        if clock is not None and self.first_token_ids:  # of a stream: what stopped the clock of its first token
            output = {**output, "first_token_ids": self.first_token_ids}
        return Answer(output, *counts(self.usage), *times)

    def _whole(self) -> dict[str, Any]:
        output: dict[str, Any] = {"text": ""}
        output.update({name: "".join(parts) for name, parts in self.texts.items()})
        for name in ("finish_reason", "token_ids", "token_ids_from", "logprobs"):
            if value := getattr(self, name):
                output[name] = value
        return output


class _Clock:
    """When the chunks of a stream came."""

    __slots__ = ("_each", "_first_ns", "_keep", "_last_ns", "chunks")

    def __init__(self, keep: bool) -> None:
        self._keep = keep
        self._each: list[int] = []
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self.chunks = 0

    def came(self, chunks: int, now_ns: int) -> None:
        if self._first_ns is None:
            self._first_ns = now_ns
        self._last_ns = now_ns
        self.chunks += chunks
        if self._keep:
            self._each += [now_ns] * chunks

    def times(self) -> tuple[int, int | None, int | None, Sequence[int]]:
        return self.chunks, self._first_ns, self._last_ns, self._each


class WholeDecoder:
    """One JSON object."""

    __slots__ = ("_api", "_keep", "_parts", "_size")

    def __init__(self, api: OpenAI, keep: Keep) -> None:
        self._api = api
        self._keep = keep
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes, now_ns: int) -> None:
        self._size += len(data)
        self._keep.check_size(self._size)
        self._parts.append(data)

    def finish(self) -> Answer:
        return self._api.whole(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts), self._keep)


class StreamDecoder:
    """A stream of chunks; complete once the server has said so, by `[DONE]` or by a finish reason."""

    __slots__ = ("_api", "_clock", "_done", "_events", "_fed_ns", "_keep", "_mould", "_output", "_size", "_to_try")

    def __init__(self, api: OpenAI, keep: Keep) -> None:
        self._api = api
        self._keep = keep
        self._events = EventStream()
        self._output = _Output(api, keep.outputs)
        self._clock = _Clock(keep.chunk_times)
        self._size = self._fed_ns = 0
        self._done = False
        self._mould: Mould | None = None
        self._to_try = _TRIED_FOR_A_MOULD

    def feed(self, data: bytes, now_ns: int) -> None:
        self._fed_ns = now_ns
        self._size += len(data)
        self._keep.check_size(self._size)
        self._take(self._events.feed(data), now_ns)

    def finish(self) -> Answer:
        self._take(self._events.finish(), self._fed_ns)  # what the end of the body completes came with its last bytes
        if not self._done and self._output.finish_reason is None:
            raise DecodeError("the stream ended before the answer did: neither [DONE] nor a finish reason")
        if not self._output.choices:
            raise DecodeError("the stream has no choices")
        return self._output.answer(self._clock)

    def _take(self, events: list[bytes], now_ns: int) -> None:
        if self._done or not events:
            return
        if events[-1] == b"[DONE]":  # where it nearly always is
            self._done = True
            events.pop()
        first = 0
        chunks = 0
        while self._mould is None and self._to_try and first < len(events):
            if (event := events[first]).strip() == b"[DONE]":
                break
            chunks += self._take_and_learn(event)
            first += 1
        if first < len(events):
            chunks += self._rest(events[first:] if first else events)
        if chunks:
            self._clock.came(chunks, now_ns)

    def _take_and_learn(self, event: bytes) -> int:
        """Take one event, and its mould if it has one; whether it carried output."""
        self._to_try -= 1
        body = loads(event)
        if text := self._output.plain_text(body):
            self._mould = mould_of(event, text, self._output.plain_text)
        return self._output.take((body,))

    def _rest(self, events: list[bytes]) -> int:
        """Take events; how many carried output."""
        if (mould := self._mould) is not None:
            # Behind the plain chunks come one that tells why it ends, and one of usage.
            end = len(events)
            while end and len(events) - end < _NOT_PLAIN_AT_THE_END and not mould.fits(events[end - 1]):
                end -= 1
            if end and (texts := mould.texts(events[:end])) is not None:
                carried = self._output.take_plain(texts)
                return carried + (self._parsed(events[end:]) if end < len(events) else 0)
        return self._parsed(events)

    def _parsed(self, events: list[bytes]) -> int:
        """Take events, each of which is parsed; how many carried output."""
        text = _BETWEEN.join(events)
        if b"[DONE]" in text and (ends := [n for n, event in enumerate(events) if event.strip() == b"[DONE]"]):
            self._done = True
            events = events[: ends[0]]
            text = _BETWEEN.join(events)
        return self._output.take(_together(text, len(events)) or map(loads, events))


def _together(text: bytes, events: int) -> list[dict[str, Any]] | None:
    """The objects of events joined by `_BETWEEN`, parsed at once, which costs less than one by one; None unless each
    event by itself is one object that tells of no error.

    The bracket closes what an event leaves open, and the line break, which no JSON string may hold, its strings: no two
    events can be read as one. Names may be spelled with escapes, so that an escape is looked at too.
    """
    if events < 2:
        return None
    try:
        lists = orjson.loads(b"[[%b]]" % text)
    except orjson.JSONDecodeError:
        return None
    if len(lists) != events or {*map(len, lists)} != {1}:
        return None
    bodies: list[dict[str, Any]] = [body for (body,) in lists]
    if {*map(type, bodies)} != {dict} or ((b"error" in text or b"\\" in text) and any(map(is_error, bodies))):
        return None
    return bodies
