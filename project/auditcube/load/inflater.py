"""Answers that a server compressed although it was asked not to: read all the same, a bounded piece at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from auditcube.adapters.contract import DecodeError

_PIECE_BYTES = 65536  # a small body may inflate to any size: its reader sees, and can refuse, each piece of this size
_EITHER = zlib.MAX_WBITS | 32  # gzip or zlib, as the first bytes say


class Inflater:
    """Undoes one Content-Encoding."""

    def __init__(self, encoding: str) -> None:
        """Raises DecodeError for an encoding that is neither gzip nor deflate."""
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise DecodeError(f"the answer is encoded as {encoding!r}, although identity was asked for")
        self._inflate = zlib.decompressobj(_EITHER)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What these bytes inflate to. Raises DecodeError."""
        while data:
            try:
                piece = self._inflate.decompress(data, _PIECE_BYTES)
            except zlib.error as problem:
                raise DecodeError(f"the answer's compression is broken ({problem})") from None
            if piece:
                yield piece
            if self._inflate.eof and self._inflate.unused_data:
                raise DecodeError("the answer goes on behind its compressed part")
            data = self._inflate.unconsumed_tail

    def finish(self) -> None:
        """Raises DecodeError if the end is missing."""
        if not self._inflate.eof:
            raise DecodeError("the compressed answer is cut off")
