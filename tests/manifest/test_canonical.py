"""RFC 8785: one spelling for each value; what has none is refused, or becomes a string in the profile for others."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from auditcube.manifest.canonical import LARGEST, canonical, foreign, foreign_sha256, odd_numbers, same
from manifest.examples import FULL

SEED = 10487924139932647040  # one that MLPerf published

# RFC 8785, section 3.2.2 and appendix B.
VECTORS = [
    ({"numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27]},
     '{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}'),
    ({"string": '€$\x0f\nA\'B"\\\\"/'}, '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'),
    ({"literals": [None, True, False]}, '{"literals":[null,true,false]}'),
    (-0.0, "0"),
    (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (9007199254740992.0, "9007199254740992"),
    (295147905179352830000.0, "295147905179352830000"),
    (1e23, "1e+23"),
    (12.0, "12"),
    ({"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7},
     '{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'),
]  # fmt: skip


@pytest.mark.parametrize(("value", "spelling"), VECTORS)
def test_the_vectors_of_the_rfc(value: Any, spelling: str) -> None:
    assert canonical(value) == foreign(value) == spelling.encode()


@pytest.mark.parametrize("value", [LARGEST + 1, -LARGEST - 1, SEED, [{"a": 2**64}]])
def test_a_large_integer_has_no_form_but_in_the_profile_for_others(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical(value)
    assert foreign(value)


def test_large_integers_of_others_become_strings() -> None:
    assert foreign({"b": SEED, "a": [-(2**63), LARGEST, True]}) == (
        b'{"a":["-9223372036854775808",9007199254740991,true],"b":"10487924139932647040"}'
    )
    # Where a reader rounds to a double, these two are one: here they are not.
    assert foreign_sha256(SEED) != foreign_sha256(SEED + 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1: 2}, {"a": {"\udfff": 1}}])
def test_what_is_no_json_has_no_form(value: Any) -> None:
    for form in (canonical, foreign):
        with pytest.raises(ValueError, match=r".+"):
            form(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def no_integer_when_read_again(value: Any) -> bool:
    """RFC 8785 writes 9007199254740992.0 without a point: read again, it is an integer beyond `LARGEST`."""
    return not any(LARGEST < abs(float(number)) < 1e21 for number in floats(value))


def floats(value: Any) -> list[float]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, float) else [number for member in inner for number in floats(member)]


@given(JSON.filter(no_integer_when_read_again))
def test_a_form_says_the_same_and_is_its_own_form(value: Any) -> None:
    once = foreign(value)
    assert foreign(json.loads(once)) == once


@given(JSON)
def test_the_form_is_that_of_the_library(value: Any) -> None:
    """Whatever writes it: most values take a faster way."""
    try:
        expected = rfc8785.dumps(value)
    except ValueError:
        return
    assert canonical(value) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_has_the_form_of_the_library(value: float) -> None:
    assert canonical([value]) == rfc8785.dumps([value])


@given(JSON)
def test_a_value_is_the_same_as_itself_read_again(value: Any) -> None:
    assert same(value, json.loads(json.dumps(value)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True), (0, False), (1, 1.0), (1, "1"), (None, False), ([], {}), ({"a": 1}, {"a": True}), ([0], [False]),
        ([1], [1, 1]), ({"a": 1}, {"a": 1, "b": None}), ("", None),
    ],
)  # fmt: skip
def test_what_python_may_take_for_equal_is_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same(other, one)
    assert same(one, copy.deepcopy(one))


def test_a_full_manifest_has_no_odd_number() -> None:
    assert list(odd_numbers(FULL)) == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"monotonic_duration_ns": 5.0}, "/monotonic_duration_ns"),
        ({"task_status": {"state": "completed", "exit_code": 1e0}}, "/task_status/exit_code"),
        ({"extensions": {"a/b": [0, 2**53]}}, "/extensions/a~1b/1"),
        ({"verdicts": [{"numbers": {"n": -(2**53)}}]}, "/verdicts/0/numbers/n"),
        ({"verdicts": [{"numbers": {}, "remarks": [0.5]}]}, "/verdicts/0/remarks/0"),
        ({"verdicts": [{"numbers/": 0.5}]}, "/verdicts/0/numbers~1"),
    ],
)
def test_a_number_that_not_every_reader_takes_alike_is_named(change: dict[str, Any], pointer: str) -> None:
    assert [at for at, _ in odd_numbers(FULL | change)] == [pointer]


def test_fractions_are_for_numbers_and_extensions() -> None:
    assert list(odd_numbers({"extensions": {"\n": 0.5, "x": [0.1]}, "verdicts": [{"numbers": {"gain": 0.5}}]})) == []
