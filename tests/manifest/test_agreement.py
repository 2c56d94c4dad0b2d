"""Schema, types and two validators agree: on a shelf of valid and broken manifests, and on generated ones."""

from __future__ import annotations

import itertools
import random
import types
import typing
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from pydantic import BaseModel, ValidationError

from auditcube.manifest import schema
from auditcube.manifest.canonical import odd_numbers, same
from auditcube.manifest.model import RunAudit
from bundles import dumps
from manifest.examples import FULL, ISSUE_367
from manifest.test_schema import REQUIRED, SHELF, changed
from mutations import mutants

DOCUMENT = schema.document()
ONE = jsonschema.Draft202012Validator(DOCUMENT)
OTHER = jsonschema_rs.Draft202012Validator(DOCUMENT)
VALID: list[dict[str, Any]] = [
    ISSUE_367,
    FULL,
    *(changed(f"/{name}", ...) for name in FULL.keys() - ISSUE_367.keys()),
    changed("/provenance/dirty", None),
    changed("/extensions", {}),
    changed("/verdicts/0/numbers", {"a": None, "b": True, "c": 1, "d": 0.5, "e": "x"}),
]


def pointers_of_one(value: Any) -> set[str]:
    return {schema.pointer(error.absolute_path) for error in ONE.iter_errors(value)}


def pointers_of_other(value: Any) -> set[str]:
    return {schema.pointer(error.instance_path) for error in OTHER.iter_errors(value)}


def accepted_by_the_types(value: Any) -> bool:
    """Whether the types take a value; if so, it comes out of them as it went in."""
    try:
        typed = RunAudit.of(value)
    except ValidationError:
        return False
    assert same(typed.model_dump(exclude_unset=True), value)
    return True


@pytest.mark.parametrize("manifest", VALID)
def test_all_accept_what_is_valid(manifest: dict[str, Any]) -> None:
    assert pointers_of_one(manifest) == pointers_of_other(manifest) == set()
    assert accepted_by_the_types(manifest)


BROKEN = [changed(at, value) for _, at, value in SHELF] + [changed(at, ...) for at in REQUIRED]


def test_the_validators_find_the_same_in_what_is_broken() -> None:
    for manifest in BROKEN:
        assert pointers_of_one(manifest) == pointers_of_other(manifest) != set()


def test_the_types_refuse_other_types() -> None:
    for at, value in (("/benchmark", 5), ("/artifacts/0/size", "3"), ("/artifacts/0/size", True), ("/verdicts", {})):
        assert not accepted_by_the_types(changed(at, value))
    for at in REQUIRED:
        assert not accepted_by_the_types(changed(at, ...))


@pytest.mark.parametrize(("base", "seed"), [(ISSUE_367, 1), (FULL, 2)])
def test_all_agree_on_generated_manifests(base: dict[str, Any], seed: int) -> None:
    tried = valid = 0
    for mutant in itertools.islice(mutants(base, dumps(base), dumps, random.Random(seed)), 600):
        value = mutant.value
        if value is None or "deeper" in mutant.how:
            continue
        tried += 1
        found = pointers_of_one(value)
        assert found == pointers_of_other(value), mutant.how
        if not found and not list(odd_numbers(value)):
            valid += 1
            assert accepted_by_the_types(value), mutant.how
    assert tried > 200
    assert valid > 5


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = DOCUMENT["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a member's type is, or is a list of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (list, types.UnionType, typing.Union):
        return next((found for part in typing.get_args(annotation) if (found := model_in(part))), None)
    return None


def compared(model: type[BaseModel], node: dict[str, Any], at: str) -> int:
    """Hold a model against the schema of the same object, and all below; returns how many members were compared."""
    fields = model.model_fields
    assert fields.keys() == node["properties"].keys(), at
    assert {name for name, each in fields.items() if each.is_required()} == set(node.get("required", [])), at
    count = len(fields)
    for name, each in fields.items():
        inner = resolved(node["properties"][name])
        inner = resolved(inner["items"]) if inner.get("type") == "array" else inner
        below = model_in(each.annotation)
        assert (below is not None) == ("properties" in inner), f"{at}/{name}"
        if below is not None:
            count += compared(below, inner, f"{at}/{name}")
    return count


def test_the_types_have_the_members_of_the_schema() -> None:
    assert compared(RunAudit, DOCUMENT, "") > 100
