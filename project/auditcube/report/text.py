"""Texts of others, made safe to look at. Escaping for HTML is Jinja2's and markupsafe's; this is what they leave.

A character that moves, hides or reorders its neighbours could make a FAIL look like a PASS, so it is shown by its
code point instead.
"""

from __future__ import annotations

import json
import re
from typing import Any

from markupsafe import Markup

# C0 and C1 controls but for tab and newline; marks, embeddings and isolates that reorder text (Unicode TR 9); other
# characters that take no room; lone surrogates, which UTF-8 cannot spell; the two non-characters of every plane 0 text.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]"
)


def visible(value: object) -> object:
    """`value` with every unseen character as ⟨U+XXXX⟩. Markup of ours is left alone; what is no text becomes text."""
    if isinstance(value, Markup):
        return value
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", str(value))


def shortened(value: object, limit: int) -> str:
    """At most `limit` characters of `value` as text, and if that is not all, how many there are."""
    text = str(value)
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text):,} characters)"


def plain(value: Any) -> str:
    """Any JSON value on one line: text as it is, nothing as a dash, the rest as JSON."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (dict, list, tuple)):
        return shortened(json.dumps(value, ensure_ascii=False, default=str), 400)
    return shortened(value, 400)
