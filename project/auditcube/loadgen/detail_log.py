"""`mlperf_log_detail.txt`: messages of LoadGen, or of MLPerf's endpoints client, one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from auditcube.loadgen.errors import Malformed

_MARKS = (":::MLLOG", ":::ENDPTS")


def messages(path: Path) -> Iterator[dict[str, Any]]:
    """All messages in order.

    Raises Malformed for a file that does not start with one, or has one that is no JSON object with a `key`.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mark = None
            for number, line in enumerate(file, 1):
                if number == 1 and (mark := next((m for m in _MARKS if line.startswith(m)), None)) is None:
                    raise Malformed(path, f"does not start with {' or '.join(_MARKS)}", quoted=line.rstrip())
                if mark is not None and line.startswith(mark):
                    yield _message(path, number, line[len(mark) :].rstrip())  # of any space, as upstream
            if mark is None:
                raise Malformed(path, "is empty")
    except UnicodeDecodeError as problem:
        raise Malformed(path, f"is not UTF-8 ({problem.reason})") from problem
    except OSError as problem:
        raise Malformed(path, str(problem.strerror)) from problem


def _message(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as problem:  # the former for a number of thousands of digits as well
        raise Malformed(path, f"line {number} is not JSON ({problem})", quoted=text) from problem
    if not isinstance(message, dict) or "key" not in message:
        raise Malformed(path, f"line {number} is no message with a key")
    return message


def _writable(value: Any) -> Any:
    """A text that can be written, which half a surrogate pair cannot, that JSON may hold; anything else as it is."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


class Detail:
    """A detail log as far as it is judged: the first value of each key, as upstream reads it, and what went wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[Any, Any] = {}
        self.repeated: set[Any] = set()
        self.valueless: set[Any] = set()  # keys whose first message has no value at all
        self.errors: list[str] = []
        self.messages: list[str] = []
        for message in messages(path):
            key, value = _writable(message["key"]), _writable(message.get("value"))
            try:
                if key in self.values:
                    if self.values[key] != value:
                        self.repeated.add(key)
                else:
                    self.values[key] = value
                    if "value" not in message:
                        self.valueless.add(key)
            except TypeError:
                raise Malformed(path, "has a key that is a list or an object") from None
            metadata = message.get("metadata")
            if isinstance(metadata, dict) and metadata.get("is_error"):
                self.errors.append(str(value)[:200])
            if isinstance(key, str) and key.endswith("generic_message"):
                self.messages.append(str(value))

    def get(self, key: str) -> Any:
        return self.values.get(key)
