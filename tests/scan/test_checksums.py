"""Check digits, each against published examples and against the same number with one digit changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from auditcube.scan import checksums

GOOD: list[tuple[Callable[[str], bool], str]] = [
    (checksums.luhn, "4111111111111111"),
    (checksums.luhn, "378282246310005"),
    (checksums.iban, "DE89370400440532013000"),
    (checksums.iban, "GB29NWBK60161331926819"),
    (checksums.iban, "NO9386011117947"),
    (checksums.verhoeff, "2363"),
    (checksums.cpf, "52998224725"),
    (checksums.cnpj, "11222333000181"),
    (checksums.dni, "12345678Z"),
    (checksums.dni, "X1234567L"),
    (checksums.nir, "255081416802538"),
    (checksums.codice_fiscale, "RSSMRA85T10A562S"),
    (checksums.chinese_id, "11010519491231002X"),
    (checksums.hetu, "131052-308T"),
    (checksums.nric, "S1234567D"),
    (checksums.nric, "T0000001E"),
    (checksums.nric, "F1234567N"),
    (checksums.nric, "G1234567X"),
    (checksums.nric, "M1234567K"),
    (checksums.vin, "1M8GDM9AXKP042788"),
    (checksums.nhs, "9434765919"),
    (checksums.ean13, "7569217076985"),
    (checksums.pesel, "44051401359"),
    (checksums.belgian, "85073003328"),
    (checksums.base58check, "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"),
]


@pytest.mark.parametrize(("check", "text"), GOOD, ids=[f"{check.__name__} {text}" for check, text in GOOD])
def test_published_examples_hold(check: Callable[[str], bool], text: str) -> None:
    assert check(text)


@pytest.mark.parametrize(("check", "text"), GOOD, ids=[f"{check.__name__} {text}" for check, text in GOOD])
def test_one_digit_changed_does_not(check: Callable[[str], bool], text: str) -> None:
    place = max(i for i, c in enumerate(text[:-1]) if c.isdigit())
    other = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
    assert not check(other)


def test_an_iban_has_the_length_of_its_country() -> None:
    assert not checksums.iban("DE8937040044053201300")
    assert not checksums.iban("ZZ89370400440532013000")


@pytest.mark.parametrize(
    ("day", "real"), [("20260228", True), ("20260229", False), ("18791231", False), ("20261301", False)]
)
def test_days_are_of_the_calendar(day: str, real: bool) -> None:
    assert checksums.calendar_day(day) == real
    assert checksums.short_day(day[2:]) in (real, True)


def test_what_is_no_base58_is_no_key() -> None:
    assert not checksums.base58check("0OIl")
