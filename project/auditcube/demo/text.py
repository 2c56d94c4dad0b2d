"""The token generator: a chain of hashes that starts from the prompt and the seed, spelled as invented words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_STARTS = "ba ce di fo gu ha jo ki la me ni po qua ri so tu va we xi yo za bri cla dro fle gra"
_ENDS = "bor cas den fin gul har jin kel lom mir nos pet ral sun tok vex wim yar zed nil"
VOCABULARY = tuple(start + end for start in _STARTS.split() for end in _ENDS.split())

_SHORTEST, _SPREAD = 24, 200


@dataclass(frozen=True)
class Token:
    """One generated token; its text starts with a space except at the start of an answer."""

    id: int
    text: str
    logprob: float


END = Token(len(VOCABULARY), "", -0.5)
"""The token that would end a sequence; an honest answer says `stop` without it."""


@dataclass(frozen=True)
class Text:
    """A finished answer: its tokens, `stop` or `length`, and what it takes to fill `usage`.

    `overcount` is how many tokens more `usage` tells than there are, `false_start` a token that a stream tells in place
    of the first one.
    """

    tokens: tuple[Token, ...]
    finish_reason: str
    prompt_token_ids: tuple[int, ...]
    overcount: int = 0
    false_start: Token | None = None

    @property
    def text(self) -> str:
        """The tokens joined."""
        return "".join(token.text for token in self.tokens)

    @property
    def usage(self) -> dict[str, int]:
        """OpenAI's `usage` object."""
        prompt, completion = len(self.prompt_token_ids), len(self.tokens) + self.overcount
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


@dataclass(frozen=True)
class TextJob:
    """One answer to generate.

    The chain has a natural end, 24 to 223 tokens away, where it says `stop`, unless `at_least` lies further; cut
    earlier by `max_tokens` it says `length`. `share` below 1 leaves the rest of the tokens away. `ends`: how often the
    token END follows, `padding` how often the last token is repeated, neither of which costs time; `overcount` how many
    tokens more `usage` tells; `false_start`: a stream begins with a guess; `spread`: every second prompt has its answer
    longer by this share, every other one shorter.
    """

    prompt: str
    seed: int
    max_tokens: int
    at_least: int = 0
    prompt_token_ids: tuple[int, ...] | None = None
    share: float = 1.0
    ends: int = 0
    padding: int = 0
    overcount: int = 0
    false_start: bool = False
    spread: float = 0.0

    def render(self) -> Text:
        """Do the work. Equal jobs give equal answers; a smaller `max_tokens` gives a prefix."""
        count = self.units()
        state, tokens = self._start(), []
        for position in range(count):
            state = hashlib.blake2b(state, digest_size=16).digest()
            tokens.append(_token(state, position))
        natural = max(self._natural_length(), self.at_least)
        cut = self.share == 1.0 and natural > self.max_tokens
        ids = self.prompt_token_ids if self.prompt_token_ids is not None else tokenize(self.prompt)
        tokens += tokens[-1:] * self.padding + [END] * self.ends
        guess = _token(hashlib.blake2b(state, digest_size=16).digest(), 0) if self.false_start else None
        return Text(tuple(tokens), "length" if cut else "stop", ids, self.overcount, guess)

    def units(self) -> int:
        """How many tokens the answer has, each of which costs time."""
        full = min(self.max_tokens, max(self._natural_length(), self.at_least))
        share = self.share * (1 + self.spread * (1 if sum(self.prompt.encode()) % 2 else -1))
        return full if share == 1.0 else max(1, int(full * share))

    def cost_s(self, base_s: float, token_s: float) -> float:
        """The service time: the base and that of each token."""
        return base_s + token_s * self.units()

    def _start(self) -> bytes:
        return hashlib.blake2b(f"{self.seed}\n{self.prompt}".encode(), digest_size=16).digest()

    def _natural_length(self) -> int:
        return _SHORTEST + int.from_bytes(self._start()[:4], "big") % _SPREAD


def _token(state: bytes, position: int) -> Token:
    index = int.from_bytes(state[:4], "big") % len(VOCABULARY)
    return Token(index, VOCABULARY[index] if position == 0 else " " + VOCABULARY[index], -state[4] / 64)


def tokenize(prompt: str) -> tuple[int, ...]:
    """One token id per word of the prompt."""
    words = (hashlib.blake2b(word.encode(), digest_size=4).digest() for word in prompt.split())
    return tuple(int.from_bytes(word, "big") % len(VOCABULARY) for word in words)
