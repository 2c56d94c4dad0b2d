"""`mlperf_log_accuracy.json`: a JSON list, read an entry at a time whatever its size.

LoadGen writes one object per line, which is read many lines at a time; any other spelling of a list is read as well,
more slowly. What `json.load` would refuse is refused here, at the latest when its place is reached.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import orjson

from auditcube.loadgen.errors import Malformed, NotJson

_BLOCK = 2**16
_PIECE, _LONGEST = 2**20, 2**26
_BLANKS = b" \t\n\r"
_PLAIN = {str, int, bool, type(None)}
_SPACE = re.compile(r"[ \t\n\r]*")
_CUT = "\n\n...\n\n"  # what tools/submission/truncate_accuracy_log.py leaves between a head and a tail


def entries(path: Path) -> Iterator[Any]:
    """Every element of the list. Raises Malformed where `json.load` would not give something to iterate over."""
    taken = 0
    try:
        file = path.open("rb", buffering=0)
    except OSError as problem:
        raise Malformed(path, str(problem.strerror)) from problem
    with file:
        for some in _pieces(file):
            if some is None:
                break
            taken += len(some)
            yield from some
        else:
            return
    # It goes on in another spelling, or not at all.
    for place, entry in enumerate(_any_list(path)):
        if place >= taken:
            yield entry


def _pieces(file: BinaryIO) -> Iterator[list[Any] | None]:
    """The entries of a log in LoadGen's own spelling, some at a time; None where the spelling ends to be that.

    A piece ends behind an object at the end of a line. Where that were within another object, no half could be read.
    """
    rest, taken = file.read(2), 0
    if rest != b"[\n":
        yield None
        return
    rest = b""
    while data := file.read(_PIECE):
        data = rest + data
        cut = data.rfind(b"},\n")
        if cut < 0:
            if len(data) > _LONGEST:
                yield None
                return
            rest = data
            continue
        some = _objects(memoryview(data)[: cut + 1])
        yield some
        if some is None:
            return
        taken += len(some)
        rest = data[cut + 3 :]
    end = rest.rstrip(_BLANKS)
    body = end[:-1].rstrip(_BLANKS)
    if not end.endswith(b"]") or (taken and not body):
        yield None
    elif body:
        yield _objects(memoryview(body))


def _objects(text: memoryview) -> list[Any] | None:
    """Objects with commas between them; None for anything else."""
    whole = b"".join((b"[", text, b"]"))
    try:
        found: list[Any] = orjson.loads(whole)
    except orjson.JSONDecodeError:
        return None
    if {*map(type, found)} != {dict}:
        return None
    # An integer beyond 64 bits comes out as a float, at whatever depth: such entries are read again, and exactly.
    if any(not _PLAIN.issuperset(map(type, entry.values())) for entry in found):
        try:
            found = json.loads(whole)
        except (ValueError, RecursionError):  # a number of thousands of digits, or hundreds of brackets
            return None
    return found


def _any_list(path: Path) -> Iterator[Any]:
    """The elements of a list in any spelling; of what else `json.load` may give, what iterating over that gives."""
    try:
        with path.open(encoding="utf-8") as file:
            yield from _elements(file)
    except UnicodeDecodeError as problem:
        raise Malformed(path, f"is not UTF-8 ({problem.reason})") from problem
    except json.JSONDecodeError as problem:
        raise NotJson(path, told_of(path, problem)) from problem
    except (ValueError, RecursionError) as problem:
        raise Malformed(path, f"cannot be read by Python ({problem})") from problem


def told_of(path: Path, problem: Exception) -> str:
    """What is wrong with a log that is no JSON."""
    return "was truncated for submission" if is_truncated(path) else f"is not JSON ({problem})"


def _elements(file: TextIO) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    window = _Window(file)
    if window.char() != "[":
        value = json.loads(window.rest())
        if not isinstance(value, (dict, str)):
            raise json.JSONDecodeError("a list is wanted", "", 0)
        yield from value
        return
    window.skip()
    if window.char() == "]":
        window.skip()
    else:
        while True:
            yield window.value(decoder)
            sign = window.char()
            window.skip()
            if sign == "]":
                break
            if sign != ",":
                raise json.JSONDecodeError("Expecting ',' delimiter", "", 0)
    if window.char():
        raise json.JSONDecodeError("Extra data", "", 0)


class _Window:
    """A piece of a text that is read on where it must."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0

    def _more(self, size: int = _BLOCK) -> bool:
        data = self._file.read(size)
        self._text = self._text[self._at :] + data
        self._at = 0
        return bool(data)

    def char(self) -> str:
        """The next character that is no space, which is not taken yet; none at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        self._at += 1

    def rest(self) -> str:
        return self._text[self._at :] + self._file.read()

    def value(self, decoder: json.JSONDecoder) -> Any:
        """The next value."""
        self.char()
        self._text, self._at = self._text[self._at :], 0
        size = _BLOCK
        while True:
            try:
                value, end = decoder.raw_decode(self._text)
            except json.JSONDecodeError:
                if not self._more(size):
                    raise
            else:
                # A number that ends with the window may go on behind it.
                if end < len(self._text) or not self._more(size):
                    self._at = end
                    return value
            size *= 2


def is_truncated(path: Path) -> bool:
    """Whether a log was shortened as MLPerf's submission rules want it: 4096 characters of each end are left."""
    if not 4096 <= path.stat().st_size <= 2**16:
        return False
    text = path.read_text("utf-8", "replace")
    return text[4096 : 4096 + len(_CUT)] == _CUT and len(text) == 2 * 4096 + len(_CUT)
