"""One file per API: how a sample becomes a request body, and how a response becomes an answer. No I/O.

An adapter is a module here with a member `ADAPTER`; its file's name is the `endpoint.api` of the config.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from auditcube.adapters.contract import Adapter
from auditcube.errors import InvalidInput


def names() -> list[str]:
    """The APIs that can be spoken."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in modules if _adapter(name) is not None)


def get(api: str) -> Adapter:
    """The adapter of an API. Raises InvalidInput for an unknown one, with those there are."""
    known = names()
    adapter = _adapter(api) if api in known else None
    if adapter is None:
        raise InvalidInput(f"endpoint.api: {api!r} is not known; use one of {', '.join(known)}")
    return adapter


def _adapter(name: str) -> Adapter | None:
    module = importlib.import_module(f"{__name__}.{name}")
    return cast("Adapter | None", getattr(module, "ADAPTER", None))
