"""What can be wrong with a log."""

from __future__ import annotations

from pathlib import Path

from auditcube.errors import InvalidInput


class Malformed(InvalidInput):
    """A log that cannot be read as what it is named for; upstream's traceback repeats `quoted` of it."""

    def __init__(self, path: Path, text: str, quoted: str = "") -> None:
        super().__init__(f"{path}: {text}")
        self.quoted = quoted


class NotJson(Malformed):
    """A log that is no JSON, as opposed to JSON that Python cannot hold."""
