"""A second engine beside our rules: betterleaks, with the rules of gitleaks and more (extra `betterleaks`).

It only looks. No claim of a sidecar rests on it, as whoever checks one may not have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from auditcube.errors import SetupFailed
from auditcube.scan.files import Leak

_BLOCK = 1 << 24  # of whole lines, which are looked at together

SecondLook = Callable[[Path, str], Iterator[Leak]]
"""Looks at a file of text; findings carry the name that is given."""


def betterleaks() -> SecondLook:
    """The engine. Raises SetupFailed where its package is not installed."""
    try:
        from betterleaks import scan_string
    except ImportError:
        text = "--betterleaks needs the package betterleaks-py: pip install 'auditcube[betterleaks]'"
        raise SetupFailed(text) from None

    def look(file: Path, name: str) -> Iterator[Leak]:
        before = 0
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                block += stream.readline()
                found: list[Any] = scan_string(block.decode("utf-8", "replace"))
                for one in found:
                    yield Leak(
                        f"betterleaks:{one.rule_id}", name, before + one.location.start_line, None, len(one.secret)
                    )
                before += block.count(b"\n")

    return look
