"""A first config: every key with its default and what it means, written from the models themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from auditcube import adapters, audits
from auditcube.config import AuditEntry, JobConfig
from auditcube.scenario import Scenario

DATASET = "prompts.jsonl"
_WIDTH = 40


def config_text(url: str, *, api: str = "videogen", scenario: str = "Offline", samples: int = 64) -> str:
    """A commented config that audits an endpoint with TEST04, on `DATASET` beside it."""
    single = scenario == Scenario.SINGLE_STREAM.value
    values: dict[str, Any] = {
        "benchmark": "demo",
        "scenario": scenario,
        "endpoint": {"url": url, "api": api, "model": "demo", "timeout_s": 60.0, "parameters": _parameters(api)},
        "dataset": {"path": DATASET, "id": "auditcube-prompts", "provenance": "auditcube init"},
        "load": {"max_in_flight": None if single else 16, "warmup_queries": 8, "max_duration_s": 600.0},
        "audits": [{"test": "test04", "samples": samples}],
    }
    head = (
        "# A job for auditcube. Start an endpoint (`auditcube demo_endpoint` is one) and run\n"
        "#   auditcube audit --config THIS_FILE --output_dir results\n"
        "# Every key is here with its default; those that need none may go.\n"
    )
    return head + "\n".join(_block(JobConfig, values, "")) + "\n"


def _parameters(api: str) -> dict[str, Any]:
    return dict(adapters.get(api).defaults) or {"max_tokens": 16, "seed": 42}


def _block(model: type[BaseModel], values: Mapping[str, Any], indent: str) -> Iterator[str]:
    """The lines of one mapping: `key: value  # meaning`."""
    for name, field in model.model_fields.items():
        value = values.get(name, _default(field.default))
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield f"{indent}{name}:"
            yield from _block(inner, value, indent + "  ")
        elif name == "audits":
            yield f"{indent}{name}:  # {field.description}"
            for entry in value:
                yield from _audit(entry, indent + "  ")
        elif isinstance(value, dict) and value:
            yield f"{indent}{name}:  # {field.description}"
            yield from (f"{indent}  {key}: {_scalar(member)}" for key, member in value.items())
        else:
            yield _line(f"{indent}{name}: {_scalar(value)}", field.description)


def _audit(entry: Mapping[str, Any], indent: str) -> Iterator[str]:
    test = audits.get(entry["test"])
    assert test is not None
    yield _line(f"{indent}- test: {AuditEntry(test=entry['test']).test}", test.TITLE)
    yield from _block(test.Params, entry, indent + "  ")


def _default(value: Any) -> Any:
    if value is PydanticUndefined:
        return None
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _scalar(value: Any) -> str:
    """A value as YAML reads it back: JSON is YAML, but for words that need no quotes."""
    text = json.dumps(value, ensure_ascii=False)
    plain = isinstance(value, str) and (value.replace("_", "").replace(".", "").isalnum() or value.startswith("${"))
    return str(value) if plain else text


def _line(text: str, meaning: str | None) -> str:
    return f"{text:<{_WIDTH}}  # {meaning}" if meaning else text
