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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditcube.adapters.contract import Answer, DecodeError, Decoder, loads, merged, to_json, unsendable
from auditcube.adapters.sse import EventStream
from auditcube.dataset import Column, Sample

_DIGITS = 15  # no count and no token id is longer; what is cannot be meant
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
        if stream is not None and not isinstance(stream, bool):
            return "stream: true or false is wanted"
        return unsendable(parameters)

    def encode(self, sample: Sample, model: str | None, parameters: Mapping[str, Any]) -> bytes:
        return to_json(self.body(merged(sample, model, parameters)))

    def body(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The request object for these fields."""
        return fields

    def decoder(self, content_type: str) -> Decoder:
        if content_type.startswith("text/event-stream"):
            return StreamDecoder(self)
        return WholeDecoder(self)

    @abstractmethod
    def answers(self, choice: Mapping[str, Any]) -> bool:
        """Whether this choice of a whole answer is one of this API."""

    @abstractmethod
    def text_of(self, choice: Mapping[str, Any]) -> Mapping[str, str]:
        """The texts in one choice, whole or streamed, by name (`text`, `reasoning`)."""


@dataclass
class _Output:
    """The parts of an answer, gathered from one object or from many chunks."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float | None] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    choices: int = 0

    def take(self, api: OpenAI, body: Mapping[str, Any]) -> bool:
        """Add one object; whether it carried output."""
        if isinstance(usage := body.get("usage"), dict):
            self.usage = usage
        choices = body.get("choices")
        if not isinstance(choices, list):
            return False
        return any([self._choice(api, choice) for choice in choices if isinstance(choice, dict)])

    def _choice(self, api: OpenAI, choice: Mapping[str, Any]) -> bool:
        self.choices += 1
        texts = {name: text for name, text in api.text_of(choice).items() if text}
        ids, logprobs = _tokens_of(choice)
        if choice.get("index") in (0, None):
            for name, text in texts.items():
                self.texts.setdefault(name, []).append(text)
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
        if not self._api.answers(first):
            raise DecodeError("the first choice is not one of this API; does endpoint.api fit endpoint.path?")
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
        if not self._output.choices:
            raise DecodeError("the stream has no choices")
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


def _tokens_of(choice: Mapping[str, Any]) -> tuple[list[int], list[float | None]]:
    """Token ids and log probabilities of one choice, in the shapes of OpenAI (old and new), vLLM and llama.cpp."""
    ids, values, tokens = choice.get("token_ids"), None, None
    if isinstance(logprobs := choice.get("logprobs"), dict):
        values, tokens = logprobs.get("token_logprobs"), logprobs.get("tokens")
        if isinstance(content := logprobs.get("content"), list):
            entries = [entry for entry in content if isinstance(entry, dict)]
            values = [entry.get("logprob") for entry in entries]
            tokens = [entry.get("token") if entry.get("id") is None else entry["id"] for entry in entries]
    return _ids(ids) or _ids(tokens), _logprobs(values)


def _ids(values: Any) -> list[int]:
    """All token ids, or none if one of them is none."""
    if not isinstance(values, list):
        return []
    ids = [_id(value) for value in values]
    return [found for found in ids if found is not None] if None not in ids else []


def _id(value: Any) -> int | None:
    if isinstance(value, str) and (number := value.removeprefix("token_id:")) != value:
        return int(number) if number.isascii() and number.isdigit() and len(number) < _DIGITS else None
    return value if type(value) is int else None


def _logprobs(values: Any) -> list[float | None]:
    """All log probabilities (the first token of an echoed prompt has none), or nothing if one is something else."""
    if not isinstance(values, list) or not all(value is None or type(value) in (int, float) for value in values):
        return []
    return [None if value is None else float(value) for value in values] if any(v is not None for v in values) else []


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    value = usage.get(name)
    return value if type(value) is int and 0 <= value < 10**_DIGITS else None
