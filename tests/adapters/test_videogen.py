"""Text-to-video: what is sent, and every kind of answer."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeding import CUTS, JSON, decoded, every_way, only_decode_errors, pieces, refusal
from auditcube.adapters.contract import Answer, DecodeError, Decoder, Keep
from auditcube.adapters.videogen import ADAPTER
from auditcube.dataset import Sample

MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 3
KEPT = {"video_sha256": hashlib.sha256(MP4).hexdigest(), "video_size_bytes": len(MP4)}
ENCODED = base64.b64encode(MP4).decode()


def decoder() -> Decoder:
    return ADAPTER.decoder("application/json", Keep())


def body(**members: Any) -> bytes:
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        (body(video_id="v", video_path="/a/v.mp4"), {"video_id": "v", "video_path": "/a/v.mp4"}),
        (body(video_path="/a/v.mp4"), {"video_path": "/a/v.mp4"}),
        (body(video_id=7, video_path="/a", error=None, other=[]), {"video_path": "/a"}),
        (body(video_id="v", video_bytes=ENCODED), {"video_id": "v", **KEPT}),
        (body(video_path=None, video_bytes=ENCODED), KEPT),
        (body(video_path="", video_bytes=base64.encodebytes(MP4).decode()), KEPT),
        (MP4, KEPT),
        (b" \n" + body(video_path="/a") + b"\r\n", {"video_path": "/a"}),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "video/mp4", "text/plain", ""])
def test_answers(answer: bytes, output: dict[str, Any], content_type: str) -> None:
    assert every_way(lambda: ADAPTER.decoder(content_type, Keep()), answer) == (Answer(output), 0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"<html><body>504 Gateway Time-out</body></html>", "504 Gateway Time-out"),
        (body(video_path="/a") + b"x", "not JSON"),
        (b"[]", "a JSON object is wanted"),
        (body(), "neither video_path nor video_bytes"),
        (body(video_id="v"), "neither video_path nor video_bytes"),
        (body(video_path=None, video_bytes=None), "neither"),
        (body(video_path=7), "neither"),
        (body(video_path="", video_bytes=""), "neither"),
        (body(video_path=[]), "neither"),
        (body(video_bytes="AAA"), "not base64"),
        (body(video_bytes="AA*A"), "not base64"),
        (body(video_bytes="ä" * 4), "not base64"),
        (body(video_bytes="\n "), "no bytes"),
        (body(error={"message": "out of memory"}), "reported an error: out of memory"),
        (body(error="busy", video_path="/a"), "reported an error: busy"),
        (body(detail="the queue is full"), "the queue is full"),
        (MP4[:7], "not JSON"),
    ],
)
def test_refused_answers(answer: bytes, reason: str) -> None:
    assert reason in refusal(decoder, answer)


@given(st.sampled_from([MP4, body(video_id="v", video_bytes=ENCODED)]), CUTS)
def test_no_cut_changes_anything(answer: bytes, cuts: list[float]) -> None:
    assert decoded(decoder, pieces(answer, cuts))[0].output["video_sha256"] == KEPT["video_sha256"]


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else(answer: bytes) -> None:
    only_decode_errors(decoder, answer)


@given(st.fixed_dictionaries({}, optional={"video_id": JSON, "video_path": JSON, "video_bytes": JSON, "error": JSON}))
def test_any_member_may_be_anything(answer: dict[str, Any]) -> None:
    only_decode_errors(decoder, json.dumps(answer).encode())


def test_a_request_with_the_defaults_is_mlperfs() -> None:
    sent = json.loads(ADAPTER.encode(Sample(0, {"prompt": "a cat"}), "wan22", ADAPTER.defaults))
    assert sent == {
        "model": "wan22", "prompt": "a cat", "size": "720x1280", "seconds": 5.0, "fps": 16, "num_inference_steps": 20,
        "guidance_scale": 4.0, "guidance_scale_2": 3.0, "seed": 42, "num_frames": 81, "boundary_ratio": 0.875,
        "response_format": "video_path",
    }  # fmt: skip


def test_null_removes_a_default_and_a_row_overrides() -> None:
    parameters = {**ADAPTER.defaults, "seconds": None, "seed": 1}
    sent = json.loads(ADAPTER.encode(Sample(0, {"prompt": "p", "seed": 2, "latent_path": "/l"}), None, parameters))
    assert "seconds" not in sent
    assert "model" not in sent
    assert (sent["seed"], sent["latent_path"]) == (2, "/l")


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({}, None),
        (dict(ADAPTER.defaults), None),
        ({"seed": None, "guidance_scale": 4}, None),
        ({"negative_prompt": "blurry", "output_format": "avi", "response_format": "video_bytes"}, None),
        ({"prompt": "p"}, "prompt: the API has no such parameter"),
        ({"stepps": 3}, "stepps: the API has no such parameter"),
        ({"fps": 16.0}, "fps: an integer is wanted, not 16.0"),
        ({"seed": True}, "seed: an integer is wanted, not True"),
        ({"size": 720}, "size: text is wanted, not 720"),
    ],
)
def test_parameters(parameters: dict[str, Any], problem: str | None) -> None:
    found = ADAPTER.check_parameters(parameters)
    assert found == problem or (problem is not None and found is not None and found.startswith(problem))


def test_json_is_held_and_has_a_limit_but_a_video_is_hashed_as_it_comes() -> None:
    held = ADAPTER.decoder("application/json", Keep(max_answer_bytes=20))
    with pytest.raises(DecodeError, match="larger than"):
        held.feed(b"{" * 21, 0)
    video = ADAPTER.decoder("video/mp4", Keep(max_answer_bytes=20))
    for part in (b"\0\0\0\x18ftypmp42", b"x" * 5000):
        video.feed(part, 0)
    assert video.finish().output["video_size_bytes"] == 5012
