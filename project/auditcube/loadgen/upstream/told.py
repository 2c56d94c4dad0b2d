"""What a script of upstream's said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MARK = "TEST PASS"
"""What run_verification.py of TEST01 and TEST04 looks for in all that its parts print, their tracebacks included."""


class Crash(Exception):
    """The script would have ended in an uncaught exception, whose traceback repeats `quoted` of the log."""

    def __init__(self, text: str, quoted: str = "") -> None:
        super().__init__(text)
        self.quoted = quoted


@dataclass(frozen=True)
class Told:
    """`passed` is None where the script gives no verdict at all; `exit_code` is its own, which often says nothing.

    `files` are the texts that it writes for the submission, by name; `notes` is why, for people.
    """

    passed: bool | None
    exit_code: int
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def as_float(value: object) -> float:
    """`float(value)`. Raises Crash where that raises."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as problem:
        raise Crash(str(problem), quoted=str(problem)) from None
