"""`audit.config` as MLPerf's scripts read their own thresholds out of it."""

from __future__ import annotations

from pathlib import Path

from auditcube.loadgen.errors import Malformed


def number(path: Path, name: str, *, comments: bool) -> float | None:
    """The last number given for `name`, under any model and scenario; None if there is none.

    `comments`: whether a `#` behind the value starts a comment (TEST09), or makes the line unreadable (TEST07).
    """
    try:
        lines = path.read_text("utf-8").split("\n")  # as a file's lines: a form feed ends none
    except OSError as problem:
        raise Malformed(path, str(problem.strerror)) from problem
    except UnicodeDecodeError as problem:
        raise Malformed(path, f"is not UTF-8 ({problem.reason})") from problem
    found = None
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#") or "=" not in text:
            continue
        key, _, value = text.partition("=")
        parts = key.strip().split(".")
        if len(parts) < 3 or parts[-1] != name:
            continue
        if comments:
            value = value.partition("#")[0]
        try:
            found = float(value.strip())
        except ValueError:
            continue
    return found
