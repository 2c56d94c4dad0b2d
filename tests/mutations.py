"""Mutated sidecars, by seeded chance: of values, of structure, of spelling, of bytes.

Structure-aware: most stay JSON, and many stay valid, so that what comes after the parser is reached.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from edits import pointer

Value = dict[str, Any]
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 255, 256, 2**53 - 1, 2**53, 2**63, 2**64, 10**30, 1e308, 5e-324, -0.0, 0.5, 12.0),
    *("", " ", "\n", "0", "\x00", "\x7f", "\u202e", "\ufeff", "é", "e\u0301", "😀", "null", "[withheld:email]"),
    *("a" * 4096, "a" * 5000),
    *("../x", "/etc/passwd", "C:\\x", "a/../b", "a//b", "./a", "CON", "/dev/zero", "/dev/stdin", "file:///etc/passwd"),
    *("CONFIG.YAML", "config.yaml/", "config.yaml/x", "runs", "..", "~", "$HOME", "a\\b", "http://127.0.0.1:1/x"),
    *("9007199254740993", "18446744073709551616", "NaN", "1e999", "sha256:" + "0" * 64, "0" * 64, "f" * 63, "public"),
    *("PASS", "FAIL", "internal", "safe_for_public_log", "redacted", "verify", "audit", "run_audit", "review"),
    *([], {}, [[]], [{}], {"": ""}, {"sha256": "0" * 64}, [None] * 50),
)  # fmt: skip


class Mutant(NamedTuple):
    """The bytes of a mutated sidecar, and its value if it is still known to be one."""

    data: bytes
    value: Value | None
    how: str


Seal = Callable[[Value], bytes]
"""Writes a sidecar with every digest made right."""


def mutants(base: Value, spelt: bytes, seal: Seal, chance: random.Random) -> Iterator[Mutant]:
    """Mutants without end of one sidecar, given as value and as bytes."""
    while True:
        kind = chance.random()
        if kind < 0.65:
            value = copy.deepcopy(base)
            done = [chance.choice(_VALUE)(value, chance) for _ in range(chance.choice((1, 1, 1, 2, 4)))]
            yield _written(value, seal, "+".join(done), chance)
        elif kind < 0.85:
            spell = chance.choice(_SPELLINGS)
            yield Mutant(spell(base, spelt, chance), None, spell.__name__)
        else:
            yield Mutant(_bytes(spelt, chance), None, "bytes")


def _written(value: Value, seal: Seal, how: str, chance: random.Random) -> Mutant:
    if chance.random() < 0.7:
        try:
            return Mutant(seal(copy.deepcopy(value)), value, how)
        except (LookupError, TypeError, AttributeError, ValueError):
            pass  # not whole enough to have digests
    data = (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
    return Mutant(data, value, f"{how}, unsealed")


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value below this one is."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, member in members:
        yield (*at, part)
        yield from places(member, (*at, part))


def get(value: Any, at: tuple[Any, ...]) -> Any:
    for part in at:
        value = value[part]
    return value


def _place(value: Value, chance: random.Random) -> tuple[Any, Any]:
    """A container in the value, and a place in it."""
    at = chance.choice(list(places(value)) or [("schema_version",)])
    return get(value, at[:-1]), at[-1]


def _odd(value: Value, chance: random.Random) -> str:
    inside, part = _place(value, chance)
    inside[part] = copy.deepcopy(chance.choice(_ODD))
    return "odd"


def _near(value: Value, chance: random.Random) -> str:
    """A value much like the one that is there."""
    inside, part = _place(value, chance)
    old = inside[part]
    if isinstance(old, bool) or old is None:
        inside[part] = not old
    elif isinstance(old, (int, float)):
        inside[part] = chance.choice((old + 1, old - 1, old * 2, -old, float(old), str(old)))
    elif isinstance(old, str) and old:
        place = chance.randrange(len(old))
        inside[part] = old[:place] + chance.choice("0123456789abcdefXZ/.-_ ") + old[place + chance.randrange(2) :]
    elif isinstance(old, list):
        inside[part] = chance.choice((old[1:], old[::-1], old * 2))
    return "near"


def _removed(value: Value, chance: random.Random) -> str:
    inside, part = _place(value, chance)
    del inside[part]
    return "removed"


def _added(value: Value, chance: random.Random) -> str:
    inside, _ = _place(value, chance)
    new = copy.deepcopy(chance.choice(_ODD))
    if isinstance(inside, dict):
        inside[
            chance.choice(("zzz", "", "extensions", "redaction", "run_id", "claim_status", "__proto__", "a/b~c"))
        ] = new
    else:
        inside.insert(chance.randrange(len(inside) + 1), new)
    return "added"


def _exchanged(value: Value, chance: random.Random) -> str:
    """Two values change places."""
    one, other = (chance.choice(list(places(value)) or [("x",)]) for _ in range(2))
    if one[: len(other)] != other and other[: len(one)] != one:
        first, second = get(value, one), get(value, other)
        # Both looked up first: an edit before this one may have made one value of two places.
        inside_one, inside_other = get(value, one[:-1]), get(value, other[:-1])
        inside_one[one[-1]], inside_other[other[-1]] = second, first
    return "exchanged"


def _copied(value: Value, chance: random.Random) -> str:
    inside, part = _place(value, chance)
    inside[part] = copy.deepcopy(get(value, chance.choice(list(places(value)) or [()])))
    return "copied"


def _deeper(value: Value, chance: random.Random) -> str:
    inside, part = _place(value, chance)
    for _ in range(chance.choice((1, 5, 63, 64, 65, 200))):
        inside[part] = chance.choice(([inside[part]], {"a": inside[part]}))
    return "deeper"


_VALUE = (_odd, *[_near] * 8, _removed, _added, _exchanged, _copied, _deeper)


def other_indent(base: Value, _: bytes, chance: random.Random) -> bytes:
    return json.dumps(base, indent=chance.choice((None, 0, 1, 4)), ensure_ascii=chance.random() < 0.5).encode()


def other_order(base: Value, _: bytes, chance: random.Random) -> bytes:
    return (json.dumps(dict(reversed(base.items())), indent=2, ensure_ascii=False) + "\n").encode()


def other_encoding(_: Value, spelt: bytes, chance: random.Random) -> bytes:
    return spelt.decode().encode(chance.choice(("utf-16", "utf-8-sig", "utf-32", "utf-16-le", "utf-7")))


def member_twice(base: Value, spelt: bytes, chance: random.Random) -> bytes:
    name = chance.choice(list(base))
    twice = json.dumps({name: chance.choice((base[name], None, "x"))})[1:-1].encode()
    return spelt.replace(b"{", b"{" + twice + b",", 1) if chance.random() < 0.5 else spelt[:-3] + b"," + twice + b"}\n"


def other_number(_: Value, spelt: bytes, chance: random.Random) -> bytes:
    number = chance.choice((b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"1E2", b"1.0", b"0x1", b"1" * 5000))
    at = spelt.find(b'"exit_code": ')
    return spelt[: at + 13] + number + spelt[at + 14 :] if at >= 0 else spelt + number


def escapes(_: Value, spelt: bytes, chance: random.Random) -> bytes:
    odd = chance.choice((b"\\ud800", b"\\udc00\\ud800", b"\\u0000", b"\\x41", b"\\u0041", b"\xed\xa0\x80", b"\xc0\xaf"))
    at = spelt.find(b'"', chance.randrange(len(spelt)))
    return spelt[: at + 1] + odd + spelt[at + 1 :]


def more_behind(_: Value, spelt: bytes, chance: random.Random) -> bytes:
    return spelt + chance.choice((b" ", b"\n", b"{}", b"\x00", b"// x", spelt))


def nested(_: Value, spelt: bytes, chance: random.Random) -> bytes:
    return chance.choice((b"[", b'{"a":', b'[{"":')) * chance.choice((65, 1000, 100_000))


_SPELLINGS = (other_indent, other_order, other_encoding, member_twice, other_number, escapes, more_behind, nested)


def _bytes(spelt: bytes, chance: random.Random) -> bytes:
    data = bytearray(spelt)
    for _ in range(chance.choice((1, 1, 3, 20))):
        place = chance.randrange(len(data))
        what = chance.random()
        if what < 0.5:
            data[place] ^= 1 << chance.randrange(8)
        elif what < 0.7:
            del data[place : place + chance.choice((1, 2, 100))]
        elif what < 0.9:
            data[place:place] = chance.randbytes(chance.choice((1, 4)))
        else:
            del data[place:]
        if not data:
            break
    return bytes(data)


def differing(one: Any, other: Any, at: tuple[Any, ...] = ()) -> Iterator[str]:
    """The pointers at which two JSON values differ; of lists of other lengths their own."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            if name in one and name in other:
                yield from differing(one[name], other[name], (*at, name))
            else:
                yield pointer((*at, name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from differing(mine, theirs, (*at, number))
    elif type(one) is not type(other) or one != other:
        yield pointer(at)
