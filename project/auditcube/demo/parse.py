"""From the body of a generation request to a `Call`. Each path names the fields that it knows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from auditcube.demo.calls import Call, Kind, Refused, meaning
from auditcube.demo.fields import Fields
from auditcube.demo.prediction import PredictionJob
from auditcube.demo.text import VOCABULARY, TextJob
from auditcube.demo.video import VideoJob

MAX_TOKENS = 4096
_CHAT_MAX_TOKENS = 64
_COMPLETION_MAX_TOKENS = 16

_VIDEO_FIELDS = """
    prompt negative_prompt size seconds fps num_inference_steps guidance_scale guidance_scale_2 seed num_frames
    boundary_ratio latent_path output_format response_format model
"""
_TEXT_FIELDS = """
    model max_tokens min_tokens seed stream stream_options temperature top_p top_k min_p stop logprobs n user
    frequency_penalty presence_penalty repetition_penalty ignore_eos return_token_ids
"""
_CHAT_FIELDS = _TEXT_FIELDS + "messages max_completion_tokens top_logprobs"
_COMPLETION_FIELDS = _TEXT_FIELDS + "prompt"
_PREDICTION_FIELDS = "instances signature_name"
_WITHOUT_EFFECT_ON_PIXELS = frozenset({"model", "response_format", "output_format"})


@dataclass(frozen=True)
class Limits:
    """How the endpoint bounds and checks requests."""

    max_frames: int
    strict_fields: bool


def _video(path: str, fields: Fields, limits: Limits) -> Call:
    prompt = fields.text("prompt")
    for name in ("negative_prompt", "latent_path"):
        fields.text(name, "")
    for name, default in (("guidance_scale", 4.0), ("guidance_scale_2", 3.0), ("boundary_ratio", 0.875)):
        fields.number(name, default, 0, 1000)
    fields.choice("response_format", "video_path", "video_bytes")
    if fields.choice("output_format", "mp4", "avi", "auto") == "avi":
        raise Refused(400, "output_format: this server writes mp4 only")
    return Call("video", prompt, fields.body, _video_job(fields, limits), meaning(path, fields.body))


def _video_job(fields: Fields, limits: Limits) -> VideoJob:
    fps = fields.number("fps", 16, 0.1, 240)
    frames = fields.whole("num_frames", max(1, int(fields.number("seconds", 5, 0.05, 3600) * fps)), 1, 100_000)
    width, height = _size(fields.text("size", "1280x720"))
    relevant = {k: v for k, v in fields.body.items() if k not in _WITHOUT_EFFECT_ON_PIXELS and v is not None}
    identity = json.dumps({"seed": 42, **relevant}, sort_keys=True)
    fields.whole("seed", 42, -(2**63), 2**63)
    steps = fields.whole("num_inference_steps", 20, 1, 10_000)
    return VideoJob(identity, width, height, min(frames, limits.max_frames), fps, min(steps, 100))


def _size(text: str) -> tuple[int, int]:
    # WIDTHxHEIGHT, the order of trtllm-serve.
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise Refused(400, "size: WIDTHxHEIGHT is needed, such as 1280x720")
    return int(match[1]), int(match[2])


def _chat(path: str, fields: Fields, limits: Limits) -> Call:
    messages = fields.body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise Refused(400, "messages: a list of objects is needed")
    contents = [message.get("content") for message in messages]
    single = len(contents) == 1 and isinstance(contents[0], str)
    prompt = str(contents[0]) if single else json.dumps(messages, sort_keys=True)
    fields.flag("logprobs")
    fields.whole("top_logprobs", 0, 0, 20)
    limit = fields.whole("max_completion_tokens", fields.whole("max_tokens", _CHAT_MAX_TOKENS, 1, 10**9), 1, 10**9)
    return _text_call("chat", path, fields, prompt, _text_job(fields, prompt, limit, None))


def _completion(path: str, fields: Fields, limits: Limits) -> Call:
    prompt = fields.body.get("prompt")
    ids: tuple[int, ...] | None = None
    if isinstance(prompt, list) and prompt and all(type(i) is int and 0 <= i < 2**32 for i in prompt):
        ids = tuple(prompt)
        prompt = " ".join(VOCABULARY[i % len(VOCABULARY)] for i in ids)
    if not isinstance(prompt, str):
        raise Refused(400, "prompt: a string or a list of token ids is needed")
    fields.whole("logprobs", 0, 0, 20)
    limit = fields.whole("max_tokens", _COMPLETION_MAX_TOKENS, 1, 10**9)
    return _text_call("completion", path, fields, prompt, _text_job(fields, prompt, limit, ids))


def _text_job(fields: Fields, prompt: str, limit: int, ids: tuple[int, ...] | None) -> TextJob:
    limit = min(limit, MAX_TOKENS)
    # One more than allowed: the end is never natural.
    at_least = limit + 1 if fields.flag("ignore_eos") else fields.whole("min_tokens", 0, 0, MAX_TOKENS)
    return TextJob(prompt, fields.whole("seed", 0, -(2**63), 2**63), limit, at_least, ids)


def _text_call(kind: Kind, path: str, fields: Fields, prompt: str, job: TextJob) -> Call:
    if fields.whole("n", 1, 1, 128) != 1:
        raise Refused(400, "n: this server gives one answer per request")
    options = fields.body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise Refused(400, "stream_options: an object is needed")
    fields.flag("return_token_ids")
    fields.text("model", "")
    return Call(kind, prompt, fields.body, job, meaning(path, fields.body), fields.flag("stream"))


def _prediction(path: str, fields: Fields, limits: Limits) -> Call:
    instances = fields.body.get("instances")
    if not isinstance(instances, list) or not instances:
        raise Refused(400, "instances: a list is needed, of one or more")
    job = PredictionJob(tuple(json.dumps(instance, sort_keys=True) for instance in instances))
    return Call("prediction", json.dumps(instances, sort_keys=True), fields.body, job, meaning(path, fields.body))


_PATHS: dict[str, tuple[str, Callable[[str, Fields, Limits], Call]]] = {
    "/v1/videos/generations": (_VIDEO_FIELDS, _video),
    "/v1/chat/completions": (_CHAT_FIELDS, _chat),
    "/v1/completions": (_COMPLETION_FIELDS, _completion),
    "/v1/models/model:predict": (_PREDICTION_FIELDS, _prediction),
}
PATHS = frozenset(_PATHS)
"""The generation paths: those that count."""


def parse(path: str, raw: bytes, limits: Limits) -> Call:
    """The call that a request body stands for. `path` is one of `PATHS`. Raises `Refused` with status 400."""
    known, read = _PATHS[path]
    fields = Fields(raw)
    if limits.strict_fields:
        fields.refuse_unknown(known.split())
    return read(path, fields, limits)
