"""Where two configs differ."""

from __future__ import annotations

from typing import Any


def differing_keys(one: Any, other: Any, at: str = "") -> list[str]:
    """Dotted paths at which two configs differ; the data set's file name is no difference."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted({*one, *other})
        return [d for name in names for d in differing_keys(one.get(name), other.get(name), f"{at}.{name}".lstrip("."))]
    return [] if one == other or at == "dataset.path" else [at]
