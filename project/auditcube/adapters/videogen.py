"""Text-to-video as `trtllm-serve` speaks it: POST /v1/videos/generations, one JSON answer.

The defaults are MLPerf's for WAN 2.2: 720x1280, 81 frames at 16 fps, 20 steps, guidance 4.0 and 3.0, boundary 0.875,
seed 42. An answer is a path on storage that the server sees, the video in base64, or (some builds, whatever was asked)
the raw MP4. Source: MLPerf Inference, text_to_video; facts read 2026-11.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from auditcube.adapters.contract import (
    Answer,
    DecodeError,
    Decoder,
    Keep,
    error_message,
    fits,
    in_one_piece,
    loads,
    merged,
    to_json,
    unsendable,
)
from auditcube.adapters.variants import read_variant
from auditcube.dataset import Column, Sample

_TEXT, _INTEGER, _NUMBER = Column((str,)), Column((int,)), Column((float,))


class Videogen:
    """The adapter `videogen`."""

    path = "/v1/videos/generations"
    textual = False
    varies = True
    one_of = ("prompt",)
    columns: Mapping[str, Column] = {
        "prompt": _TEXT,
        "negative_prompt": _TEXT,
        "size": _TEXT,
        "seconds": _NUMBER,
        "fps": _INTEGER,
        "num_inference_steps": _INTEGER,
        "guidance_scale": _NUMBER,
        "guidance_scale_2": _NUMBER,
        "seed": _INTEGER,
        "num_frames": _INTEGER,
        "boundary_ratio": _NUMBER,
        "latent_path": _TEXT,
        "output_format": _TEXT,
        "response_format": _TEXT,
    }
    defaults: Mapping[str, Any] = {
        "size": "720x1280",
        "seconds": 5.0,
        "fps": 16,
        "num_inference_steps": 20,
        "guidance_scale": 4.0,
        "guidance_scale_2": 3.0,
        "seed": 42,
        "num_frames": 81,
        "boundary_ratio": 0.875,
        "response_format": "video_path",
    }

    def check_parameters(self, parameters: Mapping[str, Any]) -> str | None:
        for name, value in parameters.items():
            if name == "prompt" or name not in self.columns:
                return (
                    f"{name}: the API has no such parameter; known: {', '.join(sorted({*self.columns} - {'prompt'}))}"
                )
            if value is not None and not fits(value, self.columns[name]):
                return f"{name}: {self.columns[name].describe()} is wanted, not {value!r}"
        return unsendable(parameters)

    def encode(self, sample: Sample, model: str | None, parameters: Mapping[str, Any]) -> bytes:
        return to_json(merged(sample, model, parameters))

    def unstreamed(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return parameters

    def salted(self, sample: Sample, salt: str) -> Sample:
        variant = read_variant(salt)
        if variant.kind == "seed":
            return Sample(sample.index, variant.seeded(sample.fields))
        return Sample(sample.index, {**sample.fields, "prompt": variant.of_text(sample.fields["prompt"])})

    def decoder(self, content_type: str, keep: Keep) -> Decoder:
        return VideoDecoder(keep)

    def decode(self, content_type: str, body: bytes, keep: Keep, now_ns: int) -> Answer:
        return in_one_piece(VideoDecoder(keep), body, now_ns)


class VideoDecoder:
    """Reads an answer whose kind shows in its first bytes: an MP4 has `ftyp` at byte 4, and is hashed as it comes."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._head = b""
        self._held: list[bytes] = []
        self._sha256 = hashlib.sha256()
        self._size = 0

    def feed(self, data: bytes, now_ns: int) -> None:
        if len(self._head) < 12:
            self._head += data[: 12 - len(self._head)]
        self._size += len(data)
        if self._keep.media or not self._is_mp4():
            self._keep.check_size(self._size)
            self._held.append(data)
        else:
            for piece in (*self._held, data):
                self._sha256.update(piece)
            self._held = []

    def finish(self) -> Answer:
        if self._is_mp4() and not self._keep.media:
            return Answer(_told(self._sha256.hexdigest(), self._size))
        data = b"".join(self._held)
        if self._is_mp4():
            return self._video(data)
        body = loads(data)
        named = {"video_id": body["video_id"]} if isinstance(body.get("video_id"), str) else {}
        if isinstance(path := body.get("video_path"), str) and path:
            return Answer({**named, "video_path": path})
        if isinstance(encoded := body.get("video_bytes"), str) and encoded:
            try:
                # Some encoders break their lines.
                video = base64.b64decode("".join(encoded.split()), validate=True)
            except ValueError as problem:
                raise DecodeError(f"video_bytes is not base64 ({problem})") from None
            if not video:
                raise DecodeError("video_bytes holds no bytes")
            return self._video(video, named)
        raise DecodeError(f"the answer has neither video_path nor video_bytes: {error_message(data)}")

    def _is_mp4(self) -> bool:
        return self._head[4:8] == b"ftyp"

    def _video(self, video: bytes, named: Mapping[str, str] | None = None) -> Answer:
        told = _told(hashlib.sha256(video).hexdigest(), len(video))
        return Answer({**(named or {}), **told}, media=video if self._keep.media else b"")


def _told(sha256: str, size: int) -> dict[str, Any]:
    return {"video_sha256": sha256, "video_size_bytes": size}


ADAPTER = Videogen()
