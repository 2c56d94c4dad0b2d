"""Ways to feed a decoder, and what must hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from auditcube.adapters.contract import Answer, DecodeError, Decoder

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
CUTS = st.lists(st.floats(0, 1), max_size=6)


def pieces(body: bytes, cuts: list[float]) -> Iterator[bytes]:
    """The body cut at these shares of its length; some pieces may be empty."""
    ends = sorted(int(cut * len(body)) for cut in cuts)
    return (body[start:end] for start, end in pairwise([0, *ends, len(body)]))


def decoded(make: Callable[[], Decoder], parts: Iterator[bytes]) -> tuple[Answer, int]:
    """The answer without what the stream was like, and how many chunks of output it had."""
    answer = timed(make, ((0, part) for part in parts))
    return Answer(answer.output, answer.tokens_in, answer.tokens_out), answer.chunks


def timed(make: Callable[[], Decoder], parts: Iterable[tuple[int, bytes]]) -> Answer:
    """The answer to pieces that come at these times."""
    decoder = make()
    for now_ns, part in parts:
        decoder.feed(part, now_ns)
    return decoder.finish()


def every_way(make: Callable[[], Decoder], body: bytes) -> tuple[Answer, int]:
    """The answer to a body fed whole and byte by byte, which must be the same."""
    whole = decoded(make, iter([body]))
    assert decoded(make, (bytes([byte]) for byte in body)) == whole
    return whole


def refusal(make: Callable[[], Decoder], body: bytes) -> str:
    """Why a body is refused, whole and byte by byte."""
    reasons = set()
    for parts in ([body], [bytes([byte]) for byte in body]):
        try:
            answer, _ = decoded(make, iter(parts))
        except DecodeError as problem:
            reasons.add(str(problem))
        else:
            raise AssertionError(f"decoded to {answer}")
    return reasons.pop()


def only_decode_errors(make: Callable[[], Decoder], body: bytes) -> None:
    """Whatever the body is, it is an answer or a DecodeError."""
    with suppress(DecodeError):
        decoded(make, iter([body]))
