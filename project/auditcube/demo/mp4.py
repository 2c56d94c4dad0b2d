"""A progressive MP4 file with one H.264 track: `ftyp`, `moov`, `mdat`, in this order.

*Source*: ISO/IEC 14496-12 (boxes), 14496-14 (brands), 14496-15 (avc1, avcC).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from auditcube.demo import h264

_TICKS_PER_FRAME = 1000
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED_LANGUAGE = 0x55C4


@dataclass(frozen=True)
class Track:
    """What the headers say: size in pixels, frames per second, the bytes of each frame's NAL unit."""

    width: int
    height: int
    fps: float
    pictures: Sequence[bytes]

    @property
    def timescale(self) -> int:
        """Ticks per second: a frame lasts 1000."""
        return max(1, round(self.fps * _TICKS_PER_FRAME))

    @property
    def duration(self) -> int:
        """In ticks."""
        return len(self.pictures) * _TICKS_PER_FRAME


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full(kind: bytes, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", flags), *parts)


def _avc1(track: Track) -> bytes:
    sps, pps = h264.sequence_parameters(track.width, track.height), h264.picture_parameters()
    configuration = _box(
        b"avcC",
        b"\x01" + h264.PROFILE + b"\xff",  # 0xff: NAL units carry lengths of 4 bytes
        b"\xe1" + struct.pack(">H", len(sps)) + sps,
        b"\x01" + struct.pack(">H", len(pps)) + pps,
    )
    entry = struct.pack(">6xH16x2H2I4xH32x2H", 1, track.width, track.height, 0x480000, 0x480000, 1, 0x18, 0xFFFF)
    return _box(b"avc1", entry, configuration)


def _sample_table(track: Track, data_offset: int) -> bytes:
    count = len(track.pictures)
    sizes = [len(picture) + 4 for picture in track.pictures]
    return _box(
        b"stbl",
        _full(b"stsd", 0, struct.pack(">I", 1), _avc1(track)),
        _full(b"stts", 0, struct.pack(">3I", 1, count, _TICKS_PER_FRAME)),
        _full(b"stsc", 0, struct.pack(">4I", 1, 1, count, 1)),
        _full(b"stsz", 0, struct.pack(f">{count + 2}I", 0, count, *sizes)),
        _full(b"stco", 0, struct.pack(">2I", 1, data_offset)),
    )


def _media(track: Track, data_offset: int) -> bytes:
    data_reference = _full(b"dref", 0, struct.pack(">I", 1), _full(b"url ", 1))
    return _box(
        b"mdia",
        _full(b"mdhd", 0, struct.pack(">8x2I2H", track.timescale, track.duration, _UNDETERMINED_LANGUAGE, 0)),
        _full(b"hdlr", 0, struct.pack(">4x4s12x", b"vide"), b"demo\0"),
        _box(
            b"minf",
            _full(b"vmhd", 1, bytes(8)),
            _box(b"dinf", data_reference),
            _sample_table(track, data_offset),
        ),
    )


def _movie(track: Track, data_offset: int) -> bytes:
    size = struct.pack(">2I", track.width << 16, track.height << 16)
    return _box(
        b"moov",
        _full(
            b"mvhd",
            0,
            struct.pack(">8x2IIH10x", track.timescale, track.duration, 0x10000, 0x0100),
            _MATRIX,
            struct.pack(">24xI", 2),
        ),
        _box(
            b"trak",
            _full(b"tkhd", 3, struct.pack(">8xI4xI16x", 1, track.duration), _MATRIX, size),
            _media(track, data_offset),
        ),
    )


def mux(track: Track) -> bytes:
    """The whole file. `track` has at least one picture."""
    file_type = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2avc1mp41")
    data = _box(b"mdat", *(struct.pack(">I", len(picture)) + picture for picture in track.pictures))
    # The offset has a fixed width, so a first pass with 0 tells how long the header is.
    data_offset = len(file_type) + len(_movie(track, 0)) + 8
    return file_type + _movie(track, data_offset) + data
