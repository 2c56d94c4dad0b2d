"""Chat completions: POST /v1/chat/completions. A row has `messages`, or a `prompt` (and `system`) to make them of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditcube.adapters.brief import Message, brief_of
from auditcube.adapters.openai import SAMPLING, OpenAI
from auditcube.adapters.variants import Variant, read_variant
from auditcube.dataset import Column, Sample

_TEXTS = (("text", ("content",)), ("reasoning", ("reasoning_content", "reasoning")), ("refusal", ("refusal",)))


class OpenAIChat(OpenAI):
    """The adapter `openai_chat`."""

    path = "/v1/chat/completions"
    one_of = ("prompt", "messages")
    columns: Mapping[str, Column] = {
        "prompt": Column((str,)),
        "messages": Column((list,)),
        "system": Column((str,)),
        "tools": Column((list,)),
        **SAMPLING,
    }

    brief = staticmethod(brief_of({"message": Message}))

    def body(self, fields: dict[str, Any]) -> dict[str, Any]:
        system, prompt = fields.pop("system", None), fields.pop("prompt", None)
        messages = fields.pop("messages", None) or [{"role": "user", "content": prompt}]
        if system is not None:
            messages = [{"role": "system", "content": system}, *messages]
        return {**fields, "messages": messages}

    def salted(self, sample: Sample, salt: str) -> Sample:
        variant = read_variant(salt)
        if variant.kind == "seed":
            return Sample(sample.index, variant.seeded(sample.fields))
        # The system text comes first on the wire, so it is where a shared prefix would start, and never the last.
        for name in ("system", "prompt") if variant.leads else ("prompt",):
            if sample.fields.get(name):
                return Sample(sample.index, {**sample.fields, name: variant.of_text(sample.fields[name])})
        return Sample(sample.index, {**sample.fields, "messages": _salted(sample.fields["messages"], variant)})

    def answers(self, choice: Mapping[str, Any]) -> bool:
        return isinstance(choice.get("message"), dict)

    def carries_text(self, choice: Mapping[str, Any]) -> bool:
        delta = choice.get("delta")
        content = delta.get("content") if isinstance(delta, dict) else None
        return (bool(content) and isinstance(content, str)) or bool(self.text_of(choice))

    def text_of(self, choice: Mapping[str, Any]) -> Mapping[str, str]:
        message = choice.get("delta")
        if not isinstance(message, dict):
            message = choice.get("message")
            if not isinstance(message, dict):
                return {}
        texts = _tool_calls(message["tool_calls"]) if message.get("tool_calls") else {}
        for name, members in _TEXTS:
            for member in members:
                text = message.get(member)
                if text and isinstance(text, str):
                    texts[name] = text
                    break
        return texts


def _tool_calls(calls: Any) -> dict[str, str]:
    """Each call's function and arguments under a name of its own; a streamed call comes in pieces."""
    found = {}
    for position, call in enumerate(calls if isinstance(calls, list) else []):
        if isinstance(call, dict) and isinstance(function := call.get("function"), dict):
            index = call.get("index")
            parts = (function.get("name"), function.get("arguments"))
            text = "".join(part for part in parts if isinstance(part, str))
            if text:
                found[f"tool_call_{index if type(index) is int else position}"] = text
    return found


def _salted(messages: list[Any], variant: Variant) -> list[Any]:
    """The messages with the first one's content changed, or the last one's; a message more if that has none."""
    at = 0 if variant.leads else len(messages) - 1
    message = messages[at] if isinstance(messages[at], dict) else {}
    content = message.get("content")
    if isinstance(content, str):
        changed = [{**message, "content": variant.of_text(content)}]
    elif isinstance(content, list):
        part = [{"type": "text", "text": variant.mark}]
        changed = [{**message, "content": [*part, *content] if variant.leads else [*content, *part]}]
    else:
        added = [{"role": "system" if variant.leads else "user", "content": variant.mark}]
        changed = [*added, messages[at]] if variant.leads else [messages[at], *added]
    return [*messages[:at], *changed, *messages[at + 1 :]]


ADAPTER = OpenAIChat()
