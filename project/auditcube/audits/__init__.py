"""The audit tests: one file each, found by its name. Adding a test is adding a file here.

A test is a module with `TITLE`, `Params`, `plan` and `judge` (see `contract.AuditTest`); its file's name is its id. One
that judges by a score also has `scoring(params)`, which says what is to be scored (`scorers.Scoring`).
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, cast

from auditcube.audits.contract import AuditTest
from auditcube.audits.scorers import Scoring

_NOT_TESTS = {"contract", "scorers"}


def names() -> list[str]:
    """The ids of all audit tests."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _NOT_TESTS)


def get(test_id: str) -> AuditTest | None:
    """The audit test with this id, or None."""
    if test_id not in names():
        return None
    return cast(AuditTest, importlib.import_module(f"{__name__}.{test_id}"))


def scoring(test: AuditTest, params: Any) -> Scoring | None:
    """What an audit wants scored before it judges: what its `scoring(params)` says, if it has one."""
    find = getattr(test, "scoring", None)
    return None if find is None else cast("Scoring | None", find(params))
