"""Requests that are not quite a row's own: how each kind of change is made to a text, to token ids and to a seed.

A variant is what `load.order` plans for a query: a mark of twelve hexadecimal digits, alone or behind a kind and a
colon. Alone it stands in front of all text, so that not even the cache of a prefix can have seen the request; so do
eight of its digits for `new`, and there the text loses its last word, which keeps the request about as long, and as
dear, as it was. The other kinds leave the request as it was but for one thing: `tail` (the mark behind all text),
`spaces` (one blank more), `case` (one letter), `seed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_SHORT = 8  # digits: few tokens, and enough that a row meets none of them twice
_SEEDS = 2**31  # every server that takes a seed takes one of 31 bits


class Variant(NamedTuple):
    """`kind` is empty for a mark alone; `mark` is hexadecimal."""

    kind: str
    mark: str

    @property
    def leads(self) -> bool:
        """Whether the first text is changed, not the last."""
        return self.kind in ("", "new")

    def seeded(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields with another seed."""
        return {**fields, "seed": int(self.mark, 16) % _SEEDS}

    def of_text(self, text: str) -> str:
        """The text, changed."""
        if self.kind == "spaces":
            at = _one_of([place for place, letter in enumerate(text) if letter == " "] or [len(text)], self.mark)
            return f"{text[:at]} {text[at:]}"
        if self.kind == "case":
            at = _one_of([place for place, letter in enumerate(text) if letter.swapcase() != letter] or [-1], self.mark)
            return f"{text} {self.mark}" if at < 0 else f"{text[:at]}{text[at].swapcase()}{text[at + 1 :]}"
        if self.kind == "new":
            words = text.rsplit(None, 1)
            return f"{self.mark[:_SHORT]} {words[0] if len(words) == 2 else text}"
        return f"{self.mark} {text}" if self.leads else f"{text} {self.mark}"

    def of_tokens(self, tokens: list[Any]) -> list[Any]:
        """The ids, changed; they have neither case nor blanks, so that one id more stands for such a change."""
        # Every vocabulary has ids below 256, so the bytes of a mark are valid before and behind any list of token ids.
        mark = [*bytes.fromhex(self.mark)]
        if self.kind == "new":
            mark = mark[: _SHORT // 2]
            return [*mark, *(tokens[: -len(mark)] if len(tokens) > len(mark) else tokens)]
        if self.leads:
            return [*mark, *tokens]
        return [*tokens, *(mark if self.kind == "tail" else mark[:1])]


def read_variant(text: str) -> Variant:
    """The variant that a plan names."""
    kind, _, mark = text.rpartition(":")
    return Variant(kind, mark)


def _one_of(places: list[int], mark: str) -> int:
    return places[int(mark, 16) % len(places)]
