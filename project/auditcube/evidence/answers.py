"""What was answered, as far as it was kept: the same value whether our engine or the real LoadGen wrote it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:  # imported when runs are judged, not before the first query
    import numpy.typing as npt

Tokens: TypeAlias = "Sequence[int] | memoryview[Any] | npt.NDArray[Any]"


class KeptAnswer(NamedTuple):
    """The answer to one query.

    `ordinal` is the query's place in the plan (LoadGen's `seq_id`), `sample` the row of the data set (`qsl_idx`).
    `content` is the whole answer as bytes: two answers are the same iff these are equal. `tokens` are the ids of the
    output tokens, all of them if `all_tokens`: log probabilities need not have one for each, as llama.cpp's have none
    for a token that ends within a character. `first_tokens` are those that were told first, when the clock of the time
    to the first token stopped; `tokens_out` is the length that the system reports. `output` is the answer as an adapter
    kept it, by name; LoadGen's logs have none. `expected` is what the data set says of the row and no request holds, by
    column. None: not told.
    """

    ordinal: int
    sample: int
    content: bytes | None
    tokens: Tokens | None = None
    first_tokens: Tokens | None = None
    tokens_out: int | None = None
    output: Mapping[str, Any] = MappingProxyType({})
    expected: Mapping[str, Any] = MappingProxyType({})
    all_tokens: bool = True

    @property
    def length(self) -> int | None:
        """How many tokens the answer has, by its ids where these are all, else as reported; None if nobody tells."""
        if self.tokens is None or (not self.all_tokens and self.tokens_out is not None):
            return self.tokens_out
        return len(self.tokens)

    @property
    def misreported(self) -> bool:
        """Whether ids and reported length cannot both be right."""
        if self.tokens is None or self.tokens_out is None:
            return False
        return self.tokens_out < len(self.tokens) or (self.all_tokens and self.tokens_out != len(self.tokens))


class Score(NamedTuple):
    """What a scorer made of a run's kept answers.

    `value` is None where it found no score, and `problem` says why. `answers` is how many it was given. `external` says
    how a command of the submitter's came to it: the command, its exit status, the digest of what it was given.
    """

    value: float | None
    answers: int
    problem: str = ""
    external: Mapping[str, Any] = MappingProxyType({})

    def to_json(self) -> dict[str, Any]:
        return {"score": self.value, "answers": self.answers, "problem": self.problem, **self.external}
