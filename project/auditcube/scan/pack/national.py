"""Numbers that states give to people. A check digit is asked for where there is one, unless a name stands by."""

from __future__ import annotations

import re

from auditcube.scan import checksums
from auditcube.scan.pack.build import called
from auditcube.scan.rule import Check, Match, Rule, before, is_number, text_of, value

_END = r"(?![\w-])(?!\.\d)"
_BEGIN = r"(?<![\w.+/-])"


def _numbers(check: str) -> Check:
    """A check of `checksums` on the digits alone."""
    holds = getattr(checksums, check)

    def checked(match: Match) -> bool:
        return bool(holds(text_of(match, " -./").upper()))

    return checked


def _grouped(id: str, about: str, groups: tuple[tuple[int, ...], ...], pattern: str, check: Check) -> Rule:
    return Rule(id, about, "private data", f"{_BEGIN}{pattern}{_END}", (), check, shape="groups", groups=groups)


def _true(_: Match) -> bool:
    return True


def _tax_id(match: Match) -> bool:
    """India's PAN: the fourth letter is the kind of holder."""
    return value(match)[3:4] in b"ABCFGHLJPT"


def _korean(match: Match) -> bool:
    return checksums.short_day(text_of(match)[:6])


def _personnummer(match: Match) -> bool:
    digits = text_of(match, " -+")[-10:]
    return checksums.luhn(digits) and checksums.short_day(digits[:6])


def _nino(match: Match) -> bool:
    text = text_of(match).upper()
    return text[:2] not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _south_african(match: Match) -> bool:
    digits = text_of(match)
    return checksums.luhn(digits) and checksums.short_day(digits[:6]) and digits[10] in "01"


def _cpr(match: Match) -> bool:
    """Denmark: DDMMYY-NNNN."""
    digits = text_of(match)
    return checksums.short_day(digits[4:6] + digits[2:4] + digits[:2])


_NAMED = (
    (
        "aadhaar",
        "Aadhaar number of India, by its name",
        r"aadha?ar(?:[_ -]?(?:number|no\.?))?|uidai",
        r"\d{4}[ -]?\d{4}[ -]?\d{4}",
        "aadhar aadhaar uidai",
    ),
    (
        "nir-named",
        "NIR of France, by its name",
        r"num[eé]ro de s[eé]curit[eé] sociale|(?<![A-Za-z])nir(?![A-Za-z])|insee",
        r"[1278] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3}(?: ?\d{2})?",
        "numéro numero nir insee",
    ),
    (
        "nhs-number",
        "NHS number of Britain, by its name",
        r"nhs(?:[_ -]?(?:number|no\.?))?",
        r"\d{3}[ -]?\d{3}[ -]?\d{4}",
        "nhs",
    ),
    (
        "national-insurance-number",
        "National insurance number, by its name",
        r"national[_ -]?insurance(?:[_ -]?(?:number|no\.?))?|nino|ni[_ -]?(?:number|no\.?)",
        r"(?i:[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]?)",
        "national nino ni",
    ),
    (
        "german-tax-id",
        "Tax number of Germany, by its name",
        r"steuer[_ -]?(?:id|nummer|identifikationsnummer)(?:[_ -]?nr\.?)?|idnr|sozialversicherungsnummer",
        r"\d{2}[ /]?\d{3}[ /]?\d{3}[ /]?\d{2,5}|\d{8}[A-Z]\d{3}",
        "steuer idnr sozial",
    ),
    (
        "social-insurance-number",
        "Social insurance number of Canada, by its name",
        r"social[_ -]?insurance(?:[_ -]?(?:number|no\.?))?|(?<![A-Za-z])sin(?:[_ -]?(?:number|no\.?))?",
        r"\d{3}[ -]?\d{3}[ -]?\d{3}",
        "social sin",
    ),
    (
        "tax-file-number",
        "Tax file or Medicare number of Australia, by its name",
        r"tax[_ -]?file[_ -]?(?:number|no\.?)|(?<![A-Za-z])tfn|medicare(?:[_ -]?(?:number|no\.?))?",
        r"\d{3,4}[ -]?\d{3,5}[ -]?\d{1,3}(?:[ /-]?\d)?",
        "tax tfn medicare",
    ),
    (
        "dutch-bsn",
        "BSN of the Netherlands, by its name",
        r"(?<![A-Za-z])bsn|burgerservicenummer|sofinummer",
        r"\d{4}[ .]?\d{2}[ .]?\d{3}|\d{9}",
        "bsn burgerservice sofi",
    ),
    ("pesel", "PESEL of Poland, by its name", r"pesel", r"\d{11}", "pesel"),
    (
        "turkish-id",
        "Identity number of Turkey, by its name",
        r"t\.?c\.?[_ ]?kimlik(?:[_ ]?no)?|tckn",
        r"[1-9]\d{10}",
        "tc t.c tckn",
    ),
    (
        "my-number",
        "Individual number of Japan, by its name",
        r"my[_ -]?number|individual[_ -]?number|kojin",
        r"\d{4}[ -]?\d{4}[ -]?\d{4}",
        "my␣number my_number mynumber my-number individual kojin",
    ),
    (
        "fodselsnummer",
        "Birth number of Norway or Denmark, by its name",
        r"f(?:ø|o|oe)dselsnummer|personnummer|(?<![A-Za-z])cpr(?:[_ -]?(?:number|nr|nummer))?",
        r"\d{6}[ -]?\d{4,5}",
        "fødsel fodsel foedsel personnummer cpr",
    ),
    ("israeli-id", "Identity number of Israel, by its name", r"teudat[_ ]?zehut", r"\d{8,9}", "teudat"),
    (
        "national-id",
        "National identity number, by its name",
        r"national[_ -]?(?:id(?:entity)?|identification)(?:[_ -]?(?:number|no\.?|card))*"
        r"|identity[_ -]?(?:number|card)(?:[_ -]?(?:number|no\.?))?|(?:resident|citizen"
        r"|person(?:al)?)[_ -]?(?:id|number|identity)(?:[_ -]?(?:number|no\.?))?|ausweis(?:nummer)?"
        r"|personalausweis(?:nummer)?|(?<![A-Za-z])(?:curp|cedula|dni|nie|nif|cpf|cnpj|rut|nric"
        r"|hkid)(?![A-Za-z])",
        r"[A-Z]{0,5}\d[A-Z0-9./ -]{5,18}[A-Z0-9]",
        "national identity resident citizen person ausweis curp cedula dni nie nif cpf cnpj rut nric hkid",
    ),
    (
        "voter-id",
        "Voter or tax card, by its name",
        r"voter[_ -]?id|pan[_ -]?(?:card|number|no\.?)",
        r"[A-Z]{3,5}\d{4,7}[A-Z]?",
        "voter pan",
    ),
)

RULES = (
    _grouped(
        "aadhaar-number", "Aadhaar number of India", ((4, 4, 4),), r"[2-9]\d{3}([ -])\d{4}\1\d{4}", _numbers("verhoeff")
    ),
    _grouped(
        "social-insurance",
        "Social insurance number of Canada",
        ((3, 3, 3),),
        r"[0-79]\d{2}([ -])\d{3}\1\d{3}",
        _numbers("luhn"),
    ),
    _grouped("nhs", "NHS number of Britain", ((3, 3, 4),), r"\d{3} \d{3} \d{4}", _numbers("nhs")),
    _grouped("cpf", "CPF of Brazil", ((3, 3, 3, 2),), r"\d{3}\.\d{3}\.\d{3}-\d{2}", _numbers("cpf")),
    _grouped("cnpj", "CNPJ of Brazil", ((2, 3, 3, 4, 2),), r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}", _numbers("cnpj")),
    _grouped("ahv", "AHV number of Switzerland", ((3, 4, 4, 2),), r"756\.\d{4}\.\d{4}\.\d{2}", _numbers("ean13")),
    _grouped("korean-rrn", "Resident number of Korea", ((6, 7),), r"\d{6}-[1-8]\d{6}", _korean),
    _grouped("personnummer", "Personal number of Sweden", ((6, 4), (8, 4)), r"(?:\d{2})?\d{6}[-+]\d{4}", _personnummer),
    _grouped("cpr-number", "CPR number of Denmark", ((6, 4),), r"\d{6}-\d{4}", _cpr),
    _grouped(
        "belgian-number",
        "National number of Belgium",
        ((2, 2, 2, 3, 2),),
        r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}",
        _numbers("belgian"),
    ),
    _grouped(
        "nir",
        "NIR of France",
        ((1, 2, 2, 2, 3, 3, 2), (15,), (13, 2), (1, 2, 2, 2, 3, 3)),
        r"[1278] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d{2} ?\d{3} ?\d{3} ?\d{2}",
        lambda m: not is_number(m) and _numbers("nir")(m),
    ),
    _grouped("chinese-id", "Resident number of China", ((18,), (17,)), r"[1-8]\d{16}[\dXx]", _numbers("chinese_id")),
    _grouped(
        "south-african-id",
        "Identity number of South Africa",
        ((13,),),
        r"\d{13}",
        lambda m: _south_african(m) and re.search(rb"\bid\b|identity", before(m)) is not None,
    ),
    _grouped(
        "finnish-hetu",
        "Personal identity code of Finland",
        ((6, 3), (6, 4)),
        r"[0-3]\d[01]\d{3}[-+A-FYXWVU]\d{3}[0-9A-Y]",
        lambda m: checksums.hetu(value(m).decode()),
    ),
    _grouped("spanish-dni", "DNI of Spain", ((8,),), r"\d{8}-?[TRWAGMYFPDXBNJZSQVHLCKE]", _numbers("dni")),
    Rule(
        "spanish-nie",
        "NIE of Spain",
        "private data",
        r"(?<![A-Za-z0-9])[XYZ]-?\d{7}-?[TRWAGMYFPDXBNJZSQVHLCKE](?![\w-])",
        (),
        _numbers("dni"),
        shape="letters",
        groups=((1, 7),),
    ),
    Rule(
        "codice-fiscale",
        "Tax code of Italy",
        "private data",
        r"(?<![A-Za-z0-9])[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?![A-Za-z0-9])",
        (),
        _numbers("codice_fiscale"),
        shape="letters",
        groups=((6, 2),),
    ),
    Rule(
        "nino",
        "National insurance number of Britain",
        "private data",
        r"(?<![A-Za-z0-9])[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![A-Za-z0-9])",
        (),
        _nino,
        shape="letters",
        groups=((2, 2), (2, 4), (2, 6)),
    ),
    Rule(
        "indian-pan",
        "Tax card of India",
        "private data",
        r"(?<![A-Za-z0-9])[A-Z]{5}\d{4}[A-Z](?![A-Za-z0-9])",
        (),
        _tax_id,
        shape="letters",
        groups=((5, 4),),
    ),
    Rule(
        "singapore-nric",
        "NRIC or FIN of Singapore",
        "private data",
        r"(?<![A-Za-z0-9])[STFGM]\d{7}[A-Z](?![A-Za-z0-9])",
        (),
        _numbers("nric"),
        shape="letters",
        groups=((1, 7),),
    ),
    Rule(
        "mexican-curp",
        "CURP of Mexico",
        "private data",
        r"(?<![A-Za-z0-9])[A-Z][AEIOUX][A-Z]{2}\d{6}[HM][A-Z]{5}[A-Z0-9]\d(?![A-Za-z0-9])",
        (),
        lambda m: checksums.short_day(value(m)[4:10].decode()),
        shape="letters",
        groups=((4, 6),),
    ),
    Rule(
        "hong-kong-id",
        "Identity card of Hong Kong",
        "private data",
        r"(?<![A-Za-z0-9])[A-Z]{1,2}\d{6}\([0-9A]\)",
        (),
        None,
        shape="letters",
        groups=((1, 6), (2, 6)),
    ),
    *(
        called(id, about, words, f"{form}(?![\\w-])", _true, "private data", anchors, bounded=True, loose=True)
        for id, about, words, form, anchors in _NAMED
    ),
)
