"""The canonical form of JSON values, RFC 8785: one spelling for each value, whoever wrote it down. Pure.

Two profiles. Our own documents hold no integer beyond 2^53-1 in amount: RFC 8785 has no form for it, as it does not
survive every reader, so such numbers are decimal strings there from the start. Other people's JSON may hold some: in
the profile `FOREIGN` they become decimal strings first, and then RFC 8785 applies. The two agree where both apply.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import orjson
import rfc8785

LARGEST = 2**53 - 1
FOREIGN = "rfc8785+large-integers-as-strings"


def canonical(value: Any) -> bytes:
    """RFC 8785. Raises ValueError for what has no such form: integers beyond `LARGEST`, NaN, infinities, surrogates."""
    return _sorted(value) if _plain(value) else rfc8785.dumps(value)


def _sorted(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> bool:
    """Whether orjson, which is 30 times as fast, writes the same: it sorts names as UTF-8, not as UTF-16, and writes
    whole and very large or small doubles otherwise."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii())
    if kind is dict:
        return all(map(_plain_name, value)) and all(map(_plain, value.values()))
    if kind is list:
        return all(map(_plain, value))
    if kind is float:
        return 1e-4 <= abs(value) < 1e15 and not value.is_integer()
    return kind is bool or value is None or (kind is int and -LARGEST <= value <= LARGEST)


def _plain_name(name: Any) -> bool:
    return isinstance(name, str) and name.isascii()


def foreign(value: Any) -> bytes:
    """The profile `FOREIGN`: RFC 8785 after every integer beyond `LARGEST` has become a decimal string.

    What is written with a point or an exponent is a double, and stays one. Raises ValueError for NaN, infinities and
    lone surrogates, and where a member's name is no string.
    """
    return _sorted(value) if _plain(value) else canonical(_without_large(value))


def _without_large(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_large(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_without_large(member) for member in value]
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        return str(value)
    return value


def foreign_sha256(value: Any) -> str:
    """sha256 of the form `FOREIGN`, in hexadecimal."""
    return hashlib.sha256(foreign(value)).hexdigest()


def same(one: Any, other: Any) -> bool:
    """Whether two values are one JSON value. To Python, 1 equals true, and also 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


# The members of a sidecar, by pointer, in which a number may be no integer.
_FRACTIONS = re.compile(r"/verdicts/[0-9]+/numbers/[^/]*|/extensions(/.*)?", re.DOTALL)


def odd_numbers(manifest: Any) -> Iterator[tuple[str, str]]:
    """Numbers of a sidecar that not every reader takes for the same one, as pointer and message.

    JSON Schema cannot say it: to it, 12.0 is an integer.
    """
    for pointer, number in _numbers(manifest, ""):
        if isinstance(number, int) and not -LARGEST <= number <= LARGEST:
            yield pointer, "is an integer beyond 2^53-1, which must be a decimal string"
        elif isinstance(number, float) and not _FRACTIONS.fullmatch(pointer):
            yield pointer, "is an integer written with a fraction or an exponent"


def _numbers(value: Any, at: str) -> Iterator[tuple[str, int | float]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        kind = type(member)
        if kind is str or kind is bool or member is None:
            continue
        place = f"{at}/{name.replace('~', '~0').replace('/', '~1') if isinstance(name, str) else name}"
        if kind is dict or kind is list:
            yield from _numbers(member, place)
        else:
            yield place, member
