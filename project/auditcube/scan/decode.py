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

_Bytes = npt.NDArray[np.uint8]
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
_JOINED = re.compile(rb"([\"'])\s*[+.&]?\s*\1(?=[\w/+=-])")
_NO_DIGIT = 0xFF
_BASE64 = np.full(256, _NO_DIGIT, np.uint8)  # the value of each digit; the alphabet of URLs differs in two
for _alphabet in (b"+/", b"-_"):
    _digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + _alphabet
    _BASE64[list(_digits)] = range(64)
_HEXADECIMAL = np.full(256, _NO_DIGIT, np.uint8)
for _digits in (b"0123456789abcdef", b"0123456789ABCDEF"):
    _HEXADECIMAL[list(_digits)] = range(16)
_TOKEN = _BASE64 != _NO_DIGIT
_TOKEN[ord("=")] = True
_HEX = re.compile(rb"(?:0x)?((?:[0-9a-fA-F]{2})+)")
_PLAIN = bytes(range(32, 127)) + b"\n\r\t"
_IS_PLAIN = np.isin(np.arange(256), list(_PLAIN))
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
    for can, sign, decode in _DECODERS:
        if can(text):
            yield from _changed(text, decode, sign)
    runs = _runs(text)
    breaks: npt.NDArray[np.intp] = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    for (start, end), line in zip(runs, np.searchsorted(breaks, [start for start, _ in runs]).tolist(), strict=True):
        if (unpacked := _unpacked(text[start:end])) is not None:
            yield line, unpacked.replace(b"\n", b" ")


def _changed(text: bytes, decode: Callable[[bytes], bytes], sign: re.Pattern[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that `decode` changes; it changes none without `sign`."""
    number = counted = at = 0
    while found := sign.search(text, at):
        start = text.rfind(b"\n", 0, found.start()) + 1
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        number += text.count(b"\n", counted, start)
        counted, at = start, end
        line = text[start:end]
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


def _entities(line: bytes) -> bytes:
    return html.unescape(line.decode("utf-8", "replace")).encode("utf-8", "replace")


def _join(line: bytes) -> bytes:
    return _JOINED.sub(b"", line)


def _latin(line: bytes) -> bytes:
    """Without what is not seen, and with the Latin letter for one that looks the same."""
    text = unicodedata.normalize("NFKC", line.decode("utf-8", "ignore")).translate(_LOOKALIKES)
    if not text.isascii():
        text = "".join(c for c in text if c.isascii() or unicodedata.category(c) not in ("Cf", "Mn"))
    return text.encode()


def _joins(text: bytes) -> bool:
    """Whether two texts in quotes are put together somewhere."""
    data = np.frombuffer(text, np.uint8)
    at = np.flatnonzero((data == ord('"')) | (data == ord("'")))
    at, gaps = at[:-1], np.diff(at)
    first, second = data[at + 1], data.take(at + 2, mode="clip")
    near = (gaps == 2) & ((first == ord(" ")) | (first == ord("+")))
    far = (gaps == 4) & (first == ord(" ")) & ((second == ord("+")) | (second == ord(".")))
    return bool(np.any((near | far) & (data[at] == data.take(at + gaps))))


# Whether a text can hold what a decoder changes, which is found fast; what a line holds that it changes; the decoder.
_DECODERS: tuple[tuple[Callable[[bytes], bool], re.Pattern[bytes], Callable[[bytes], bytes]], ...] = (
    (lambda text: b"\\" in text, re.compile(rb"\\"), unescape),
    (lambda text: b"%" in text, re.compile(rb"%[0-9a-fA-F]{2}"), unquote_to_bytes),
    (lambda text: b"&" in text, re.compile(rb"&(?:#\w+|[a-z]{2,6});"), _entities),
    (_joins, re.compile(rb"([\"'])(?: \+ |\+| | \. )\1"), _join),
    (lambda text: not text.isascii(), re.compile(rb"[^\x00-\x7f]"), _latin),
)


def _runs(text: bytes) -> list[tuple[int, int]]:
    """Where runs of base64 or hexadecimal digits stand that may stand for text: the first three bytes do."""
    data = np.frombuffer(text + bytes(_LEAST_RUN), np.uint8)
    token = np.zeros(len(text) + 2, dtype=bool)
    token[1:-1] = _TOKEN.take(data[: len(text)])
    edges = np.flatnonzero(token[1:] != token[:-1])
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= _LEAST_RUN
    starts, ends = starts[long], ends[long]
    # A name before `=` is no part of what is decoded, and `0x` none of a hexadecimal number: these are all tried.
    signs = np.flatnonzero((data[:-1] == ord("=")) & (data[1:] != ord("=")))
    named = np.searchsorted(signs, ends - 1) > np.searchsorted(signs, starts)
    likely = (
        named
        | (data[starts + 1] == ord("x"))
        | _plain(data, starts, _BASE64, 4)
        | _plain(data, starts, _HEXADECIMAL, 6)
    )
    return list(zip(starts[likely].tolist(), ends[likely].tolist(), strict=True))


def _plain(data: _Bytes, starts: npt.NDArray[np.intp], values: _Bytes, count: int) -> npt.NDArray[np.bool_]:
    """Where so many digits, of these values, stand for three bytes of text."""
    digits = values[data[starts[:, None] + np.arange(count)]]
    bits = 24 // count
    number = (digits.astype(np.uint32) << np.arange(24 - bits, -1, -bits, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    found: npt.NDArray[np.bool_] = (digits != _NO_DIGIT).all(axis=1)
    for shift in (16, 8, 0):
        found &= _IS_PLAIN[number >> np.uint32(shift) & np.uint32(255)]
    return found


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
