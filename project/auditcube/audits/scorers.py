"""How answers become a score: the settings of a scorer, and the built-in ones. Pure; commands are run elsewhere.

Built-in scores are in percent. A row counts in any case: an answer in which nothing was found is a wrong one.

Source of the rules: exact match and multiple choice as in MLPerf's language tasks; ROUGE by `rouge-score`, which is
the library of MLPerf's own accuracy scripts; the word error rate is (substitutions + insertions + deletions) by words
wanted.
"""

from __future__ import annotations

import importlib.util
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from auditcube.evidence.answers import KeptAnswer, Score

Kind = Literal["exact_match", "multiple_choice", "numeric", "word_error_rate", "rouge", "external"]
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?\.?\d+(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_ANSWER_IS = re.compile(r"(?i:answer|choice)\W{0,12}(?:(?i:is|are)\W{1,8})?([A-J])(?![A-Za-z0-9])")
_LETTER = re.compile(r"(?<![A-Za-z0-9'\u2019])(?!I\s+[a-z])([A-J])(?![A-Za-z0-9'\u2019])")  # "I think" is no choice
_OF_COMMANDS = ("command", "media", "member", "pattern", "result", "environment")


class Scorer(BaseModel):
    """The settings of a scorer. Frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kind: Kind = Field(default="exact_match", description="how an answer is held against the expected one")
    column: str = Field(default="answer", description="column of dataset.expected that holds the expected answer")
    extract: str | None = Field(
        default=None, description="regular expression: the group of its last match is the answer; null: all the text"
    )
    metric: Literal["rouge1", "rouge2", "rougeL"] = Field(default="rougeL", description="of `rouge`: its F measure")
    command: tuple[str, ...] = Field(
        default=(), strict=False, description="of `external`: program and arguments, run without a shell"
    )
    timeout_s: float = Field(default=3600.0, gt=0, description="of `external`: then it is stopped, and has no score")
    media: bool = Field(
        default=False, description="of `external`: keep the videos, too; {media} in the command is their directory"
    )
    result: str | None = Field(
        default=None, description="of `external`: file below {output} that holds the score; null: standard output"
    )
    member: str | None = Field(
        default=None, description="of `external`: JSON pointer to the score, such as /accuracy; or give `pattern`"
    )
    pattern: str | None = Field(
        default=None, description="of `external`: regular expression whose one group is the score; or give `member`"
    )
    environment: tuple[str, ...] = Field(
        default=(), strict=False, description="of `external`: variables that it gets besides PATH, HOME and the like"
    )
    lower_is_better: bool = Field(default=False, description="of `external`: a smaller score is a better one")

    @property
    def ascending(self) -> bool:
        """Whether a larger score is a better one."""
        return self.kind != "word_error_rate" and not self.lower_is_better

    @field_validator("extract", "pattern")
    @classmethod
    def _one_group(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                groups = re.compile(text).groups
            except re.error as problem:
                raise ValueError(f"is no regular expression: {problem}") from None
            if groups != 1:
                raise ValueError("a regular expression with one group is wanted")
        return text

    @field_validator("result")
    @classmethod
    def _below(cls, text: str | None) -> str | None:
        if text is not None and (not text or text.startswith("/") or ".." in text.split("/") or "\0" in text):
            raise ValueError("the name of a file below {output} is wanted")
        return text

    @model_validator(mode="after")
    def _whole(self) -> Scorer:
        if self.kind == "external":
            if not self.command or any("\0" in word for word in self.command):
                raise ValueError("command is missing: a list of program and arguments is wanted")
            if (self.member is None) == (self.pattern is None):
                raise ValueError("one of member and pattern is wanted: where the score stands")
            if self.member is not None and not self.member.startswith("/"):
                raise ValueError("member: a JSON pointer is wanted, which starts with /")
        elif given := next((name for name in _OF_COMMANDS if getattr(self, name)), None):
            raise ValueError(f"{given} is for kind: external")
        elif self.lower_is_better:
            raise ValueError("lower_is_better is for kind: external; the others know it")
        return self


class Scoring(NamedTuple):
    """What an audit wants scored: the runs by label, each with the run whose samples alone count, or None for all."""

    scorer: Scorer
    runs: Mapping[str, str | None]


def lacking(scorer: Scorer) -> str | None:
    """What must be installed for this scorer and is not, in words, or None."""
    if scorer.kind == "rouge" and importlib.util.find_spec("rouge_score") is None:
        return "ROUGE needs the extra: pip install 'auditcube[rouge]'"
    return None


def score(scorer: Scorer, answers: Iterable[KeptAnswer]) -> Score:
    """The score by a built-in scorer; in percent."""
    count, unknown = 0, 0
    parts: list[tuple[float, float]] = []
    rate = _rater(scorer)
    for answer in answers:
        count += 1
        if (wanted := answer.expected.get(scorer.column)) is None:
            unknown += 1
            continue
        text = answer.output.get("text")
        parts.append(rate(_extracted(scorer, text if isinstance(text, str) else ""), wanted))
    if not count:
        return Score(None, 0, "no answer was kept")
    if unknown:
        return Score(None, count, f"{unknown} answers are to rows without the column {scorer.column!r}")
    if not (out_of := math.fsum(part[1] for part in parts)):
        return Score(None, count, "the expected answers hold nothing that could be counted")
    return Score(100 * math.fsum(part[0] for part in parts) / out_of, count)


def _extracted(scorer: Scorer, text: str) -> str:
    if scorer.extract is None:
        return text
    found = [match[1] for match in re.finditer(scorer.extract, text) if match[1] is not None]
    return found[-1] if found else ""


def _rater(scorer: Scorer) -> Callable[[str, Any], tuple[float, float]]:
    """From an answer's text and the expected value to what it earns, out of what."""
    if scorer.kind == "word_error_rate":
        return _errors
    if scorer.kind == "rouge":
        return _rouge(scorer.metric)
    same = {"exact_match": _same_text, "multiple_choice": _same_choice, "numeric": _same_number}[scorer.kind]
    return lambda text, wanted: (float(same(text, wanted)), 1.0)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _same_text(text: str, wanted: Any) -> bool:
    return _plain(text) == _plain(str(wanted))


def _same_choice(text: str, wanted: Any) -> bool:
    return (chosen := choice(text)) is not None and chosen == str(wanted).strip().upper()


def choice(text: str) -> str | None:
    """The letter that an answer chooses: the last one that it calls its answer, else the only one that stands alone."""
    if told := _ANSWER_IS.findall(text):
        return str(told[-1])
    alone = {*_LETTER.findall(text)}
    return str(alone.pop()) if len(alone) == 1 else None


def _same_number(text: str, wanted: Any) -> bool:
    found, expected = number(text), number(str(wanted))
    return found is not None and found == expected


def number(text: str) -> Decimal | None:
    """The last number in a text, exactly; commas between thousands are read over."""
    found = _NUMBER.findall(text)
    try:
        return Decimal(found[-1].replace(",", "")) if found else None
    except InvalidOperation:  # an exponent beyond all bounds
        return None


def _errors(text: str, wanted: Any) -> tuple[float, float]:
    expected = _words(str(wanted))
    return float(edits(expected, _words(text))), float(len(expected))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def edits(wanted: Sequence[str], told: Sequence[str]) -> int:
    """The least number of substitutions, insertions and deletions that make one of the other.

    Source: H. Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003: a column of
    the table in two integers, one bit for each word.
    """
    if not wanted:
        return len(told)
    places: dict[str, int] = {}
    for place, word in enumerate(wanted):
        places[word] = places.get(word, 0) | 1 << place
    every, last = (1 << len(wanted)) - 1, 1 << (len(wanted) - 1)
    more, less, count = every, 0, len(wanted)
    for word in told:
        same = places.get(word, 0)
        diagonal = (((same & more) + more) ^ more) | same | less
        right, left = less | ~(diagonal | more) & every, more & diagonal
        count += 1 if right & last else -1 if left & last else 0
        right, left = (right << 1 | 1) & every, (left << 1) & every
        more, less = left | ~(diagonal | right) & every, right & diagonal
    return count


def _rouge(metric: str) -> Callable[[str, Any], tuple[float, float]]:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([metric], use_stemmer=True)
    return lambda text, wanted: (float(scorer.score(str(wanted), text)[metric].fmeasure), 1.0)
