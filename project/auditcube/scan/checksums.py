"""The check digits of public number formats: whether a number could have been issued. Pure.

*Sources*: ISO/IEC 7812 (Luhn), ISO 13616 and 7064 (IBAN, mod 97), Verhoeff 1969, ISO 3779 (VIN), and for national
numbers the definition that each issuer publishes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the sum of the digits of twice a digit
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ITALIAN_ODD = dict(
    zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23), strict=True)
)  # fmt: skip
_VIN = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
# The least and most digits of an IBAN's country are fixed by ISO 13616's registry.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip


def luhn(digits: str) -> bool:
    """The last digit is the Luhn check digit of those before it."""
    return (sum(map(int, digits[-1::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0


def mod97(text: str) -> int:
    """The remainder by 97 of a text in which A stands for 10 and Z for 35."""
    return int("".join(str(int(character, 36)) for character in text)) % 97


def iban(text: str) -> bool:
    """An IBAN without blanks: the length of its country, and the check of ISO 7064."""
    return IBAN_LENGTHS.get(text[:2]) == len(text) and mod97(text[4:] + text[:4]) == 1


def verhoeff(digits: str) -> bool:
    """The last digit is the Verhoeff check digit of those before it."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return check == 0


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits times weights, from the left; the shorter of the two ends it."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def cpf(digits: str) -> bool:
    """Brazil's CPF, 11 digits: two check digits by mod 11."""
    if len(set(digits)) == 1:
        return False
    return all(weighted(digits[:size], range(size + 1, 1, -1)) * 10 % 11 % 10 == int(digits[size]) for size in (9, 10))


def cnpj(digits: str) -> bool:
    """Brazil's CNPJ, 14 digits: two check digits by mod 11."""
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    rests = (weighted(digits[:size], weights[13 - size :]) % 11 for size in (12, 13))
    return all(int(digit) == (0 if rest < 2 else 11 - rest) for rest, digit in zip(rests, digits[12:], strict=True))


def dni(text: str) -> bool:
    """Spain's DNI or NIE: eight digits, of which X, Y or Z may stand for the first, and the letter of mod 23."""
    number = text[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return number.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


def nir(text: str) -> bool:
    """France's NIR, 13 places and two check digits; 2A and 2B are Corsica's departments."""
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(text[13:])


def codice_fiscale(text: str) -> bool:
    """Italy's tax code, 16 places, the last a check letter."""
    digits = {str(value): _ITALIAN_ODD["ABCDEFGHIJ"[value]] for value in range(10)}
    odd = sum({**_ITALIAN_ODD, **digits}[character] for character in text[:15:2])
    even = sum(int(c) if c.isdigit() else ord(c) - ord("A") for c in text[1:15:2])
    return chr(ord("A") + (odd + even) % 26) == text[15]


def chinese_id(text: str) -> bool:
    """China's resident number, 18 places: birthday inside, and ISO 7064 mod 11-2."""
    if not calendar_day(text[6:14]):
        return False
    total = weighted(text[:17], [2**power % 11 for power in range(17, 0, -1)])
    return "10X98765432"[total % 11] == text[17]


def hetu(text: str) -> bool:
    """Finland's personal identity code: the check character of mod 31."""
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(text[:6] + text[7:10]) % 31] == text[10]


def nric(text: str) -> bool:
    """Singapore's NRIC or FIN: letter, seven digits, check letter."""
    total = weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(text[0], 0)
    table = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
    return table[text[0]][total % 11] == text[8]


def vin(text: str) -> bool:
    """A vehicle's number, 17 places: North America's check digit in the ninth."""
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    values = [int(c) if c.isdigit() else _VIN[c] for c in text]
    return "0123456789X"[sum(v * w for v, w in zip(values, weights, strict=True)) % 11] == text[8]


def nhs(digits: str) -> bool:
    """Britain's NHS number, 10 digits: mod 11."""
    return (11 - weighted(digits, range(10, 1, -1)) % 11) % 11 == int(digits[9])


def ean13(digits: str) -> bool:
    """The check digit of 13 digits, as in Switzerland's AHV number."""
    return weighted(digits, (1, 3) * 7) % 10 == 0


def pesel(digits: str) -> bool:
    """Poland's PESEL, 11 digits."""
    return weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def belgian(digits: str) -> bool:
    """Belgium's national number, 11 digits: mod 97, with a 2 before the births since 2000."""
    return any(97 - int(century + digits[:9]) % 97 == int(digits[9:]) for century in ("", "2"))


def calendar_day(text: str) -> bool:
    """YYYYMMDD is a day between 1880 and 2100."""
    try:
        return 1880 <= date(int(text[:4]), int(text[4:6]), int(text[6:8])).year <= 2100
    except ValueError:
        return False


def short_day(text: str) -> bool:
    """YYMMDD is a day in this century or the last."""
    return calendar_day("19" + text) or calendar_day("20" + text)


def base58check(text: str) -> bool:
    """Base58 whose last four bytes are those of the double sha256 of the rest, as in Bitcoin's keys."""
    number = 0
    for character in text:
        place = _BASE58.find(character)
        if place < 0:
            return False
        number = number * 58 + place
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4] == data[-4:]
