"""Predictions: one number for each instance, and nothing that is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditcube.adapters import predict
from auditcube.adapters.contract import DecodeError, Keep
from auditcube.dataset import Sample

ADAPTER = predict.ADAPTER


def decoded(body: bytes, cut: int | None = None, **keep: Any) -> Any:
    decoder = ADAPTER.decoder("application/json", Keep(**keep))
    for piece in [body] if cut is None else [body[:cut], body[cut:]]:
        decoder.feed(piece, 0)
    return decoder.finish().output


@pytest.mark.parametrize(
    ("predictions", "kept"), [([0.25, 1], [0.25, 1]), ([[0.5], [0.75]], [0.5, 0.75]), ([-1e300], [-1e300])]
)
def test_one_number_for_each_instance(predictions: list[Any], kept: list[float]) -> None:
    body = json.dumps({"predictions": predictions}).encode()
    for cut in (None, *range(len(body) + 1)):
        assert decoded(body, cut) == {"predictions": kept}
    assert decoded(body, outputs=False) == {}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"predictions": []}', b'{"predictions": 0.5}', b'{"predictions": [null]}',
     b'{"predictions": [NaN]}',
     b'{"predictions": ["0.5"]}', b'{"predictions": [true]}', b'{"predictions": [[0.1, 0.9]]}',
     b'{"error": "no such model"}'],
)  # fmt: skip
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decoded(body)


def test_an_answer_that_is_too_large() -> None:
    with pytest.raises(DecodeError, match="max_answer_bytes"):
        decoded(b'{"predictions": [1, 2, 3]}', max_answer_bytes=10)


def test_a_request() -> None:
    sample = Sample(0, {"instances": [[1, 2], [3, 4]]}, {"labels": [0, 1]})
    body = json.loads(ADAPTER.encode(sample, "m", {"signature_name": "s"}))
    assert body == {"instances": [[1, 2], [3, 4]], "signature_name": "s"}, "no label is ever sent"
    assert ADAPTER.salted(sample, "000000000001").fields == {"instances": [[3, 4], [1, 2]]}
    assert ADAPTER.unstreamed({"signature_name": "s"}) == {"signature_name": "s"}
