"""Streamed answers as server-sent events, in the variants that real servers have."""

from __future__ import annotations

import json
from dataclasses import dataclass

from auditcube.demo.answers import Envelope, Json, logprobs
from auditcube.demo.calls import Call
from auditcube.demo.text import Text

STYLES = {
    "done": "ends with data: [DONE]",
    "no_done": "ends without it",
    "usage_own": "usage in a chunk of its own, if stream_options.include_usage asks for it",
    "usage_last": "usage always, with the last chunk",
    "usage_never": "no usage",
    "crlf": "lines end with CR LF",
    "comments": "a comment line before every event",
}
"""`--sse-style WORD[,WORD...]`; what is not said is `done,usage_own`."""


@dataclass(frozen=True)
class Style:
    """One variant."""

    done: bool = True
    usage: str = "own"
    crlf: bool = False
    comments: bool = False


def style_of(text: str) -> Style:
    """The style that comma-separated words of `STYLES` describe, a later one before an earlier. Raises `ValueError`."""
    words = [word for word in text.split(",") if word]
    unknown = [word for word in words if word not in STYLES]
    if unknown:
        raise ValueError(f"unknown sse style '{unknown[0]}'; known: {', '.join(STYLES)}")
    done = [word for word in words if word.endswith("done")] or ["done"]
    usage = [word for word in words if word.startswith("usage")] or ["usage_own"]
    return Style(done[-1] == "done", usage[-1].partition("_")[2], "crlf" in words, "comments" in words)


class Stream:
    """The events of one answer, in order: `opening`, `advance` as tokens are due, `closing`."""

    def __init__(self, call: Call, envelope: Envelope, style: Style) -> None:
        self._call, self._envelope, self._style = call, envelope, style
        self._chat = call.kind == "chat"
        self._kind = "chat.completion.chunk" if self._chat else "text_completion"
        self._sent = self._characters = 0

    def opening(self) -> bytes:
        """What comes before the first token: a chat says who speaks."""
        if not self._chat:
            return b""
        return self._event(self._chunk(self._choice({"role": "assistant", "content": ""}, None)))

    def advance(self, text: Text, count: int) -> bytes:
        """The events of the tokens up to `count` that have not been sent."""
        return b"".join(self._token(text, position) for position in range(self._sent, count))

    def closing(self, text: Text) -> bytes:
        """The rest of the tokens, the reason of the end, the usage, the mark of the end."""
        events = self.advance(text, len(text.tokens))
        last = self._chunk(self._choice({} if self._chat else {"text": ""}, text.finish_reason))
        if self._style.usage == "last":
            last["usage"] = text.usage
        events += self._event(last)
        if self._style.usage == "own" and self._asks_for_usage():
            events += self._event({**self._envelope.wrap(self._kind, []), "usage": text.usage})
        return events + (self._line("[DONE]") if self._style.done else b"")

    def _token(self, text: Text, position: int) -> bytes:
        token = text.false_start if position == 0 and text.false_start else text.tokens[position]
        choice = self._choice({"content" if self._chat else "text": token.text}, None)
        chunk = self._chunk(choice)
        choice["logprobs"] = logprobs(self._call, [token], self._characters)
        if self._call.body.get("return_token_ids"):
            choice["token_ids"] = [token.id]
            if position == 0:
                (chunk if self._chat else choice)["prompt_token_ids"] = list(text.prompt_token_ids)
        self._sent, self._characters = position + 1, self._characters + len(token.text)
        return self._event(chunk)

    def _choice(self, delta: Json, finish_reason: str | None) -> Json:
        return {"index": 0, "finish_reason": finish_reason, **({"delta": delta} if self._chat else delta)}

    def _chunk(self, choice: Json) -> Json:
        return self._envelope.wrap(self._kind, [choice])

    def _asks_for_usage(self) -> bool:
        options = self._call.body.get("stream_options")
        return isinstance(options, dict) and bool(options.get("include_usage"))

    def _event(self, content: Json) -> bytes:
        return self._line(json.dumps(content))

    def _line(self, data: str) -> bytes:
        end = "\r\n" if self._style.crlf else "\n"
        return f"{': here' + end if self._style.comments else ''}data: {data}{end}{end}".encode()
