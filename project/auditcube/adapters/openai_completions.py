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
        prompt = sample.fields["prompt"]
        # Every vocabulary has ids below 256, so the bytes of the salt are a valid prefix of any list of token ids.
        changed = [*bytes.fromhex(salt), *prompt] if isinstance(prompt, list) else f"{salt} {prompt}"
        return Sample(sample.index, {**sample.fields, "prompt": changed})

    def text_of(self, choice: Mapping[str, Any]) -> Mapping[str, str]:
        text = choice.get("text")
        return {"text": text} if isinstance(text, str) else {}


ADAPTER = OpenAICompletions()
