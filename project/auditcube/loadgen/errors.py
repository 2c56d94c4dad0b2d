"""What can be wrong with a log."""

from __future__ import annotations

from pathlib import Path

from auditcube.errors import InvalidInput


class Malformed(InvalidInput):
    """A log that cannot be read as what it is named for."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__(f"{path}: {text}")
