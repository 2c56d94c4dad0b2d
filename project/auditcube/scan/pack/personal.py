"""What tells of a person: ways to reach them, where they live, what they pay with, when they were born."""

from __future__ import annotations

import re
import string

from auditcube.scan import checksums
from auditcube.scan.pack.build import called, joined, whole
from auditcube.scan.rule import Match, Rule, before, is_number, placeholder, text_of, value

_CARD_BRANDS = re.compile(
    r"4|5[1-5]|2(?:2[2-9]|[3-6]|7[01]|720)|3[47]|6(?:011|4[4-9]|5)|35(?:2[89]|[3-8])|3(?:0[0-5]|[689])|62|50"
    r"|5[6-8]|6[37]|220[0-4]"
)
_CARD_WORDS = r"card|visa|master|amex|credit|debit|\bpan\b|payment|karte|carte"
_PHONE_WORDS = r"phone|tel\b|tel[.:]|mobile|cell|fax|call|whatsapp|sms|handy|contact|kontakt|dial"
_ALNUM = string.ascii_letters + string.digits
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/. ]\d{{1,2}}[-/. ]\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}},? \d{{4}}|\d{{1,2}}\.? {_MONTH},? \d{{4}}|\d{{8}}(?!\d))"
)
_NAME = (
    r"(?:[A-Z][\w'’.-]{0,30}|[\x80-\xff][\w'.\x80-\xff-]{1,40})(?:[ ,]{1,2}(?:[A-Z\x80-\xff][\w'.\x80-\xff-]{0,40"
    r"}|de|van|von|der|da|del|la|bin|al))"
)


def _email(match: Match) -> bool:
    """An address; not the user of a repository, a digest behind an image, or the version of a package."""
    local, _, host = value(match).rpartition(b"@")
    if local in (b"git", b"hg", b"svn") or re.search(rb"://[^\s/]*$", before(match, 200)):
        return False
    top = host.rpartition(b".")[2]
    return top.isalpha() and not re.fullmatch(
        rb"(?i)(?:png|jpe?g|gif|svg|webp|js|ts|css|json|py|sh|txt|md|yaml|yml|whl|gz|service)", top
    )


def _card(match: Match) -> bool:
    if value(match)[0] not in b"23456":
        return False
    digits = text_of(match)
    if not (13 <= len(digits) <= 19 and _CARD_BRANDS.match(digits) and checksums.luhn(digits) and len(set(digits)) > 1):
        return False
    if re.search(_CARD_WORDS.encode(), before(match, 60)):
        return True
    grouped = len(digits) != match.end() - match.start()
    return grouped or (
        len(digits) in (14, 15, 16)
        and not is_number(match)
        and not re.search(rb"(?:seed|_ns|time|stamp|id|hash|number|ordinal)\W{0,4}$", before(match))
    )


def _nanp(match: Match) -> bool:
    """North America: area code and exchange begin with 2 to 9."""
    digits = text_of(match, " -.()+\xa0/")[-10:]
    return digits[0] in "23456789" and digits[3] in "23456789" and digits[1:3] != "11" and len(set(digits)) > 2


def _international(match: Match) -> bool:
    """E.164: a country code that exists, 8 to 15 digits."""
    digits = text_of(match, " -.()+\xa0/")
    return 8 <= len(digits) <= 15 and digits[0] != "0" and len(set(digits)) > 2


def _iban(match: Match) -> bool:
    return checksums.iban(text_of(match).upper())


def _named_iban(match: Match) -> bool:
    return text_of(match)[:2].upper() in checksums.IBAN_LENGTHS


def _ssn(match: Match) -> bool:
    """Never issued: 000, 666 and 900 up, and all zeros in a group; 9xx is the tax office's own number."""
    area, group, serial = re.split(r"[- ]", value(match).decode())
    return area not in ("000", "666") and group != "00" and serial != "0000"


def _routing(match: Match) -> bool:
    return checksums.weighted(text_of(match), (3, 7, 1) * 3) % 10 == 0


def _coordinates(match: Match) -> bool:
    """A latitude and a longitude with four decimals or more, or named as such."""
    first, second = (abs(float(part)) for part in re.findall(rb"-?\d+\.\d+", value(match))[:2])
    words = rb"lat|lon|lng|gps|geo|coord|location|position|\bpos\b|point"
    return first <= 90 and second <= 180 and re.search(words, before(match, 60)) is not None


def _person(match: Match) -> bool:
    return (
        not placeholder(value(match))
        and re.search(rb"(?i)\b(?:model|gpu|server|test|file|data|inc|llc|gmbh|corp|project)\b", value(match)) is None
    )


def _true(_: Match) -> bool:
    return True


def _phone_named(match: Match) -> bool:
    digits = re.sub(rb"\D", b"", value(match))
    return 7 <= len(digits) <= 15 and len(set(digits)) > 2


RULES = (
    whole(
        "email",
        "E-mail address",
        "private data",
        "@",
        r"(?<![A-Za-z0-9._%+/=@-])(?P<v>[A-Za-z0-9][A-Za-z0-9._%+'/=-]{0,63}(?<=[A-Za-z0-9_+-])"
        r"@(?:[A-Za-z0-9][A-Za-z0-9-]{0,63}\.(?<!-\.))+[A-Za-z]{2,24})(?![A-Za-z0-9_@-])(?!\.[A-Za-z])",
        _email,
        reach=65,
        lead=_ALNUM + "._%+'/=-",
        bounded=False,
    ),
    Rule(
        "phone-us",
        "Phone number of North America",
        "private data",
        r"(?<![\w.+/:#-])(?:\+?1[ .-]?)?\(?\d{3}(?:\) ?|[ .-])\d{3}[ .-]\d{4}(?![\w-])(?!\.\d)",
        (),
        _nanp,
        shape="groups",
        groups=((3, 3, 4),),
    ),
    whole(
        "phone-us-brackets",
        "Phone number of North America, area code in brackets",
        "private data",
        "(2 (3 (4 (5 (6 (7 (8 (9",
        r"\(\d{3}\) ?\d{3}[ .-]\d{4}(?!\d)",
        _nanp,
        bounded=False,
    ),
    whole(
        "phone",
        "Phone number with its country's code",
        "private data",
        "+1 +2 +3 +4 +5 +6 +7 +8 +9",
        r"(?<![\w+/=.-])\+[1-9]\d{0,2}(?:[ .\-/]?\(?\d{1,5}\)?){2,6}(?![\w+/=])",
        _international,
        bounded=False,
    ),
    called(
        "phone-named",
        "Phone number, by its name",
        r"phone(?:[_ -]?(?:number|no\.?))?|telephone|mobile(?:[_ -]?(?:number|no\.?))?|cell(?:[_ -]?phone)?"
        r"|fax|whatsapp|(?<![A-Za-z])tel(?:efon)?",
        r"\+?\(?\d[\d ().\-/]{5,18}\d(?![\w.])",
        _phone_named,
        "private data",
        anchors="phone telephone mobile cell fax whatsapp tel",
        loose=True,
    ),
    Rule(
        "card-number",
        "Number of a payment card",
        "private data",
        r"(?<![\w.+/-])\d(?:[ -]?\d){12,18}(?![\w+/=-])(?!\.\d)",
        (),
        _card,
        shape="groups",
        groups=((4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (13,), (14,), (15,), (16,), (18,), (19,)),
    ),
    Rule(
        "iban",
        "International bank account number",
        "private data",
        r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
        (),
        _iban,
        shape="letters",
        groups=((2,),),
    ),
    called(
        "iban-named",
        "International bank account number, by its name",
        r"iban",
        r"[A-Z]{2}\d{2}[ ]?[A-Z0-9 ]{11,34}",
        _named_iban,
        "private data",
        loose=True,
    ),
    called(
        "bank-account",
        "Bank account, by its name",
        r"account[_ -]?(?:number|no\.?|num)|acct(?:[_ -]?(?:number|no\.?))?|konto(?:nummer)?"
        r"|bank[_ -]?account|sort[_ -]?code|bsb|clabe",
        r"[\d][\d -]{4,22}\d(?![\w.])",
        _true,
        "private data",
        anchors="account acct konto bank sort bsb clabe",
        loose=True,
    ),
    called(
        "bank-routing",
        "Bank routing number",
        r"routing(?:[_ -]?(?:number|no\.?))?|\baba\b|rtn",
        r"\d{9}(?!\d)",
        _routing,
        "private data",
        anchors="routing aba rtn",
        loose=True,
    ),
    called(
        "bank-identifier",
        "Bank identifier code, by its name",
        r"swift(?:[_ -]?code)?|(?<![A-Za-z])bic(?:[_ -]?code)?",
        r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])",
        _true,
        "private data",
        anchors="swift bic",
    ),
    Rule(
        "us-ssn",
        "Social security or taxpayer number of the USA",
        "private data",
        r"(?<![\w.+/-])\d{3}([- ])\d{2}\1\d{4}(?![\w-])(?!\.\d)",
        (),
        _ssn,
        shape="groups",
        groups=((3, 2, 4),),
    ),
    called(
        "us-ssn-named",
        "Social security number, by its name",
        r"ssn|social[_ -]?security(?:[_ -]?(?:number|no\.?))?|itin|\bein\b"
        r"|tax[_ -]?id(?:entification)?(?:[_ -]?(?:number|no\.?))?|taxpayer[_ -]?id",
        r"\d{2,3}[- ]?\d{2}[- ]?\d{4,5}(?![\w-])",
        _true,
        "private data",
        anchors="ssn social itin ein tax",
        loose=True,
    ),
    called(
        "birth-date",
        "Date of birth",
        r"(?:date[_ -]?of[_ -]?birth|birth[_ -]?da(?:te|y)|(?<![A-Za-z])dob|(?<![A-Za-z])d\.o\.b\.?|(?<![A-"
        r"Za-z])born(?: on)?"
        r"|geburtsdatum|geboren(?: am)?|n[ée]e? le|fecha[_ -]?de[_ -]?nacimiento)",
        _DAY,
        _true,
        "private data",
        anchors="date birth dob d.o.b born geb né né␣le née fecha",
        loose=True,
    ),
    whole(
        "born",
        "Date of birth in a sentence",
        "private data",
        "born geboren",
        rf"(?i:born|geboren)\s(?i:on |am |in )?(?P<v>{_DAY})",
    ),
    whole(
        "coordinates",
        "Latitude and longitude",
        "private data",
        "lat lon lng gps geo coord location position point",
        r"(?i)(?:lat(?:itude)?(?:[/,_ -]*(?:lon|lng|long)(?:gitude)?)?|gps|geo(?:loc(?:ation)?|point|tag)?"
        r"|coord(?:inate)?s?|location|position|point)\W{0,6}(?:\w{0,12}\W{1,6})?(?P<v>-?\d{1,2}\.\d{3,}\W{1,6"
        r"}(?:\w{2,9}\W{1,6})?-?\d{1,3}\.\d{3,})",
        lambda m: all(abs(float(x)) <= 180 for x in re.findall(rb"-?\d+\.\d+", value(m))),
    ),
    whole(
        "coordinates-named",
        "Latitude and longitude, each by its name",
        "private data",
        "lat",
        r"(?i)lat(?:itude)?\\?[\"']?\s?[:=]\s?\\?[\"']?(?P<v>-?\d{1,2}\.\d+\\?[\"']?\W{1,4}(?:lon|lng)\w{0,"
        r"8}\\?[\"']?\s?[:=]\s?"
        r"\\?[\"']?-?\d{1,3}\.\d+)",
    ),
    whole(
        "coordinate",
        "One coordinate, by its name",
        "private data",
        "lat lon lng",
        r"(?i)(?<![a-z])(?:lat(?:itude)?|lon(?:g(?:itude)?)?|lng)\\?[\"']?\s?[:=]\s?\\?[\"']?(?P<v>-?\d{1,3}\.\d{3,})",
        lambda m: abs(float(value(m))) <= 180,
    ),
    whole(
        "coordinates-degrees",
        "Latitude and longitude with their hemisphere",
        "private data",
        "°",
        r"(?<!\d)(?P<v>\d{1,3}(?:\.\d+)?°\s?(?:\d{1,2}(?:\.\d+)?\s?['′’]\s?(?:\d{1,2}(?:\.\d+)?\s?(?:\"|″|”"
        r"|''))?)?\s?[NSEW])",
        reach=12,
        bounded=False,
    ),
    Rule(
        "coordinates-signs",
        "Latitude and longitude with N, S, E, W",
        "private data",
        r"(?<![\w.])(?P<v>\d{1,2}\.\d{3,}\s?[NS],?\s{0,2}\d{1,3}\.\d{3,}\s?[EW])(?!\w)",
        tuple(f"{digit}{gap}{side}" for digit in range(10) for gap in ("", " ") for side in "ns"),
        None,
        reach=14,
        bounded=False,
    ),
    whole(
        "coordinates-url",
        "Place in a map's URL",
        "private data",
        "/@ geo: ll= q=",
        r"(?:/@|geo:|[?&](?:ll|q)=|(?:ll|q)=)(?P<v>-?\d{1,2}\.\d{3,},-?\d{1,3}\.\d{3,})",
        bounded=False,
    ),
    Rule(
        "street-address",
        "Street address",
        "private data",
        r"(?<![\w.])\d{1,5}[A-Za-z]?,? (?:[NSEW]\.? )?(?:[A-Z0-9][\w'.-]{1,20} ){1,4}(?:Street|Avenue|Road"
        r"|Boulevard|Lane|Drive|Court|Square|Terrace|Highway|Parkway|Place|Way|Circle|St|Ave|Rd|Blvd|Ln|Dr"
        r"|Ct|Pkwy|Hwy)\b\.?",
        tuple(
            f" {word}"
            for word in (
                "street",
                "avenue",
                "road",
                "boulevard",
                "lane",
                "drive",
                "court",
                "square",
                "terrace",
                "highway",
                "parkway",
                "place",
                "circle",
            )
        )
        + tuple(f" {word}{end}" for word in ("st", "ave", "rd", "blvd", "ln", "dr", "ct", "way") for end in '. ,\n"<'),
        None,
        reach=80,
        lead=_ALNUM + " .,'-",
        bounded=False,
    ),
    Rule(
        "street-address-german",
        "Street address, German",
        "private data",
        r"[A-ZÄÖÜ][\wäöüß.-]{2,40}(?:stra(?:ß|ss)e|str\.|weg|gasse|platz|allee) \d{1,4} ?[a-z]?(?![\w.])",
        ("straße ", "strasse ", "str. ", "weg ", "gasse ", "platz ", "allee "),
        None,
        reach=125,
        bounded=False,
    ),
    called(
        "address-named",
        "Street address, by its name",
        r"(?:street|home|postal|mailing|billing|shipping)[_ -]?address|address[_ -]?line[_ -]?1?",
        r"[^\n\"'<]{6,120}",
        lambda m: re.search(rb"\d", value(m)) is not None,
        "private data",
        anchors="street home postal mailing billing shipping address",
    ),
    called(
        "postcode",
        "Postal code, by its name",
        r"zip[_ -]?code|post(?:al)?[_ -]?code|postleitzahl|(?<![A-Za-z])plz|(?<![A-Za-z])zip(?=[\"':= ])",
        r"(?:\d{4,5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)(?![\w.])",
        _true,
        "private data",
        anchors="zip post plz",
    ),
    called(
        "person-name",
        "Name of a person, by its name",
        r"(?:first|last|full|family|given|sur|maiden|middle|patient|customer|employee|owner|contact|holder"
        r"|author|cardholder|legal|display|real|submitter|operator)[_ -]?name|surname|nachname|vorname"
        r"|cardholder",
        rf"{_NAME}|[A-Z][a-z'-]{{1,30}}",
        _person,
        "private data",
        anchors=joined(
            "first last full family given sur maiden middle patient customer employee owner contact holder author "
            "cardholder legal display real submitter operator",
            "name",
        )
        + " cardholder nachname vorname",
    ),
    whole(
        "person-title",
        "Name behind a title",
        "private data",
        "mr. mrs. ms. dr. prof. herr␣ frau␣",
        r"(?:Mr|Mrs|Ms|Dr|Prof)\. (?P<v>[A-Z][a-z'-]+(?: [A-Z][a-z'.-]+)+)|(?:Herr"
        r"|Frau) (?P<w>[A-Z][a-zäöüß-]+ [A-Z][a-zäöüß-]+)",
    ),
    called(
        "passport",
        "Passport, by its name",
        r"passport(?:[_ -]?(?:number|no\.?|num|id))?|reisepass(?:nummer)?|pasaporte",
        r"[A-Z0-9]{6,12}(?!\w)",
        lambda m: len(re.findall(rb"\d", value(m))) >= 3,
        "private data",
        anchors="passport reisepass pasaporte",
        loose=True,
    ),
    whole(
        "passport-zone",
        "Machine-readable zone of a passport or card",
        "private data",
        "p< i< a< c< v<",
        r"[PIACV][A-Z0-9<][A-Z]{3}[A-Z0-9<]{25,39}(?:\s[A-Z0-9<]{30,44})*",
        lines=True,
    ),
    called(
        "driving-licence",
        "Driving licence, by its name",
        r"(?:driver'?s?|driving)[_ -]?licen[cs]e(?:[_ -]?(?:number|no\.?))?|(?<![A-Za-z])dl[_ -]?(?:number"
        r"|no\.?)|f[üu]hrerschein(?:nummer)?",
        r"[A-Z0-9][A-Z0-9 -]{5,19}(?![\w])",
        lambda m: re.search(rb"\d{3}", value(m)) is not None,
        "private data",
        anchors="driver driving dl führerschein fuhrerschein",
        loose=True,
    ),
    called(
        "medical-record",
        "Medical or insurance number, by its name",
        r"(?:medical[_ -]?record|patient|insurance|health[_ -]?(?:card|insurance|plan)|member|beneficiary"
        r"|policy|medicare|medicaid)[_ -]?(?:number|no\.?|num|id)|(?<![A-Za-z])mrn"
        r"|(?<![A-Za-z])npi(?![A-Za-z])|(?<![A-Za-z])mbi(?![A-Za-z])",
        r"[A-Z]{0,4}[- ]?\d[A-Z0-9-]{3,15}(?![\w.])",
        lambda m: len(re.findall(rb"\d", value(m))) >= 3,
        "private data",
        anchors="medical patient insurance health member beneficiary policy medicare medicaid mrn npi mbi",
        loose=True,
    ),
    called(
        "licence-plate",
        "Licence plate, by its name",
        r"licen[cs]e[_ -]?plate|number[_ -]?plate|plate[_ -]?(?:number|no\.?)|kennzeichen|registration[_ -]?plate",
        r"[A-ZÄÖÜ0-9][A-ZÄÖÜ0-9 -]{3,10}(?![\w])",
        _true,
        "private data",
        anchors=joined("license licence number registration", "plate") + " plate kennzeichen",
    ),
    whole(
        "vin",
        "Vehicle identification number",
        "private data",
        "vin vehicle fahrgestell chassis",
        r"(?i:vin|vehicle[_ -]?id\w*(?:[_ -]?number)?|fahrgestellnummer|chassis[_ -]?(?:number"
        r"|no\.?))\\?[\"']?\W{1,4}(?P<v>[A-HJ-NPR-Z0-9]{17})(?![A-Za-z0-9])",
    ),
    Rule(
        "employee-id",
        "Number of an employee or student, by its name",
        "private data",
        r"(?i:employee|student|staff|personnel|customer|national)[_ -]?(?i:id|number|no\.?"
        r"|num)(?:[_ -]?(?i:number|no\.?|card))?\\?[\"']?\s?[:=#]\s?\\?[\"']?(?P<v>[A-Z]{0,4}-?\d{3,12}[A-Z]?"
        r")(?![\w.])",
        ("employee", "student", "staff", "personnel", "customer", "national"),
        None,
    ),
)
