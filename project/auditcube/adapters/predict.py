"""Predictions, as KServe's first protocol and TensorFlow Serving speak it: one number for each instance of a row.

A row has `instances`, a list. The request's path names the model, so most servers need `endpoint.path`. A prediction
is a number, or a list of exactly one.

Source: KServe, "V1 Inference Protocol": `POST /v1/models/MODEL:predict`, `{"instances": [...]}` ->
`{"predictions": [...]}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auditcube.adapters.contract import (
    Answer,
    DecodeError,
    Decoder,
    Keep,
    in_one_piece,
    loads,
    merged,
    to_json,
    unsendable,
)
from auditcube.dataset import Column, Sample


class Predict:
    """The adapter `predict`."""

    path = "/v1/models/model:predict"
    one_of = ("instances",)
    textual = False
    varies = False
    columns: Mapping[str, Column] = {"instances": Column((list,)), "signature_name": Column((str,))}
    defaults: Mapping[str, Any] = {}

    def check_parameters(self, parameters: Mapping[str, Any]) -> str | None:
        return unsendable(parameters)

    def encode(self, sample: Sample, model: str | None, parameters: Mapping[str, Any]) -> bytes:
        return to_json(merged(sample, None, parameters))

    def unstreamed(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return parameters

    def salted(self, sample: Sample, salt: str) -> Sample:
        """The instances in another order, by as many places as the salt says: no value of theirs can be invented."""
        instances = sample.fields["instances"]
        turn = int(salt, 16) % len(instances)
        return Sample(sample.index, {**sample.fields, "instances": [*instances[turn:], *instances[:turn]]})

    def decoder(self, content_type: str, keep: Keep) -> Decoder:
        return PredictionDecoder(keep)

    def decode(self, content_type: str, body: bytes, keep: Keep, now_ns: int) -> Answer:
        return in_one_piece(PredictionDecoder(keep), body, now_ns)


class PredictionDecoder:
    """One JSON object."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes, now_ns: int) -> None:
        self._size += len(data)
        self._keep.check_size(self._size)
        self._parts.append(data)

    def finish(self) -> Answer:
        told = loads(b"".join(self._parts)).get("predictions")
        if not isinstance(told, list) or not told:
            raise DecodeError("the answer has no predictions")
        values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in told]
        if not all(type(value) in (int, float) for value in values):
            raise DecodeError("a prediction is something else than a number, or a list of one")
        return Answer({"predictions": values} if self._keep.outputs else {})


ADAPTER = Predict()
