"""Short ways to write rules down: tokens with a prefix of their own, and values that only their name tells."""

from __future__ import annotations

import re
import string

from auditcube.scan.rule import Check, Family, Match, Rule, placeholder, random_looking, strong, value

LEAD = string.ascii_letters + string.digits + "_.~+/:-"  # what stands before the anchor inside of a token
_QUOTE = r"""(?:\\{0,2}["'`])"""
# Between a name and its value: `name = v`, `"name": "v"`, `name: str = "v"`, `<name>v<`, `name is v`.
ASSIGNED = (
    rf"(?P<rest>[\w-]{{0,24}}){_QUOTE}?\]?(?:\s{{0,3}}(?:=>|:=|==?|[:>])(?:\s?(?:str|bytes"
    rf"|string)\s?=)?\s{{0,3}}|\s+is:?\s+)"
    rf"(?:[brfu]?(?P<q>{_QUOTE}))?"
)
# What may follow a name that holds no secret itself but tells something about one.
_ABOUT = re.compile(
    rb"(?i)env|file|path|dir$|count|num|len|size|type|kind|policy|hash|digest|sum$|field|label|name|ur[li]|endpoint"
    rb"|expir|ttl|limit|max|min$|usage|total|ids?$|iz|s$|s[_-]|per_|rate|prompt|hint|reset|changed|strength"
    rb"|format|regex"
    rb"|pattern|required|enabled|bytes|_in$|_out$|version|budget|source|ring|store|ref$|mode|scheme|alg|prefix|suffix"
)
_CODE = re.compile(
    rb"^(?:self|args|os|cls|this|config|settings|options|env|secrets|getpass|process|request)\b|^\w+[.(\[]"
    rb"\w*[(\[.)]|[({\[]$|^\w+\("
)
_WORDS = re.compile(
    rb"(?i)\b(?:must|the|your|please|enter|characters?|should|least|cannot|forgotten|forgot|reset|incorrect"
    rb"|invalid|wrong"
    rb"|passwords?|passwd|pwd|value|text|input|user|key|data|token|secrets?|default|auth|protected|based|ma"
    rb"nager|field)\b"
)


def token(id: str, about: str, anchors: str, pattern: str, check: Check | None = random_looking) -> Rule:
    """A secret that begins with one of `anchors` (parted by blanks), no letter or digit before it."""
    return Rule(id, about, "secret", f"(?:{pattern})", tuple(anchors.split()), check)


def says_itself(match: Match) -> bool:
    """The name is that of the value, not of something about it: `token_file`, `tokens` and `passwordHash` are not."""
    rest = match["rest"]
    follows = not rest or rest[:1] in b"_-0123456789" or rest[:1].isupper()
    called_up = match.string[match.end() : match.end() + 1] == b"("
    return follows and not called_up and not _ABOUT.search(rest) and not placeholder(value(match))


def called(
    id: str, about: str, words: str, pattern: str, check: Check = strong, family: Family = "secret",
    anchors: str = "", bounded: bool = False, loose: bool = False,
) -> Rule:  # fmt: skip
    """A value of the form `pattern` that is assigned to a name with one of `words`, alternatives of a pattern.

    `anchors`, parted by blanks, begin the words; without them the words are plain. `loose`: a blank is enough between
    the two.
    """
    starts = tuple(a.replace("␣", " ") for a in (anchors or words.replace("|", " ")).split())

    def checked(match: Match) -> bool:
        return says_itself(match) and check(match)

    between = ASSIGNED.replace(r"|\s+is:?\s+)", r"|\s+is:?\s+|\s#?\s?)") if loose else ASSIGNED
    return Rule(id, about, family, f"(?i:{words}){between}(?P<v>{pattern})", starts, checked, bounded=bounded)


def joined(first: str, second: str) -> str:
    """Anchors for two words, each of `first` with each of `second`, in the ways that names are put together."""
    return " ".join(f"{a}{gap}{b}" for a in first.split() for gap in ("", "_", "-", "␣") for b in second.split())


def passwordlike(match: Match) -> bool:
    """A value that people choose as a password, and no word of a sentence, no code that fetches one."""
    text = value(match).strip()
    if len(text) < 4 or _CODE.search(text) or text.startswith(b"/") and text.count(b"/") > 1:
        return False
    sign = match[0][: match.start("v") - match.start()].rstrip()
    if re.match(rb"(?i)_?(?:pass|pw)[^a-z]", match[0]):  # also what a test does, and what lets by
        return (sign.endswith(b"=") or bool(match["q"])) and _mixed(text) and b" " not in text
    if match["q"]:
        return not _WORDS.search(text) or len(text.split()) == 1 and _mixed(text)
    if _mixed(text.rstrip(b".,;:!?")):
        return True
    return sign.endswith(b"=") and len(text) >= 6 and not _WORDS.search(text)


def _mixed(text: bytes) -> bool:
    """Letters with digits or signs between them, as few words have."""
    return (
        len(text) >= 4
        and re.search(rb"[A-Za-z]", text) is not None
        and re.search(rb"[0-9!@#$%^*&+~?=]", text) is not None
    )


def whole(
    id: str, about: str, family: Family, anchors: str, pattern: str, check: Check | None = None, *, reach: int = 0,
    lead: str = "", bounded: bool = True, lines: bool = False, opens: str = "",
) -> Rule:  # fmt: skip
    """Any other rule that goes by literals; in `anchors` ␣ stands for a blank."""
    starts = tuple(a.replace("␣", " ") for a in anchors.split())
    return Rule(id, about, family, pattern, starts, check, reach, lead, bounded, lines, opens)
