"""What a text says once it is decoded: escapes, percent signs, entities, base64, letters that look like others. Pure.

A secret that stands in a log may have passed through JSON in JSON, a URL, or a Kubernetes secret. Each view is a line
of the text as one decoder reads it; views of views are taken to a depth of three.
"""

from __future__ import annotations

import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

import numpy as np
import numpy.typing as npt

_DEPTH = 3
_LEAST_RUN = 16  # of base64 or hexadecimal digits: what is shorter holds no secret
_SIMPLE = (
    (b"\\n", b" "),
    (b"\\r", b" "),
    (b"\\t", b" "),
    (b'\\"', b'"'),
    (b"\\'", b"'"),
    (b"\\/", b"/"),
    (b"\\\\", b"\\"),
)
_CODED = re.compile(rb"\\(?:u\{?([0-9a-fA-F]{4,6})\}?|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8}))")
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_ENTITY = re.compile(rb"&(?:#\w+|[a-z]{2,6});")
_JOINED = re.compile(rb"([\"'])\s*[+.&]?\s*\1(?=[\w/+=-])")
_TOKEN = np.zeros(256, dtype=bool)
_TOKEN[[ord(c) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-="]] = True
_HEX = re.compile(rb"(?:0x)?((?:[0-9a-fA-F]{2})+)")
_PLAIN = bytes(range(32, 127)) + b"\n\r\t"
# Letters of other scripts that look like Latin ones, where the compatibility form (NFKC) does not make them the same.
_LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαʟ‐‑‒–—―−", "ABESIJKMHOPCTYXaesijopcyxdqwABEZHIKMNOPTYXoal-------"
)


def views(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Every line that reads differently once decoded: its number in `text`, from 0, and how it then reads."""
    pending = list(_once(text))
    for _ in range(_DEPTH):
        yield from pending
        if not pending:
            return
        numbers = [number for number, _ in pending]
        pending = [(numbers[line], view) for line, view in _once(b"\n".join(view for _, view in pending))]


def _once(text: bytes) -> Iterator[tuple[int, bytes]]:
    """The views that one decoder each makes of lines of `text`."""
    for sign, decode in _DECODERS:
        if sign is None and not text.isascii():
            yield from _changed(text, decode, text)
        elif sign is not None and sign in text:
            yield from _changed(text, decode, sign)
    runs = _runs(text)
    breaks: npt.NDArray[np.intp] = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    for (start, end), line in zip(runs, np.searchsorted(breaks, [start for start, _ in runs]).tolist(), strict=True):
        if (unpacked := _unpacked(text[start:end])) is not None:
            yield line, unpacked.replace(b"\n", b" ")


def _changed(text: bytes, decode: Callable[[bytes], bytes], sign: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that `decode` changes; it changes none without `sign`."""
    for number, line in enumerate(text.split(b"\n")):
        if sign is text or sign in line:
            view = decode(line)
            if view != line:
                yield number, view.replace(b"\n", b" ")


def unescape(line: bytes) -> bytes:
    """Text without the escapes of JSON and of programming languages; a line break becomes a blank."""
    if b"\\u" in line or b"\\x" in line or b"\\U" in line:
        line = _CODED.sub(_character, line)
    for spelled, meant in _SIMPLE:
        line = line.replace(spelled, meant)
    return line


def _character(match: re.Match[bytes]) -> bytes:
    number = int(match[1] or match[2] or match[3], 16)
    return chr(number).encode("utf-8", "replace") if number < 0x110000 else b""


def _unquote(line: bytes) -> bytes:
    return unquote_to_bytes(line) if _PERCENT.search(line) else line


def _entities(line: bytes) -> bytes:
    return html.unescape(line.decode("utf-8", "replace")).encode("utf-8", "replace") if _ENTITY.search(line) else line


def _join(line: bytes) -> bytes:
    return _JOINED.sub(b"", line)


def _latin(line: bytes) -> bytes:
    """Without what is not seen, and with the Latin letter for one that looks the same."""
    if line.isascii():
        return line
    text = unicodedata.normalize("NFKC", line.decode("utf-8", "ignore")).translate(_LOOKALIKES)
    if not text.isascii():
        text = "".join(c for c in text if c.isascii() or unicodedata.category(c) not in ("Cf", "Mn"))
    return text.encode()


# What a line holds that a decoder changes; None: something beyond ASCII.
_DECODERS: tuple[tuple[bytes | None, Callable[[bytes], bytes]], ...] = (
    (b"\\", unescape),
    (b"%", _unquote),
    (b"&", _entities),
    *((sign, _join) for sign in (b'" + "', b'"+"', b'" "', b'" . "', b"' + '", b"'+'", b"' '", b"' . '")),
    (None, _latin),
)


def _runs(text: bytes) -> list[tuple[int, int]]:
    token = np.zeros(len(text) + 2, dtype=bool)
    token[1:-1] = _TOKEN[np.frombuffer(text, np.uint8)]
    edges = np.flatnonzero(token[1:] != token[:-1])
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= _LEAST_RUN
    return list(zip(starts[long].tolist(), ends[long].tolist(), strict=True))


def _unpacked(run: bytes) -> bytes | None:
    """What base64 or hexadecimal digits stand for, where that is text."""
    if (found := _HEX.fullmatch(run)) is not None:
        data = bytes.fromhex(found[1].decode())
    else:
        # `name=` before it is no part; the alphabet of URLs is the same but for two signs.
        body = run.rstrip(b"=").rpartition(b"=")[2].replace(b"-", b"+").replace(b"_", b"/")
        body = body[: len(body) - (len(body) % 4 == 1)]
        data = binascii.a2b_base64(body + b"=" * (-len(body) % 4))
    return data if len(data) >= 6 and not data.translate(None, _PLAIN) else None
