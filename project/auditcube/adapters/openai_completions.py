"""Text completions: POST /v1/completions. A row has a `prompt`: text, or a list of token ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditcube.adapters.openai import SAMPLING, OpenAI
from auditcube.dataset import Column, Sample


class OpenAICompletions(OpenAI):
    """The adapter `openai_completions`."""

    path = "/v1/completions"
    one_of = ("prompt",)
    columns: Mapping[str, Column] = {
        "prompt": Column((str, list)),
        "suffix": Column((str,)),
        "echo": Column((bool,)),
        **SAMPLING,
    }

    def salted(self, sample: Sample, salt: str) -> Sample:
        return Sample(sample.index, {**sample.fields, "prompt": _salted(sample.fields["prompt"], salt)})

    def answers(self, choice: Mapping[str, Any]) -> bool:
        return isinstance(choice.get("text"), str) or isinstance(choice.get("token_ids"), list)

    def carries_text(self, choice: Mapping[str, Any]) -> bool:
        text = choice.get("text")
        return bool(text) and isinstance(text, str)

    def text_of(self, choice: Mapping[str, Any]) -> Mapping[str, str]:
        text = choice.get("text")
        return {"text": text} if text and isinstance(text, str) else {}


def _salted(prompt: Any, salt: str) -> Any:
    """Text, a list of token ids, or a list of either, each with the salt in front."""
    if isinstance(prompt, str):
        return f"{salt} {prompt}"
    if all(isinstance(item, (str, list)) for item in prompt):
        return [_salted(item, salt) for item in prompt]
    # Every vocabulary has ids below 256, so the bytes of the salt are a valid prefix of any list of token ids.
    return [*bytes.fromhex(salt), *prompt]


ADAPTER = OpenAICompletions()
