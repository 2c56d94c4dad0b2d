"""The schema as a document: closed, bounded, and never another under the same name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from auditcube.manifest import schema

DOCUMENT = schema.document()


def schemas(value: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in the document, with its pointer."""
    if isinstance(value, list):
        for number, member in enumerate(value):
            yield from schemas(member, f"{at}/{number}")
    if not isinstance(value, dict):
        return
    if not at.endswith(("/properties", "/$defs")):
        yield at, value
    for name, member in value.items():
        yield from schemas(member, f"{at}/{name}")


ALL = dict(schemas(DOCUMENT))


def of_type(name: str) -> list[str]:
    return [at for at, one in ALL.items() if name in one.get("type", []) or one.get("type") == name]


def test_the_name_of_the_schema_is_for_good() -> None:
    """Whoever has pinned it must find the same rules under it: a change that refuses what was valid needs a v2."""
    assert DOCUMENT["$id"] == "urn:mlcube:schema:run_audit:v1"
    assert DOCUMENT["properties"]["schema_version"] == {"const": "mlcube.run_audit.v1"}


def test_there_is_something_to_look_at() -> None:
    assert len(of_type("object")) > 15
    assert len(of_type("string")) > 8


@pytest.mark.parametrize("at", [at for at, one in ALL.items() if "pattern" in one and not at.endswith("/not")])
def test_a_pattern_has_a_largest_length_and_no_line_break(at: str) -> None:
    """Python's `$` lets a line break at the end pass."""
    one = ALL[at]
    fixed = one.get("minLength") == one["maxLength"] or re.fullmatch(r"\^[^$|*+?]*\$", one["pattern"])
    assert "maxLength" in one
    assert fixed or "\\n" in one["not"]["pattern"]
    assert one["pattern"].startswith("^")
    assert one["pattern"].endswith("$")


@pytest.mark.parametrize("at", of_type("string"))
def test_a_text_is_bounded(at: str) -> None:
    assert "maxLength" in ALL[at] or "enum" in ALL[at]


@pytest.mark.parametrize("at", of_type("array"))
def test_a_list_is_bounded(at: str) -> None:
    assert ALL[at]["maxItems"] <= 1_000_000
    assert "items" in ALL[at]


@pytest.mark.parametrize("at", of_type("integer"))
def test_an_integer_survives_every_reader(at: str) -> None:
    assert ALL[at]["minimum"] >= 0
    assert ALL[at]["maximum"] <= 2**53 - 1


@pytest.mark.parametrize("at", of_type("object"))
def test_an_object_is_closed(at: str) -> None:
    """`extensions` is the only open one; a map has bounded names, and values of one kind."""
    one = ALL[at]
    if at == "/properties/extensions":
        assert "additionalProperties" not in one
    elif one.get("additionalProperties") is not False:
        assert {"additionalProperties", "propertyNames", "maxProperties"} <= one.keys()
    else:
        assert set(one.get("required", [])) <= one["properties"].keys()


@pytest.mark.parametrize(("text", "valid"), [
    *((str(n), True) for n in (0, 9, 10, 2**53, 2**63, 2**64 - 1, 10**19, 18446744073709551599)),
    *((str(n), False) for n in (2**64, 2**64 + 1, 18446744073709551620, 10**20 - 1, 18446744080000000000)),
])  # fmt: skip
def test_a_seed_has_64_bits(text: str, valid: bool) -> None:
    pattern = DOCUMENT["$defs"]["uint64"]["pattern"]
    assert bool(re.search(pattern, text)) is valid
