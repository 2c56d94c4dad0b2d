"""Typed access to the fields of a JSON request body; a missing field and `null` are the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from auditcube.demo.calls import Refused


class Fields:
    """One request body. Every reader raises `Refused` 400 with the field's name when the value does not fit."""

    def __init__(self, raw: bytes) -> None:
        try:
            body = json.loads(raw)
        except ValueError as error:  # also: not UTF-8
            raise Refused(400, f"the body is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise Refused(400, "the body is not a JSON object")
        self.body: dict[str, Any] = body

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raise for any field outside `known`."""
        unknown = sorted(set(self.body) - set(known))
        if unknown:
            raise Refused(400, f"unknown field: {', '.join(unknown)}")

    def text(self, name: str, default: str | None = None) -> str:
        """A string; without a default it is required."""
        value = self.body.get(name)
        value = default if value is None else value
        if not isinstance(value, str):
            raise Refused(400, f"{name}: a string is needed")
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`, both allowed."""
        value = self.body.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Refused(400, f"{name}: a number from {low:g} to {high:g} is needed")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both allowed."""
        value = self.number(name, default, low, high)
        if value != int(value):
            raise Refused(400, f"{name}: a whole number is needed")
        return int(value)

    def flag(self, name: str) -> bool:
        """True or false; false when missing."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, bool):
            raise Refused(400, f"{name}: true or false is needed")
        return bool(value)

    def choice(self, name: str, *allowed: str) -> str:
        """One of `allowed`; the first when missing."""
        value = self.text(name, allowed[0])
        if value not in allowed:
            raise Refused(400, f"{name}: one of {', '.join(allowed)} is needed")
        return value
