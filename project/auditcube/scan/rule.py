"""What a rule is, and what may be asked about a match. Pure.

A rule names literals of which one stands in each of its matches (`anchors`), or the lengths of the groups of digits
(for `letters`: of the capitals, and of the digits behind them) that a match begins with, or one of the engine's other
shapes. In one pass the engine looks for these, and tries the pattern only there. A pattern's group `v`, or else the
whole match, is what must not be published.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Match = re.Match[bytes]
Check = Callable[[Match], bool]
Family = Literal["secret", "private data", "machine"]
Shape = Literal["anchor", "groups", "dotted", "letters", "double colons", "pairs with colons", "pairs with dashes"]

_NUMBER_ENDS = (b",", b"}", b"]", b".", b"", b"\n", b"\r", b" ")
MARK = b"[withheld:"
_PLACEHOLDER = re.compile(
    rb"(?i)\[withheld|\[redacted|redacted|placeholder|change[_-]?me|your[_-]|^<|\$\{|\{\{|\*{3}|\.{3}|x{5,}|^\$[A-Z_(]"
    rb"|^%\w+%$|^(?:none|null|nil|true|false|undefined|required|optional|unset|empty|missing|hidden|masked|secret"
    rb"|password|string|str|bytes|int|bool|any|n/a)$"
)


@dataclass(frozen=True)
class Rule:
    """One kind of thing that must not be published.

    `reach` is how many bytes before its anchor a match may begin; 0: the match begins with it. `lead` holds the
    characters that may stand between; without it, any of the line. `bounded`: no letter or digit stands directly before
    the anchor. `lines`: a match may go over several lines. `opens`: what its first line has at the anchor, of a rule
    that may find nothing in that line alone, as its match is not whole without others, or its check looks at them. Of
    any other rule, what it finds in a text it also finds in one line of it by itself.
    """

    id: str
    about: str
    family: Family
    pattern: str
    anchors: tuple[str, ...] = ()
    check: Check | None = None
    reach: int = 0
    lead: str = ""
    bounded: bool = True
    lines: bool = False
    opens: str = ""
    shape: Shape = "anchor"
    groups: tuple[tuple[int, ...], ...] = ()


def value(match: Match) -> bytes:
    """What must not be published of a match."""
    start, end = span(match)
    return match.string[start:end]


def span(match: Match) -> tuple[int, int]:
    """Where that stands: the group `v`, the group `w` of a pattern's other half, or else all of it."""
    if names := match.re.groupindex:
        for name in ("v", "w"):
            if name in names and match.start(name) >= 0:
                return match.span(name)
    return match.span()


def text_of(match: Match, drop: str = " -.") -> str:
    """The value as text, without what separates its groups."""
    return value(match).translate(None, drop.encode("latin-1")).decode("latin-1")


def before(match: Match, size: int = 40) -> bytes:
    """What stands before a match in its line, at most `size` bytes, in lower case."""
    start = max(0, match.start() - size)
    return match.string[start : match.start()].rpartition(b"\n")[2].lower()


def is_number(match: Match) -> bool:
    """An unquoted number of a JSON or CSV file, or a part of a longer one."""
    ahead = match.string[max(0, match.start() - 3) : match.start()]
    behind = match.string[match.end() : match.end() + 1]
    return re.search(rb"(?:\":\s?|[\],\[]\s?|[.eE+x_-])$", ahead) is not None and behind in _NUMBER_ENDS


def entropy(text: bytes) -> float:
    """Shannon's entropy, in bits per byte."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def placeholder(text: bytes) -> bool:
    """Something that stands for a value: a mark of ours, `${NAME}`, `<token>`, `***`, a word for nothing."""
    return _PLACEHOLDER.search(text) is not None


def random_looking(match: Match) -> bool:
    """No placeholder, no row of one character: what a generator of secrets could have made."""
    text = value(match)
    return len(set(text)) >= min(8, len(text) // 2) and not placeholder(text)


def strong(match: Match) -> bool:
    """Random enough for a secret that only its name tells: 16 or more with letters, digits, 3 bits each."""
    text = value(match)
    if placeholder(text) or not re.search(rb"[A-Za-z]", text):
        return False
    if re.search(rb"[0-9]", text):
        return entropy(text) >= 3.0
    return len(text) >= 20 and entropy(text) >= 3.8 and re.search(rb"[a-z][A-Z]+[a-z]+[A-Z]", text) is not None
