"""What OpenAI's API and its relatives tell of tokens: ids, log probabilities, counts.

Shapes of OpenAI (old and new), vLLM and llama.cpp; `openai` says which server has what, and when.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DIGITS = 15  # no count and no token id is longer; what is cannot be meant
BEYOND = 10**_DIGITS


def tokens_of(choice: Mapping[str, Any]) -> tuple[list[int], list[float | None], bool]:
    """Token ids and log probabilities of one choice, and whether the ids stand beside the log probabilities only."""
    ids, values, tokens = choice.get("token_ids"), None, None
    if isinstance(logprobs := choice.get("logprobs"), dict):
        values, tokens = logprobs.get("token_logprobs"), logprobs.get("tokens")
        if isinstance(content := logprobs.get("content"), list):
            entries = [entry for entry in content if isinstance(entry, dict)]
            values = [entry.get("logprob") for entry in entries]
            tokens = [entry.get("token") if entry.get("id") is None else entry["id"] for entry in entries]
    if told := _ids(ids):
        return told, _logprobs(values), False
    beside = _ids(tokens)
    return beside, _logprobs(values), bool(beside)


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


def counts(usage: Any) -> tuple[int | None, int | None]:
    """Tokens in and out as the server counts them."""
    if not isinstance(usage, dict):
        return None, None
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < BEYOND else None
