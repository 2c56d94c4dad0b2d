"""What an adapter offers the engine, and the few rules that all of them share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from auditcube.dataset import Column, Sample


class DecodeError(ValueError):
    """The response has a good status, but is not an answer; the text says what is wrong with it."""


@dataclass(frozen=True)
class Answer:
    """What a server answered. `output` is what is kept when outputs are captured; token counts are the server's own."""

    output: Mapping[str, Any] = field(default_factory=dict)
    tokens_in: int | None = None
    tokens_out: int | None = None


class Decoder(Protocol):
    """Reads one response body as it arrives, in pieces of any size."""

    def feed(self, data: bytes) -> int:
        """Take the next bytes; returns how many streamed chunks with output they completed. Raises DecodeError."""
        ...

    def finish(self) -> Answer:
        """The whole answer, once the body has ended. Raises DecodeError if the body is no complete answer."""
        ...


class Adapter(Protocol):
    """One API: its path, the request fields that a data set may set, and both directions of translation."""

    @property
    def path(self) -> str: ...

    @property
    def columns(self) -> Mapping[str, Column]:
        """The request fields that a data set may set."""
        ...

    @property
    def one_of(self) -> tuple[str, ...]:
        """The columns of which each row fills exactly one."""
        ...

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Parameters that are sent unless the config changes them, or sets them to null."""
        ...

    def check_parameters(self, parameters: Mapping[str, Any]) -> str | None:
        """What is wrong with `endpoint.parameters`, in words, or None."""
        ...

    def encode(self, sample: Sample, model: str | None, parameters: Mapping[str, Any]) -> bytes:
        """The request body. A field of the sample overrides a parameter; what was not set is not sent."""
        ...

    def salted(self, sample: Sample, salt: str) -> Sample:
        """The same sample, changed at its front so that no cache, not even of a prefix, can have seen it."""
        ...

    def decoder(self, content_type: str) -> Decoder:
        """A decoder for the body of one successful response."""
        ...


def merged(sample: Sample, model: str | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters, then the sample's own fields over them; members that are None are left out."""
    body = {"model": model, **parameters, **sample.fields}
    return {name: value for name, value in body.items() if value is not None}


def error_message(body: bytes, limit: int = 200) -> str:
    """One line of what an error response says, whether it is JSON, HTML or text."""
    try:
        text = _message_in(orjson.loads(body)) or body.decode("utf-8", "replace")
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace")
        if re.match(r"\s*<", text):
            text = re.sub(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", text)
    return " ".join(text.split())[:limit]


def _message_in(value: Any) -> str | None:
    """The text of `{"error": {"message": ...}}` and its relatives (`detail`, `message`)."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for name in ("error", "message", "detail"):
            if name in value:
                return _message_in(value[name]) or orjson.dumps(value[name]).decode()
    return None


def loads(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises DecodeError for anything else, and for an error told with a good status."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise DecodeError(f"not JSON ({problem}): {error_message(body, 80)!r}") from problem
    if not isinstance(value, dict):
        raise DecodeError(f"a JSON object is wanted, not {error_message(body, 80)!r}")
    if value.get("error"):
        raise DecodeError(f"the server reported an error: {error_message(body)}")
    return value
