"""Looking through files and whole trees: text of any size, JSON by its members; what is no text is skipped and told."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from auditcube.errors import InvalidInput
from auditcube.scan.decode import unescape
from auditcube.scan.look import Hit, LeafHit, look, look_at_json, parse, text_of_json

BLOCK = 1 << 20
_OVERLAP = 8192  # of a line longer than a block: no rule looks further
_MAX_JSON = 64 * 1024 * 1024
_TEXT_CONTROLS = b"\t\n\r\f\v\b\x1b"
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS) + b"\x7f"
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
# An event as `evidence.events` writes it, without an error and a salt; the line break stays.
_DIGITS = 16  # of a number, at most
_EVENT = (
    rb'\{"ordinal":%(n)b(?:,"(?:sample|due_ns|issued_ns|done_ns|bytes_in|http_status|first_ns|last_ns|tokens_in'
    rb'|tokens_out|chunks|tries)":%(n)b|,"status":"[a-z_]{2,20}")*\}'
)
_NUMBERS = re.compile(rb"(?m)^" + _EVENT % {b"n": rb"\d{1,%d}" % _DIGITS} + rb"$")
_NUMBERLESS = re.compile(_EVENT % {b"n": b""})
_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)


@dataclass(frozen=True)
class Leak:
    """One thing that must not be published: which rule found it, where, how long it is; never what it is."""

    rule: str
    path: str
    line: int | None
    pointer: str | None
    length: int

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path, "line": self.line, "pointer": self.pointer, "rule": self.rule, "length": self.length,
        }  # fmt: skip

    def __str__(self) -> str:
        place = f"#{self.pointer}" if self.pointer is not None else f":{self.line}"
        return f"{self.path}{place}: {self.rule}, {self.length} characters"


@dataclass
class Looked:
    """What a look through files came to."""

    files: int = 0
    bytes: int = 0
    leaks: list[Leak] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "bytes": self.bytes,
            "findings": [leak.to_json() for leak in self.leaks],
            "skipped": [{"path": path, "reason": reason} for path, reason in self.skipped],
        }


def look_through(paths: Sequence[Path], again: Callable[[Path, str], Iterable[Leak]] | None = None) -> Looked:
    """Look at every file that `paths` name or that lies below them; with `again` also by another engine.

    Links and devices are not read. Raises InvalidInput for a path that is not there.
    """
    looked = Looked()
    for path in paths:
        if not os.path.lexists(path):
            raise InvalidInput(f"{path}: no such file or directory")
        for file in _below(path):
            files = looked.files
            look_at_file(file, str(file), looked)
            if again is not None and looked.files > files:
                looked.leaks += again(file, str(file))
    return looked


def _below(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, names, files in os.walk(path):
        names.sort()
        yield from (Path(folder, name) for name in sorted(files))
        yield from (Path(folder, name) for name in names if os.path.islink(Path(folder, name)))


def look_at_file(file: Path, name: str, looked: Looked) -> None:
    """Add to `looked` what is in one file, under `name`."""
    try:
        status = os.lstat(file)
        if not stat.S_ISREG(status.st_mode):
            looked.skipped.append((name, "is no regular file"))
            return
        data = _whole(file, status.st_size)
        if data is None:
            hits = list(_in_pieces(file, looked))
        elif (text := as_text(data)) is None:
            looked.skipped.append((name, "is not text"))
            return
        elif (found := look_at_document(text, file.name)) is not None:
            looked.files += 1
            looked.bytes += len(data)
            looked.leaks += [leak_in_json(hit, name) for hit in found]
            return
        else:
            looked.bytes += len(data)
            hits = look_at_lines(text, file.name)
    except _NotText:
        looked.skipped.append((name, "is not text"))
        return
    except OSError as problem:
        looked.skipped.append((name, f"cannot be read: {problem.strerror}"))
        return
    looked.files += 1
    looked.leaks += leaks_in_text(hits, name)


class _NotText(Exception):
    """A file that began like text goes on like none."""


def _whole(file: Path, size: int) -> bytes | None:
    """The content of a file that can be held, as every JSON file can."""
    if size > BLOCK and not (file.suffix == ".json" and size <= _MAX_JSON):
        with file.open("rb") as stream:
            if not stream.read(4).startswith(tuple(bom for bom, _ in _BOMS)):
                return None
    return file.read_bytes()


def as_text(data: bytes) -> bytes | None:
    """The same in UTF-8 where it was UTF-16 or UTF-32, without a mark of its order; None for what is not text."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, "replace").encode("utf-8", "replace")
    return None if _binary(data) else data.removeprefix(codecs.BOM_UTF8)


def _binary(data: bytes) -> bool:
    """A zero byte, or more control characters than terminals and logs have."""
    return b"\0" in data or len(data.translate(None, _CONTROLS)) < 0.98 * len(data)


def small_text(file: Path) -> bytes | None:
    """What `look_at_file` looks at in a file, to be looked at together with others (`quiet.Quiet`).

    None for a file that it looks at in pieces, skips, or cannot read.
    """
    try:
        if not stat.S_ISREG((status := os.lstat(file)).st_mode) or status.st_size > BLOCK:
            return None
        return text_in(file.read_bytes(), file.name)
    except OSError:
        return None


def text_in(data: bytes, name: str) -> bytes | None:
    """What is looked at in a file of this name and content, as one text; None for what is no text."""
    if (text := as_text(data)) is None:
        return None
    value = _document(text, name)
    return _plain(text, name) if value is None else text_of_json(value)


def _document(text: bytes, name: str) -> Any:
    """The value in a JSON file; None for another file, one that only calls itself JSON, and one that says no more."""
    if not name.endswith(".json"):
        return None
    try:
        return parse(text.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None


def look_at_document(text: bytes, name: str) -> list[LeafHit] | None:
    """What is in a JSON file, by its members; None for another file, and one that only calls itself JSON."""
    value = _document(text, name)
    return None if value is None else look_at_json(value)


def look_at_lines(text: bytes, name: str) -> list[Hit]:
    """What is in lines of text. Of JSON lines only the line of a finding holds: they are read without their escapes.

    Of a run's events, a million of them perhaps, the lines that hold nothing but numbers and a status are passed over.
    """
    return look(_plain(text, name))


def _plain(text: bytes, name: str) -> bytes:
    return unescape(_eventless(text)) if name.endswith(".jsonl") else text


def _eventless(text: bytes) -> bytes:
    """The text without its events. Where there is nothing else, that shows at half the cost of looking at each: without
    its digits a million of them are the same few lines, and each number stands behind a colon.
    """
    *lines, last = text.translate(None, b"0123456789").split(b"\n")
    if not last and all(map(_NUMBERLESS.fullmatch, set(lines))) and _only_values(text):
        return b"\n" * len(lines)
    return _NUMBERS.sub(b"", text)


def _only_values(text: bytes) -> bool:
    """Whether each number in a text that begins with none stands behind a colon, and has no more digits than it may."""
    array = np.frombuffer(text, dtype=np.uint8)
    digit, colon = (array - ord("0")) < 10, array == ord(":")
    begun, behind_colons = np.count_nonzero(digit[1:] > digit[:-1]), np.count_nonzero(digit[1:] & colon[:-1])
    return bool(begun == behind_colons) and b"0" * (_DIGITS + 1) not in text.translate(_ZEROS)


def leak_in_json(hit: LeafHit, name: str) -> Leak:
    """A finding with its pointer, in which a name that is itself the finding is not told."""
    last = hit.pointer.rpartition("/")
    pointer = f"{last[0]}/[{hit.rule}]" if hit.key else hit.pointer
    return Leak(hit.rule, name, None, discreet(pointer), hit.length)


def discreet(pointer: str) -> str:
    """A pointer in which no name is itself something that must not be told."""
    parts = pointer.split("/")
    found = [look(part.encode("utf-8", "replace")) for part in parts]
    return "/".join(f"[{hits[0].rule}]" if hits else part for hits, part in zip(found, parts, strict=True))


def leaks_in_text(hits: Iterable[Hit], name: str, before: int = 0) -> list[Leak]:
    """Findings with their line, of which `before` precede the text."""
    return [Leak(hit.rule, name, before + hit.line + 1, None, hit.length) for hit in hits]


def _in_pieces(file: Path, looked: Looked) -> Iterator[Hit]:
    """What is in a large text, its lines counted from the beginning; a line longer than a block is cut with overlap."""
    with file.open("rb") as stream:
        rest, lines, first = b"", 0, True
        while piece := stream.read(BLOCK):
            looked.bytes += len(piece)
            if _binary(piece):
                raise _NotText
            text = rest + (piece.removeprefix(codecs.BOM_UTF8) if first else piece)
            first = False
            cut = text.rfind(b"\n") + 1
            if not cut and len(text) < 2 * BLOCK:
                rest = text
                continue
            now, rest = (text[:cut], text[cut:]) if cut else (text, text[-_OVERLAP:])
            yield from (hit._replace(line=hit.line + lines) for hit in look_at_lines(now, file.name))
            lines += now.count(b"\n")
        yield from (hit._replace(line=hit.line + lines) for hit in look_at_lines(rest, file.name))
