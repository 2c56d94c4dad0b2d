"""What an adapter offers the engine, and the few rules that all of them share."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import orjson

from auditcube.dataset import Column, Sample

_EXCERPT_BYTES = 8192
_MESSAGE_DEPTH = 8


class DecodeError(ValueError):
    """The response has a good status, but is not an answer; the text says what is wrong with it."""


@dataclass(frozen=True)
class Keep:
    """What of an answer is wanted besides its counts, and how large one may be that must be held to be read.

    `outputs`: what the server answered; `media`: a video itself, beside its digest; `chunk_times`: when each chunk of a
    stream came, not the first and last only.
    """

    outputs: bool = True
    media: bool = False
    chunk_times: bool = False
    max_answer_bytes: int = 2**25

    def check_size(self, size: int) -> None:
        """Raises DecodeError for an answer of more bytes than may be held."""
        if size > self.max_answer_bytes:
            raise DecodeError(f"the answer is larger than endpoint.max_answer_bytes ({self.max_answer_bytes})")


class Answer(NamedTuple):
    """What a server answered.

    `output` is what is kept when outputs are captured; token counts are the server's own. `chunks` is how many pieces
    of a stream carried output, `first_ns` and `last_ns` when the first and the last of them came; `chunk_ns` is when
    each came, and `media` the video itself, if that was asked for.
    """

    output: Mapping[str, Any] = MappingProxyType({})
    tokens_in: int | None = None
    tokens_out: int | None = None
    chunks: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    chunk_ns: Sequence[int] = ()
    media: bytes = b""


class Decoder(Protocol):
    """Reads one response body as it arrives, in pieces of any size."""

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take the next bytes, which came at this time. Raises DecodeError."""
        ...

    def finish(self) -> Answer:
        """The whole answer, once the body has ended. Raises DecodeError if the body is no complete answer."""
        ...


class Adapter(Protocol):
    """One API: its path, the request fields that a data set may set, and both directions of translation."""

    @property
    def path(self) -> str: ...

    @property
    def textual(self) -> bool:
        """Whether answers are text, which has tokens."""
        ...

    @property
    def varies(self) -> bool:
        """Whether any row can be made into a request that is new for sure, and into one that is nearly the row's."""
        ...

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

    def unstreamed(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters with which the same answer comes in one piece."""
        ...

    def salted(self, sample: Sample, salt: str) -> Sample:
        """The same sample, changed as a variant says that a plan names (see `variants`): by twelve hexadecimal digits
        alone at its front, so that no cache, not even of a prefix, can have seen it."""
        ...

    def decoder(self, content_type: str, keep: Keep) -> Decoder:
        """A decoder for the body of one successful response."""
        ...

    def decode(self, content_type: str, body: bytes, keep: Keep, now_ns: int) -> Answer:
        """The answer in a body that came in one piece, at this time: what a decoder would make of it, at less cost.

        Raises DecodeError.
        """
        ...


def texts(answer: Answer) -> list[str]:
    """All texts that a textual answer's output has: the model's words, not what the server says about them."""
    return [value for name, value in answer.output.items() if isinstance(value, str) and name != "finish_reason"]


def in_one_piece(decoder: Decoder, body: bytes, now_ns: int) -> Answer:
    """What a decoder makes of a body that comes in one piece."""
    decoder.feed(body, now_ns)
    return decoder.finish()


def merged(sample: Sample, model: str | None, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters, then the sample's own fields over them; members that are None are left out."""
    body = {"model": model, **parameters, **sample.fields}
    return {name: value for name, value in body.items() if value is not None}


def to_json(body: Mapping[str, Any]) -> bytes:
    """A request body. Whatever YAML or a data set can hold goes out: integer keys, integers of any size, any text."""
    try:
        return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # an integer beyond 64 bits, or half of a surrogate pair
        return json.dumps(body).encode()


def unsendable(parameters: Mapping[str, Any]) -> str | None:
    """What in `endpoint.parameters` has no spelling in JSON, in words, or None."""
    for name, value in parameters.items():
        try:
            to_json({name: value})
        except (TypeError, ValueError, RecursionError) as problem:
            return f"{name}: cannot be sent as JSON ({problem})"
    return None


def shortened(text: str, limit: int = 200) -> str:
    """At most `limit` characters of a text. Secrets are taken out before: half a key would not be recognized."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def error_message(body: bytes) -> str:
    """One printable line of what an error response says, whether it is JSON, HTML, text or none of them.

    It may be long, and may hold what the request's headers did: take secrets out of it, then apply `shortened`.
    """
    try:
        text = _message_in(orjson.loads(body))
    except orjson.JSONDecodeError:
        text = None
    if text is None:
        text = _excerpt(body)
        if re.match(r"\s*<", text):
            text = re.sub(r"(?is)<(script|style|head)\b.*?</\1>|<[^>]*>", " ", text)
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def _excerpt(body: bytes) -> str:
    """The beginning of a body as text; a word that is cut off is left out, lest half a key remain unrecognized."""
    head = body[:_EXCERPT_BYTES]
    if len(head) < len(body) and len(words := head.rsplit(None, 1)) == 2:
        head = words[0]
    return head.decode("utf-8", "replace")


def _message_in(value: Any, depth: int = 0) -> str | None:
    """The text of `{"error": {"message": ...}}` and its relatives (`detail`, a list of `msg`), if there is one."""
    if isinstance(value, str):
        return value.strip() or None
    if depth == _MESSAGE_DEPTH:
        return None
    if isinstance(value, dict):
        found = (_message_in(value.get(name), depth + 1) for name in ("error", "message", "detail", "msg"))
        return next((text for text in found if text is not None), None)
    return _message_in(value[0], depth + 1) if isinstance(value, list) and value else None


def loads(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises DecodeError for anything else, and for an error told with a good status."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise DecodeError(f"not JSON ({problem}): {error_message(body) or 'nothing'}") from None
    if not isinstance(value, dict):
        raise DecodeError(f"a JSON object is wanted, not {error_message(body)}")
    if is_error(value):
        raise DecodeError(f"the server reported an error: {error_message(body)}")
    return value


def is_error(value: Mapping[str, Any]) -> bool:
    """Whether an object tells of an error; the second form is vLLM's, in the middle of a stream."""
    return bool(value.get("error")) or value.get("object") == "error"


def fits(value: Any, column: Column) -> bool:
    """Whether a parameter is of a type that the column takes; an integer is a number."""
    return type(value) in column.types or (type(value) is int and float in column.types)
