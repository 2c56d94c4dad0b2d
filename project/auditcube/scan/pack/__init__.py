"""The rule pack: every rule, its version, and a digest that says which rules a scan was made with."""

from __future__ import annotations

import hashlib
from functools import cache

from auditcube.scan.pack import cloud, cluster, commands, generic, machine, models, national, personal, services
from auditcube.scan.rule import Rule

VERSION = "2"
_PARTS = (cloud, models, services, generic, commands, personal, national, machine, cluster)
RULES: tuple[Rule, ...] = tuple(rule for part in _PARTS for rule in part.RULES)


@cache
def digest() -> str:
    """sha256 over what every rule looks for, in their order."""
    parts = (f"{r.id}\0{r.pattern}\0{r.anchors}\0{r.reach}\0{r.bounded}\0{r.shape}\0{r.groups}\n" for r in RULES)
    return hashlib.sha256("".join([VERSION, "\n", *parts]).encode()).hexdigest()
