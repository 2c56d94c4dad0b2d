"""Text completions: POST /v1/completions. A row has a `prompt`: text, or a list of token ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditcube.adapters.brief import brief_of
from auditcube.adapters.openai import SAMPLING, OpenAI
from auditcube.adapters.variants import Variant, read_variant
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

    brief = staticmethod(brief_of({"text": str}))

    def salted(self, sample: Sample, salt: str) -> Sample:
        variant = read_variant(salt)
        if variant.kind == "seed":
            return Sample(sample.index, variant.seeded(sample.fields))
        return Sample(sample.index, {**sample.fields, "prompt": _salted(sample.fields["prompt"], variant)})

    def answers(self, choice: Mapping[str, Any]) -> bool:
        return isinstance(choice.get("text"), str) or isinstance(choice.get("token_ids"), list)

    def carries_text(self, choice: Mapping[str, Any]) -> bool:
        text = choice.get("text")
        return bool(text) and isinstance(text, str)

    def text_of(self, choice: Mapping[str, Any]) -> Mapping[str, str]:
        text = choice.get("text")
        return {"text": text} if text and isinstance(text, str) else {}


def _salted(prompt: Any, variant: Variant) -> Any:
    """Text, a list of token ids, or a list of either, each changed."""
    if isinstance(prompt, str):
        return variant.of_text(prompt)
    if all(isinstance(item, (str, list)) for item in prompt):
        return [_salted(item, variant) for item in prompt]
    return variant.of_tokens(prompt)


ADAPTER = OpenAICompletions()
