"""The JSON of whole answers, and the log probabilities that whole and streamed answers share."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditcube.demo.calls import Call
from auditcube.demo.text import VOCABULARY, Text, Token
from auditcube.demo.video import Video

Json = dict[str, object]


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    content_type: str
    body: bytes


def json_reply(content: Json, status: int = 200) -> Reply:
    """`content` as JSON."""
    return Reply(status, "application/json", json.dumps(content).encode())


def error_reply(status: int, message: str, kind: str) -> Reply:
    """An error body. `kind`: `json` as OpenAI words it, `text`, or `html` as a proxy in between would answer."""
    if kind == "text":
        return Reply(status, "text/plain; charset=utf-8", f"{message}\n".encode())
    if kind == "html":
        page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1><p>{message}</p></body></html>\n"
        return Reply(status, "text/html; charset=utf-8", page.encode())
    return json_reply({"error": {"message": message, "type": "demo_endpoint", "code": status}}, status)


def wants_path(call: Call) -> bool:
    """Whether a video is answered by the path of its file."""
    return call.body.get("response_format") in (None, "video_path")


def video_reply(video: Video, path: Path | None, raw: bool) -> Reply:
    """A video as bare MP4 (`raw`), by the path of its file, or without one in base64."""
    if raw:
        return Reply(200, "video/mp4", video.data)
    if path is not None:
        return json_reply({"video_id": video.video_id, "video_path": str(path)})
    return json_reply({"video_id": video.video_id, "video_bytes": base64.b64encode(video.data).decode()})


@dataclass(frozen=True)
class Envelope:
    """What every object of one text answer repeats."""

    id: str
    created: int
    model: str

    def wrap(self, kind: str, choices: list[Json]) -> Json:
        """An object of OpenAI's `kind`."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}


def envelope(call: Call, model: str) -> Envelope:
    """A fresh one; the model's name is the one that was asked for, else `model`."""
    prefix = "chatcmpl" if call.kind == "chat" else "cmpl"
    return Envelope(f"{prefix}-{uuid.uuid4().hex}", int(time.time()), str(call.body.get("model") or model))


def text_reply(call: Call, text: Text, model: str) -> Reply:
    """A whole answer of a chat or a completion."""
    chat = call.kind == "chat"
    choice: Json = {"index": 0, "finish_reason": text.finish_reason, "logprobs": logprobs(call, text.tokens)}
    if chat:
        choice["message"] = {"role": "assistant", "content": text.text}
    else:
        choice["text"] = text.text
    answer = envelope(call, model).wrap("chat.completion" if chat else "text_completion", [choice])
    if call.body.get("return_token_ids"):
        # Where vLLM has them: a chat's prompt outside of the choice, a completion's within it.
        choice["token_ids"] = [token.id for token in text.tokens]
        (answer if chat else choice)["prompt_token_ids"] = list(text.prompt_token_ids)
    answer["usage"] = text.usage
    return json_reply(answer)


def logprobs(call: Call, tokens: Sequence[Token], offset: int = 0) -> Json | None:
    """The `logprobs` object for `tokens`, the first of which starts at character `offset`; None unless asked for."""
    if call.kind == "chat":
        top = _count(call.body.get("top_logprobs"))
        return {"content": [_chat_logprob(token, top) for token in tokens]} if call.body.get("logprobs") else None
    asked = call.body.get("logprobs")
    return None if asked is None else _completion_logprobs(tokens, _count(asked), offset)


def _count(asked: object) -> int:
    return int(asked) if isinstance(asked, int | float) else 0


def _alternatives(token: Token, count: int) -> list[tuple[str, float]]:
    # The chosen token and the next ones of the vocabulary, each less likely than the one before.
    space = " " if token.text.startswith(" ") else ""
    others = ((space + VOCABULARY[(token.id + k) % len(VOCABULARY)], token.logprob - k) for k in range(1, count))
    return [(token.text, token.logprob), *others][:count]


def _chat_logprob(token: Token, top: int) -> Json:
    def entry(text: str, logprob: float) -> Json:
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    alternatives = [entry(text, logprob) for text, logprob in _alternatives(token, top)]
    return {**entry(token.text, token.logprob), "top_logprobs": alternatives}


def _completion_logprobs(tokens: Sequence[Token], top: int, offset: int) -> Json:
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.text)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": [dict(_alternatives(token, top)) for token in tokens],
        "text_offset": offsets,
    }
