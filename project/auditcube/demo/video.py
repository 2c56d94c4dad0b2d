"""The video generator: a small moving pattern whose every pixel follows from the prompt, the seed and the parameters.

The work is bounded whatever is asked: at most `max_frames` frames of 64 pixels on the longer side, at the asked
frame rate and aspect, and key stretching in place of denoising, in proportion to the number of steps.
"""

from __future__ import annotations

import hashlib
import math
import uuid
from dataclasses import dataclass
from functools import cache

from auditcube.demo import h264, mp4

LONG_SIDE = 64
_ROUNDS_PER_STEP = 100
_PERIOD = 256
_LATENT_BYTES = 9
_SLANTS = 7


def _wave(low: int, high: int) -> bytes:
    # Twice, so that any line of a tile is one slice; never 0, which I_PCM does not allow.
    middle, swing = (low + high) / 2, (high - low) / 2
    return bytes(round(middle + swing * math.sin(2 * math.pi * i / _PERIOD)) for i in range(_PERIOD)) * 2


_LUMA, _CHROMA = _wave(24, 232), _wave(48, 208)


@dataclass(frozen=True)
class Video:
    """A finished video: an id of its own per computation, the MP4 file's bytes."""

    video_id: str
    data: bytes


@dataclass(frozen=True)
class VideoJob:
    """One video to make.

    `identity`: everything the pixels depend on, as text; `width`, `height`: as asked, scaled down to `LONG_SIDE`;
    `frames`: already bounded; `steps`: denoising steps, 1 to 100; `share` below 1 leaves the last frames away.
    """

    identity: str
    width: int
    height: int
    frames: int
    fps: float
    steps: int
    share: float = 1.0

    def render(self) -> Video:
        """Do the work. Equal jobs give equal bytes and different ids."""
        width, height = shrink(self.width, self.height)
        latent = hashlib.pbkdf2_hmac(
            "sha256", self.identity.encode(), b"auditcube", self.steps * _ROUNDS_PER_STEP, _LATENT_BYTES
        )
        pictures = [
            h264.picture(t, _macroblocks(latent, t, width, height))
            for t in range(max(1, int(self.frames * self.share)))
        ]
        return Video(f"video_{uuid.uuid4().hex}", mp4.mux(mp4.Track(width, height, self.fps, pictures)))

    def cost_s(self, base_s: float, token_s: float) -> float:
        """The service time: the base, a video has no tokens."""
        return base_s * self.share


def shrink(width: int, height: int) -> tuple[int, int]:
    """The made size for an asked one: the same aspect, the longer side 64, both even and at least 16."""
    longer = max(width, height)
    return max(16, 2 * round(width * LONG_SIDE / longer / 2)), max(16, 2 * round(height * LONG_SIDE / longer / 2))


@dataclass(frozen=True)
class _Pattern:
    """A wave that runs over one colour plane: where it starts, its step per frame, its step per line."""

    phase: int
    drift: int
    slant: int

    @classmethod
    def of(cls, latent: bytes) -> _Pattern:
        return cls(latent[0], 3 + latent[1] % 29, latent[2] % _SLANTS)

    def tile(self, wave: bytes, side: int, t: int, x: int, y: int) -> bytes:
        """The samples of the macroblock in column `x` and row `y` at frame `t`; it continues its neighbours."""
        phase = self.phase + t * self.drift + side * (2 * x + self.slant * y)
        return _tiles(wave, side, self.slant)[phase % _PERIOD]


@cache
def _tiles(wave: bytes, side: int, slant: int) -> list[bytes]:
    # By phase. Made once: a video is then put together from a few hundred pieces instead of from its pixels.
    def line(start: int) -> bytes:
        return wave[start : start + 2 * side : 2]

    return [b"".join(line((phase + y * slant) % _PERIOD) for y in range(side)) for phase in range(_PERIOD)]


def _macroblocks(latent: bytes, t: int, width: int, height: int) -> list[bytes]:
    luma, blue, red = (_Pattern.of(latent[i : i + 3]) for i in (0, 3, 6))
    return [
        luma.tile(_LUMA, 16, t, x, y) + blue.tile(_CHROMA, 8, t, x, y) + red.tile(_CHROMA, 8, t, x, y)
        for y in range(-(-height // 16))
        for x in range(-(-width // 16))
    ]
