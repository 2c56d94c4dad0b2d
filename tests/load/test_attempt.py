"""How long a busy server has us wait: whatever it says, a number of seconds."""

from __future__ import annotations

import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.load.attempt import _retry_after_s

NINES = "9" * 30


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (None, 1.0),
        ("0", 0.0),
        ("007", 7.0),
        ("99999999", 99_999_999.0),
        ("999999999", 1.0),
        ("1.5", 1.0),
        ("-1", 1.0),
        ("+1", 1.0),
        ("\xb2", 1.0),  # a digit to `isdigit`, but no number
        ("", 1.0),
        ("soon", 1.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("Friday, 31-Dec-99 23:59:59 GMT", 0.0),
        ("Fri, 99 Dec 1999 23:59:59 GMT", 1.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 1.0),
        (f"Fri, 31 Dec {NINES} 23:59:59 GMT", 1.0),
        (f"Fri, 31 Dec 1999 {NINES}:59:59 GMT", 1.0),
        (f"Fri, 31 Dec 1999 23:59:59 +{NINES}", 1.0),
    ],
)
def test_seconds_or_a_date_or_else_a_second(told: str | None, seconds: float) -> None:
    assert _retry_after_s(told) == seconds


def test_a_date_to_come() -> None:
    told = email.utils.formatdate(time.time() + 600, usegmt=True)
    assert 500 < _retry_after_s(told) <= 600


PARTS = ["Fri", "Dec", "31", "1999", "23:59:59", "GMT", " ", ",", ":", "+", "-", "0", ".", "(", '"', "\\", NINES]


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join) | st.text(st.characters(max_codepoint=255)))
def test_no_nonsense_is_a_bug_of_ours(told: str) -> None:
    assert _retry_after_s(told) >= 0
