"""What `openai_chat` and `openai_completions` share: parameters, whole answers, and streams of chunks.

Servers differ: a stream may end without `[DONE]`; `usage` may come in a chunk of its own, with the last one, or not at
all; token ids are `token_ids` (vLLM) or ids inside `logprobs` (llama.cpp). All of that is read, none is required.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from auditcube.adapters.contract import Answer, DecodeError, Decoder, loads, merged
from auditcube.adapters.sse import EventStream
from auditcube.dataset import Column, Sample

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

    defaults: Mapping[str, Any] = {}

    def check_parameters(self, parameters: Mapping[str, Any]) -> str | None:
        stream = parameters.get("stream")
        return None if stream is None or isinstance(stream, bool) else "stream: true or false is wanted"

    def encode(self, sample: Sample, model: str | None, parameters: Mapping[str, Any]) -> bytes:
        return orjson.dumps(self.body(merged(sample, model, parameters)))

    def body(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The request object for these fields."""
        return fields

    def decoder(self, content_type: str) -> Decoder:
        if content_type.startswith("text/event-stream"):
            return StreamDecoder(self)
        return WholeDecoder(self)

    @abstractmethod
    def text_of(self, choice: Mapping[str, Any]) -> Mapping[str, str]:
        """The texts in one choice, whole or streamed, by name (`text`, `reasoning`)."""


@dataclass
class _Output:
    """The parts of an answer, gathered from one object or from many chunks."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)

    def take(self, api: OpenAI, body: Mapping[str, Any]) -> bool:
        """Add one object; whether it carried output."""
        if isinstance(usage := body.get("usage"), dict):
            self.usage = usage
        choices = body.get("choices")
        if not isinstance(choices, list):
            return False
        return any([self._choice(api, choice) for choice in choices if isinstance(choice, dict)])

    def _choice(self, api: OpenAI, choice: Mapping[str, Any]) -> bool:
        texts = {name: text for name, text in api.text_of(choice).items() if text}
        for name, text in texts.items():
            self.texts.setdefault(name, []).append(text)
        ids, logprobs = _tokens_of(choice)
        self.token_ids += ids
        self.logprobs += logprobs
        if isinstance(reason := choice.get("finish_reason"), str):
            self.finish_reason = reason
        return bool(texts or ids)

    def answer(self) -> Answer:
        output: dict[str, Any] = {"text": ""}
        output.update({name: "".join(parts) for name, parts in self.texts.items()})
        for name in ("finish_reason", "token_ids", "logprobs"):
            if value := getattr(self, name):
                output[name] = value
        return Answer(output, _count(self.usage, "prompt_tokens"), _count(self.usage, "completion_tokens"))


class WholeDecoder:
    """One JSON object."""

    def __init__(self, api: OpenAI) -> None:
        self._api = api
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> int:
        self._parts.append(data)
        return 0

    def finish(self) -> Answer:
        body = loads(b"".join(self._parts))
        choices = body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict):
            raise DecodeError("the answer has no choices")
        if not isinstance(first.get("message"), dict) and not isinstance(first.get("text"), str):
            raise DecodeError("the first choice has neither message nor text")
        output = _Output()
        output.take(self._api, body)
        return output.answer()


class StreamDecoder:
    """A stream of chunks; complete once the server has said so, by `[DONE]` or by a finish reason."""

    def __init__(self, api: OpenAI) -> None:
        self._api = api
        self._events = EventStream()
        self._output = _Output()
        self._done = False

    def feed(self, data: bytes) -> int:
        return self._take(self._events.feed(data))

    def finish(self) -> Answer:
        self._take(self._events.finish())
        if not self._done and self._output.finish_reason is None:
            raise DecodeError("the stream ended before the answer did: neither [DONE] nor a finish reason")
        return self._output.answer()

    def _take(self, events: list[bytes]) -> int:
        chunks = 0
        for event in events:
            if self._done:
                break
            if event.strip() == b"[DONE]":
                self._done = True
            else:
                chunks += self._output.take(self._api, loads(event))
        return chunks


def _tokens_of(choice: Mapping[str, Any]) -> tuple[list[int], list[float]]:
    """Token ids and log probabilities of one choice, in the shapes of OpenAI (old and new), vLLM and llama.cpp."""
    logprobs = choice.get("logprobs")
    ids, values = choice.get("token_ids"), None
    if isinstance(logprobs, dict):
        values = logprobs.get("token_logprobs")
        if isinstance(content := logprobs.get("content"), list):
            entries = [entry for entry in content if isinstance(entry, dict)]
            values = [entry.get("logprob") for entry in entries]
            ids = ids or [entry.get("id") for entry in entries]
    return _only(ids, int), [float(value) for value in _only(values, (int, float))]


def _only(values: Any, kind: Any) -> list[Any]:
    whole = isinstance(values, list) and all(isinstance(v, kind) and not isinstance(v, bool) for v in values)
    return list(values) if whole else []


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if type(value) is int and value >= 0 else None
