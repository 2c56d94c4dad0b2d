"""Secrets, private data and harmless look-alikes, made by seeded chance from the definitions of their formats.

Nothing here was ever issued, and nothing stands in this file as it would be found: every string is put together when it
is asked for. Shares no code with the rules.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

Chance = random.Random
Maker = Callable[[Chance], str]
ALNUM = string.ascii_letters + string.digits
URL = ALNUM + "-_"
B64 = ALNUM + "+/"
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
BASE32 = string.ascii_uppercase + "234567"
DIGITS = string.digits
WORDS = [
    "river",
    "city",
    "harbour",
    "light",
    "morning",
    "train",
    "window",
    "garden",
    "music",
    "paper",
    "silver",
    "forest",
    "winter",
    "bridge",
    "summer",
    "letter",
    "ocean",
    "market",
    "teacher",
    "engine",
    "number",
    "valley",
    "station",
    "kitchen",
    "doctor",
    "village",
    "island",
    "picture",
    "travel",
    "answer",
]
NAMES = [
    "alice",
    "bjorn",
    "chen",
    "divya",
    "emeka",
    "fatima",
    "giulia",
    "hiroshi",
    "ines",
    "jamal",
    "kofi",
    "lucia",
    "mehmet",
    "nadia",
    "olga",
    "pedro",
]
SURNAMES = [
    "Okafor",
    "Lindqvist",
    "Moreau",
    "Tanaka",
    "Schneider",
    "Rossi",
    "Kowalska",
    "Haddad",
    "Novak",
    "Silva",
    "Iyer",
    "Brandt",
]


class Sample(NamedTuple):
    """One line of text, and of which kind the thing in it is."""

    kind: str
    text: str


def some(chance: Chance, alphabet: str, size: int) -> str:
    return "".join(chance.choice(alphabet) for _ in range(size))


def fixed(prefix: str, alphabet: str, size: int, suffix: str = "") -> Maker:
    return lambda chance: prefix + some(chance, alphabet, size) + suffix


def uuid4(chance: Chance) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def crc_token(prefix: str) -> Maker:
    """GitHub and npm: 30 random places, then the CRC32 of them in base 62, six places."""

    def make(chance: Chance) -> str:
        body = some(chance, ALNUM, 30)
        rest, check = binascii.crc32(body.encode()), ""
        alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
        for _ in range(6):
            rest, digit = divmod(rest, 62)
            check = alphabet[digit] + check
        return prefix + body + check

    return make


def jwt(chance: Chance) -> str:
    head = {"alg": chance.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"}
    body = {"sub": some(chance, DIGITS, 10), "iat": chance.randrange(1_600_000_000, 1_900_000_000)}
    return ".".join(
        [b64url(json.dumps(head).encode()), b64url(json.dumps(body).encode()), b64url(chance.randbytes(32))]
    )


def private_key(kind: str) -> Maker:
    def make(chance: Chance) -> str:
        body = "\n".join(some(chance, B64, 64) for _ in range(6))
        return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"

    return make


def password(chance: Chance) -> str:
    return (
        some(chance, string.ascii_letters, 6)
        + some(chance, DIGITS, 3)
        + chance.choice("!#%*?+_")
        + some(chance, ALNUM, 3)
    )


def named(*forms: str, value: Maker) -> Maker:
    """A value in one of several forms, in which {} stands for it."""
    return lambda chance: chance.choice(forms).replace("{}", value(chance))


def wif(chance: Chance) -> str:
    data = b"\x80" + chance.randbytes(32) + b"\x01"
    data += hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
    return text


def pypi(chance: Chance) -> str:
    """A macaroon: version 2, the location of the index, then an identifier and a signature."""
    data = b"\x02\x01\x08pypi" + b".org\x02\x2c" + chance.randbytes(44) + b"\x00\x00\x06\x20" + chance.randbytes(32)
    return "pypi-" + b64url(data)


def discord(chance: Chance) -> str:
    number = str(chance.randrange(10**17, 10**18))
    return f"{b64url(number.encode())}.{some(chance, URL, 6)}.{some(chance, URL, 38)}"


def bcrypt(chance: Chance) -> str:
    return f"$2b${chance.randrange(10, 15)}$" + some(chance, "./" + ALNUM, 53)


A = "A"  # keeps the prefixes below from standing here in one piece
SECRETS: dict[str, Maker] = {
    "aws access key id": fixed(A + "KIA", BASE32, 16),
    "aws temporary key id": fixed(A + "SIA", BASE32, 16),
    "aws secret key": named(
        "aws_secret_access_key = {}", "AWS_SECRET_ACCESS_KEY={}", '"SecretAccessKey": "{}"', value=fixed("", B64, 40)
    ),
    "aws session token": named("aws_session_token={}", '"SessionToken": "{}"', value=fixed("", B64, 320, "==")),
    "aws bedrock key": fixed("AB" + "SK", B64, 128),
    "google api key": fixed("AI" + "za", URL, 35),
    "google oauth token": fixed("ya29" + ".a0", URL, 120),
    "google client secret": fixed("GOC" + "SPX-", URL, 28),
    "azure storage key": named(
        "DefaultEndpointsProtocol=https;AccountName=river;AccountKey={};EndpointSuffix=core.windows.net",
        value=lambda c: b64(c.randbytes(64)),
    ),
    "azure service bus": named(
        "Endpoint=sb://river.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={}",
        value=lambda c: b64(c.randbytes(32)),
    ),
    "azure sas": lambda c: (
        f"https://river.blob.core.windows.net/data?sv=2022-11-02&se=2027-01-01&sr=b&sig="
        f"{b64(c.randbytes(32)).replace('+', '%2B').replace('/', '%2F').replace('=', '%3D')}"
    ),
    "azure client secret": lambda c: some(c, ALNUM, 3) + "8Q~" + some(c, ALNUM + "_-.", 34),
    "alibaba key": fixed("LT" + "AI", ALNUM, 20),
    "tencent key": fixed("AK" + "ID", ALNUM, 32),
    "digitalocean token": fixed("dop" + "_v1_", HEX, 64),
    "databricks token": fixed("da" + "pi", HEX, 32),
    "heroku key": fixed("HR" + "KU-AA", URL, 58),
    "vault token": fixed("hv" + "s.", URL, 95),
    "doppler token": fixed("dp." + "pt.", ALNUM, 43),
    "pulumi token": fixed("pu" + "l-", HEX, 40),
    "terraform token": lambda c: some(c, ALNUM, 14) + ".atlas" + "v1." + some(c, URL, 67),
    "age key": fixed("AGE-SECRET" + "-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "tailscale key": lambda c: "tskey-" + "auth-" + some(c, ALNUM, 12) + "CNTRL-" + some(c, ALNUM, 32),
    "openai project key": lambda c: "sk-" + "proj-" + some(c, URL, 74) + "T3Blbk" + "FJ" + some(c, URL, 74),
    "openai legacy key": lambda c: "sk" + "-" + some(c, ALNUM, 20) + "T3Blbk" + "FJ" + some(c, ALNUM, 20),
    "anthropic key": fixed("sk-" + "ant-api03-", URL, 93, "AA"),
    "openrouter key": fixed("sk-" + "or-v1-", HEX, 64),
    "hugging face token": fixed("h" + "f_", string.ascii_letters, 34),
    "nvidia key": fixed("nv" + "api-", URL, 64),
    "groq key": fixed("gs" + "k_", ALNUM, 52),
    "xai key": fixed("xa" + "i-", ALNUM, 80),
    "perplexity key": fixed("pp" + "lx-", ALNUM, 48),
    "replicate token": fixed("r" + "8_", ALNUM, 37),
    "langsmith key": lambda c: "lsv2" + "_pt_" + some(c, HEX, 32) + "_" + some(c, HEX, 10),
    "wandb key": named("WANDB_API_KEY={}", "wandb_api_key: {}", value=fixed("", HEX, 40)),
    "mistral key": named("MISTRAL_API_KEY={}", 'mistral_api_key="{}"', value=fixed("", ALNUM, 32)),
    "kaggle key": lambda c: '{"username":"river","key":"' + some(c, HEX, 32) + '"}',
    "github token": crc_token("gh" + "p_"),
    "github app token": crc_token("gh" + "s_"),
    "github fine-grained token": lambda c: "github" + "_pat_" + some(c, ALNUM, 22) + "_" + some(c, ALNUM, 59),
    "gitlab token": fixed("gl" + "pat-", URL, 20),
    "npm token": crc_token("np" + "m_"),
    "pypi token": pypi,
    "rubygems key": fixed("ruby" + "gems_", HEX, 48),
    "docker token": fixed("dckr" + "_pat_", URL, 27),
    "sentry token": fixed("sntr" + "yu_", HEX, 64),
    "grafana token": lambda c: "gl" + "sa_" + some(c, ALNUM, 32) + "_" + some(c, HEX, 8),
    "sourcegraph token": lambda c: "sg" + "p_" + c.choice(["", "local_", some(c, HEX, 16) + "_"]) + some(c, HEX, 40),
    "snyk token": lambda c: "snyk" + "_uat." + some(c, HEX, 8) + "." + some(c, URL, 86),
    "bitwarden token": lambda c: f"0.{uuid4(c)}.{some(c, ALNUM, 30)}:{b64(c.randbytes(16))}",
    "bitbucket data center token": fixed("BB" + "DC-", B64, 44),
    "harness token": lambda c: f"pat.{some(c, URL, 22)}.{some(c, ALNUM, 24)}.{some(c, ALNUM, 20)}",
    "vercel blob token": lambda c: "vercel" + "_blob_rw_" + some(c, ALNUM, 16) + "_" + some(c, ALNUM, 30),
    "deepl key": lambda c: uuid4(c) + ":" + "fx",
    "brave key": fixed("BS" + "A", URL, 28),
    "cursor key": fixed("crs" + "r_", HEX, 64),
    "friendli token": fixed("fl" + "p_", ALNUM, 46),
    "new relic key": fixed("NR" + "AK-", UPPER, 27),
    "dynatrace token": lambda c: "dt0" + "c01." + some(c, UPPER, 24) + "." + some(c, UPPER, 64),
    "linear key": fixed("lin" + "_api_", ALNUM, 40),
    "notion token": fixed("nt" + "n_", ALNUM, 46),
    "airtable token": lambda c: "pa" + "t" + some(c, ALNUM, 14) + "." + some(c, HEX, 64),
    "shopify token": fixed("shp" + "at_", HEX, 32),
    "stripe key": fixed("sk" + "_live_", ALNUM, 24),
    "twilio key": fixed("S" + "K", HEX, 32),
    "sendgrid key": lambda c: "S" + "G." + some(c, URL, 22) + "." + some(c, URL, 43),
    "mailgun key": fixed("ke" + "y-", HEX, 32),
    "mailchimp key": lambda c: some(c, HEX, 32) + "-u" + f"s{c.randrange(1, 22)}",
    "slack token": lambda c: "xo" + "xb-" + some(c, DIGITS, 12) + "-" + some(c, DIGITS, 12) + "-" + some(c, ALNUM, 24),
    "slack webhook": lambda c: (
        "https://hooks.slack"
        + ".com/services/T"
        + some(c, UPPER, 8)
        + "/B"
        + some(c, UPPER, 8)
        + "/"
        + some(c, ALNUM, 24)
    ),
    "discord token": discord,
    "telegram token": lambda c: f"{c.randrange(10**8, 10**10)}:A" + "A" + some(c, URL, 33),
    "jwt": jwt,
    "rsa key": private_key("RSA PRIV" + "ATE KEY"),
    "openssh key": private_key("OPENSSH PRIV" + "ATE KEY"),
    "pkcs8 key": private_key("PRIV" + "ATE KEY"),
    "pgp key": private_key("PGP PRIV" + "ATE KEY BLOCK"),
    "password": named(
        "password = {}",
        "password: {}",
        'DB_PASSWORD="{}"',
        '"password": "{}"',
        "export PGPASSWORD={}",
        "<password>{}</password>",
        "MYSQL_ROOT_PASSWORD={}",
        "passwd={}",
        value=password,
    ),
    "passphrase": named('passphrase: "{}"', value=lambda c: " ".join(c.sample(WORDS, 5))),
    "api key": named(
        "api_key = '{}'", "X-Api-Key: {}", '"apiKey": "{}"', "API_KEY={}", "apikey: {}", value=fixed("", ALNUM, 32)
    ),
    "token": named("auth_token: {}", '"access_token": "{}"', "TOKEN={}", "token = '{}'", value=fixed("", ALNUM, 40)),
    "client secret": named("client_secret={}", '"client_secret": "{}"', "APP_SECRET: {}", value=fixed("", URL, 32)),
    "bearer": named(
        "Authorization: Bearer {}",
        "-H 'authorization: bearer {}'",
        '{"Authorization": "Bearer {}"}',
        value=fixed("", URL, 40),
    ),
    "basic": named("Authorization: Basic {}", value=lambda c: b64(f"{c.choice(NAMES)}:{password(c)}".encode())),
    "url password": lambda c: (
        f"{c.choice(['https', 'postgresql', 'redis', 'amqp', 'mongodb+srv', 'ftp'])}://"
        f"{c.choice(NAMES)}:{some(c, ALNUM, 12)}@db.example.com/river"
    ),
    "url query": lambda c: (
        f"https://api.example.com/v1/data?"
        f"{c.choice(['access_token', 'api_key', 'token', 'key', 'sig'])}={some(c, ALNUM, 24)}&page=2"
    ),
    "odbc": lambda c: f"Server=db.example.com;Database=river;User Id=sa;Password={some(c, ALNUM, 12)};Encrypt=true",
    "docker auth": lambda c: (
        '{"auths":{"registry.example.com":{"auth":"' + b64(f"{c.choice(NAMES)}:{some(c, ALNUM, 16)}".encode()) + '"}}}'
    ),
    "netrc": lambda c: f"machine api.example.com login {c.choice(NAMES)} password {some(c, ALNUM, 12)}",
    "curl user": lambda c: f"curl -u {c.choice(NAMES)}:{some(c, ALNUM, 12)} https://api.example.com/v1",
    "command line": lambda c: (
        f"./run {c.choice(['--password', '--token', '--api-key'])} {some(c, ALNUM, 20)}1 --verbose"
    ),
    "bcrypt": bcrypt,
    "otp seed": lambda c: f"otpauth://totp/River:{c.choice(NAMES)}?secret={some(c, BASE32, 32)}&issuer=River",
    "bitcoin key": wif,
    "wireguard key": named("PrivateKey = {}", value=lambda c: b64(c.randbytes(32))),
}


def luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return str(-total % 10)


def card(chance: Chance) -> str:
    prefix, size = chance.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16)]
    )
    body = prefix + some(chance, DIGITS, size - 1 - len(prefix))
    number = body + luhn_digit(body)
    if size == 15:
        return f"{number[:4]} {number[4:10]} {number[10:]}"
    return chance.choice([" ", "-"]).join(number[at : at + 4] for at in range(0, 16, 4))


def iban(chance: Chance) -> str:
    country, size = chance.choice([("DE", 22), ("FR", 27), ("NL", 18), ("ES", 24), ("CH", 21), ("PL", 28), ("AT", 20)])
    body = some(chance, DIGITS, size - 4)
    rest = int("".join(str(int(c, 36)) for c in body + country + "00")) % 97
    text = f"{country}{98 - rest:02d}{body}"
    return text if chance.random() < 0.5 else " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def day(chance: Chance) -> tuple[int, int, int]:
    return chance.randrange(1935, 2006), chance.randrange(1, 13), chance.randrange(1, 28)


def birth(chance: Chance) -> str:
    year, month, date = day(chance)
    return chance.choice([f"{year}-{month:02d}-{date:02d}", f"{month:02d}/{date:02d}/{year}", f"{date}.{month}.{year}"])


def cpf(chance: Chance) -> str:
    digits = [chance.randrange(10) for _ in range(9)]
    for size in (9, 10):
        rest = sum(d * (size + 1 - place) for place, d in enumerate(digits)) % 11
        digits.append(0 if rest < 2 else 11 - rest)
    text = "".join(map(str, digits))
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"


def chinese(chance: Chance) -> str:
    year, month, date = day(chance)
    body = f"{chance.randrange(110000, 659000)}{year}{month:02d}{date:02d}{chance.randrange(1000):03d}"
    total = sum(int(d) * (2 ** (17 - place) % 11) for place, d in enumerate(body))
    return body + "10X98765432"[total % 11]


def nir(chance: Chance) -> str:
    body = f"{chance.choice('12')}{chance.randrange(40, 99)}{chance.randrange(1, 13):02d}75{some(chance, DIGITS, 6)}"
    return f"{body}{97 - int(body) % 97:02d}"


def dni(chance: Chance) -> str:
    number = chance.randrange(10**7, 10**8)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def ahv(chance: Chance) -> str:
    body = "756" + some(chance, DIGITS, 9)
    check = -sum(int(d) * (1, 3)[place % 2] for place, d in enumerate(body)) % 10
    return f"{body[:3]}.{body[3:7]}.{body[7:11]}.{body[11:]}{check}"


def sin(chance: Chance) -> str:
    body = chance.choice("1234567") + some(chance, DIGITS, 7)
    number = body + luhn_digit(body)
    return f"{number[:3]} {number[3:6]} {number[6:]}"


def hetu(chance: Chance) -> str:
    year, month, date = day(chance)
    head, serial = f"{date:02d}{month:02d}{year % 100:02d}", f"{chance.randrange(2, 900):03d}"
    return f"{head}{'-' if year < 2000 else 'A'}{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(head + serial) % 31]}"


def octets(chance: Chance, *first: int) -> str:
    return ".".join(str(n) for n in (*first, *(chance.randrange(1, 255) for _ in range(4 - len(first)))))


def mac(chance: Chance) -> str:
    return chance.choice(":-").join(f"{chance.randrange(256):02x}" for _ in range(6))


PRIVATE: dict[str, Maker] = {
    "e-mail": lambda c: (
        f"{c.choice(NAMES)}.{c.choice(SURNAMES).lower()}{c.randrange(100)}@"
        f"{c.choice(['example.com', 'mail.example.org', 'uni.example.edu'])}"
    ),
    "phone of the USA": lambda c: c.choice(
        ["({}{}) 555-0{}", "{}{}-555-0{}", "+1 {}{} 555 0{}", "{}{}.555.0{}"]
    ).format(c.randrange(2, 10), f"{c.randrange(2, 10)}0"[:2], f"{c.randrange(100, 200)}"),
    "phone with country": lambda c: (
        f"+{c.choice(['44 20', '49 30', '33 1', '81 3', '91 22'])} {some(c, '123456789', 4)} {some(c, DIGITS, 4)}"
    ),
    "named phone": lambda c: (
        f"{c.choice(['phone', 'Mobile', 'tel', 'Fax'])}: 0{some(c, '123456789', 3)} {some(c, DIGITS, 6)}"
    ),
    "ssn": lambda c: f"{c.randrange(1, 666):03d}-{c.randrange(1, 100):02d}-{c.randrange(1, 10000):04d}",
    "card": card,
    "iban": iban,
    "account": lambda c: f"{c.choice(['account number', 'Account No.', 'acct'])}: {some(c, DIGITS, 10)}",
    "date of birth": lambda c: f"{c.choice(['date of birth', 'DOB', 'birth_date', 'born on', 'birthday'])}: {birth(c)}",
    "coordinates": lambda c: c.choice(
        [
            "lat: {0:.5f}, lon: {1:.5f}",
            '"latitude": {0:.6f}, "longitude": {1:.6f}',
            "GPS {0:.5f}, {1:.5f}",
            "location=({0:.5f}, {1:.5f})",
        ]
    ).format(c.uniform(-85, 85), c.uniform(-179, 179)),
    "passport": lambda c: (
        f"{c.choice(['passport number', 'Passport No', 'passport'])}: "
        f"{c.choice(string.ascii_uppercase)}{some(c, DIGITS, 8)}"
    ),
    "driving licence": lambda c: (
        f"{c.choice(['driver license', 'Driving licence number'])}: {c.choice(string.ascii_uppercase)}"
        f"{some(c, DIGITS, 7)}"
    ),
    "medical record": lambda c: f"{c.choice(['MRN', 'patient id', 'medical record number'])}: {some(c, DIGITS, 8)}",
    "address": lambda c: (
        f"{c.randrange(1, 9999)} {c.choice(WORDS).title()} "
        f"{c.choice(['Street', 'Avenue', 'Road', 'Lane', 'Drive', 'Blvd.'])}"
    ),
    "person": lambda c: (
        f"{c.choice(['full_name', 'patient name', 'last_name', 'customer_name'])}: "
        f"{c.choice(NAMES).title()} {c.choice(SURNAMES)}"
    ),
    "cpf": cpf,
    "chinese id": chinese,
    "nir": nir,
    "dni": dni,
    "ahv": ahv,
    "sin": sin,
    "hetu": hetu,
    "nino": lambda c: f"{c.choice('ABCEGHJK')}{c.choice('ABCEGHJKL')}{some(c, DIGITS, 6)}{c.choice('ABCD')}".replace(
        "BG", "AB"
    ).replace("GB", "AB"),
    "pan": lambda c: (
        some(c, string.ascii_uppercase, 3)
        + c.choice("ABCFGHLJPT")
        + c.choice(string.ascii_uppercase)
        + some(c, DIGITS, 4)
        + c.choice(string.ascii_uppercase)
    ),
    "aadhaar": lambda c: (
        f"{c.choice(['Aadhaar', 'aadhaar number'])}: {c.choice('23456789')}{some(c, DIGITS, 3)} "
        f"{some(c, DIGITS, 4)} {some(c, DIGITS, 4)}"
    ),
    "employee": lambda c: f"employee_id: {c.choice('EP')}{some(c, DIGITS, 6)}",
    "imei": lambda c: f"IMEI: {some(c, DIGITS, 15)}",
    "vin": lambda c: f"VIN: {some(c, 'ABCDEFGHJKLMNPRSTUVWXYZ0123456789', 17)}",
    "home directory": named(
        "/home/{}/jobs/run.sh",
        "/Users/{}/Library/x",
        "HF_HOME=/home/{}",
        "C:\\Users\\{}\\x.txt",
        "/nfs/home/{}/data",
        value=lambda c: f"{c.choice(NAMES)}{c.randrange(100)}",
    ),
    "cluster path": lambda c: (
        f"{c.choice(['/lustre/fsw', '/gpfs/projects', '/scratch', '/mnt/beegfs'])}/{c.choice(WORDS)}/"
        f"{c.choice(NAMES)}/image.sqsh"
    ),
    "private address": lambda c: octets(c, *c.choice([(10,), (192, 168), (172, 20)])),
    "public address": lambda c: octets(c, c.choice([23, 52, 93, 141, 185, 203])),
    "ipv6": lambda c: ":".join(["2001", "db8", *(f"{c.randrange(1, 65536):x}" for _ in range(6))]),
    "short ipv6": lambda c: f"fe80::{c.randrange(65536):x}:{c.randrange(65536):x}:{c.randrange(4096, 65536):x}",
    "mac": mac,
    "gpu uuid": lambda c: f"GPU-{uuid4(c)}",
    "serial number": lambda c: f"{c.choice(['Serial Number', 'serial', 'gpu_serial'])}: {some(c, DIGITS, 13)}",
    "machine id": lambda c: f"machine-id: {some(c, HEX, 32)}",
    "node": lambda c: c.choice(
        ["node{:04d}", "gpu-{:03d}", "dgx-a100-{:02d}", "nid{:06d}", "compute-{:03d}", "login{:02d}"]
    ).format(c.randrange(1, 99)),
    "node list": lambda c: f"{c.choice(['gpu', 'node', 'cn'])}[{c.randrange(1, 50):03d}-{c.randrange(50, 99):03d}]",
    "host": lambda c: (
        f"{c.choice(['hostname: ', 'HOSTNAME=', 'host: '])}{c.choice(WORDS)}-{c.randrange(1, 99)}."
        f"{c.choice(['example.com', 'cluster.local'])}"
    ),
    "internal host": lambda c: f"{c.choice(WORDS)}.{c.choice(['corp', 'internal', 'lan', 'cluster.local'])}",
    "slurm variable": lambda c: c.choice(
        [
            "SLURM_JOB_ID={0}",
            "SLURM_JOB_NODELIST=gpu[1-4]",
            "SLURM_JOB_ACCOUNT={1}",
            "SLURMD_NODENAME=n{0}",
            "SLURM_JOB_USER={1}",
        ]
    ).format(c.randrange(10**5, 10**7), c.choice(NAMES)),
    "slurm option": lambda c: (
        f"sbatch {c.choice(['--account', '--nodelist', '--reservation'])}={c.choice(WORDS)}{c.randrange(10, 99)} job.sh"
    ),
    "batch job": lambda c: f"Submitted batch job {c.randrange(10**5, 10**8)}",
    "user": lambda c: (
        f"{c.choice(['USER=', 'username: ', 'LOGNAME=', 'login: '])}{c.choice(NAMES)}{c.randrange(10, 99)}"
    ),
    "login": lambda c: f"ssh {c.choice(NAMES)}@{c.choice(WORDS)}-{c.randrange(10)}",
    "aws account": lambda c: f"arn:aws:iam::{some(c, '123456789', 12)}:role/river",
    "windows sid": lambda c: (
        f"S-1-5-21-{c.randrange(10**8, 10**9)}-{c.randrange(10**8, 10**9)}-{c.randrange(10**8, 10**9)}"
        f"-{c.randrange(1000, 9999)}"
    ),
}


def sentence(chance: Chance, size: int = 12) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(size)).capitalize() + "."


def stamp(chance: Chance) -> str:
    return (
        f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 28):02d}T{chance.randrange(24):02d}:"
        f"{chance.randrange(60):02d}:{chance.randrange(60):02d}.{chance.randrange(10**6):06d}Z"
    )


def version(chance: Chance, parts: int = 3) -> str:
    return ".".join(str(chance.randrange(30)) for _ in range(parts))


HARMLESS: dict[str, Maker] = {
    "sha256": lambda c: f'"sha256": "{some(c, HEX, 64)}"',
    "bare sha256": lambda c: some(c, HEX, 64),
    "digest of an image": lambda c: f"docker.io/library/python:3.{c.randrange(8, 14)}@sha256:{some(c, HEX, 64)}",
    "commit": lambda c: f"commit {some(c, HEX, 40)}",
    "short commit": lambda c: some(c, HEX, 7),
    "md5": lambda c: f"{some(c, HEX, 32)}  model.safetensors",
    "blake3": lambda c: f"b3:{some(c, HEX, 64)}",
    "uuid with a suffix": lambda c: f"{uuid4(c)}:{c.choice(['f', 'fxs', 'x', 'js'])}",
    "version before a uuid": lambda c: f"0.{c.randrange(9)}.{uuid4(c)}",
    "words with a short prefix": lambda c: (
        f"{c.choice(['pat.', 'sgp_', 'flp_', 'crsr_', 'key_', 'BSA-', 'snyk_'])}{c.choice(WORDS)}_{c.choice(WORDS)}"
    ),
    "key of a cache": lambda c: f"cache_key_{some(c, HEX, 64)}",
    "uuid": uuid4,
    "run id": lambda c: f'"run_id": "{uuid4(c)}"',
    "seed": lambda c: f"seed: {c.getrandbits(64)}",
    "seed as text": lambda c: f'"order": "{c.getrandbits(64)}"',
    "published seeds": lambda c: (
        f"qsl_rng_seed = {c.choice([10487924139932647040, 1780908523862526354, 14771362308971278857])}"
    ),
    "image": lambda c: (
        f"{c.choice(['nvcr.io/nvidia/tritonserver', 'ghcr.io/river/bench', 'localhost/auditcube'])}:"
        f"{c.randrange(22, 27)}.{c.randrange(1, 13):02d}-py3"
    ),
    "version": lambda c: f"version {version(c)}",
    "version of four parts": lambda c: f"TensorRT {version(c, 4)}",
    "package": lambda c: f"torch=={version(c)}+cu{c.randrange(110, 130)}",
    "package with four parts": lambda c: (
        f"nvidia-cudnn-cu12=={c.randrange(8, 10)}.{c.randrange(1, 10)}.{c.randrange(10)}.{c.randrange(10, 99)}"
    ),
    "signature": lambda c: f"signature: {b64(c.randbytes(64))}",
    "bare base64": lambda c: b64(c.randbytes(48)),
    "public key": lambda c: f"ssh-ed25519 {'AAAA' + b64(c.randbytes(48))}",
    "integrity": lambda c: f'"integrity": "sha512-{b64(c.randbytes(64))}"',
    "prompt": lambda c: f'{{"prompt": "{sentence(c, 25)}"}}',
    "prose of secrets": lambda c: (
        f"The {c.choice(['password', 'token', 'secret', 'key'])} of the {c.choice(WORDS)} is a "
        f"{c.choice(WORDS)} that nobody keeps."
    ),
    "prose of passwords": lambda c: (
        f"Enter your password: the {c.choice(WORDS)} must be at least {c.randrange(8, 16)} characters."
    ),
    "file": lambda c: f"runs/{c.choice(WORDS)}/events.{c.randrange(9)}.jsonl",
    "path": lambda c: (
        f"/usr/local/cuda-{c.randrange(10, 13)}.{c.randrange(9)}/lib64/lib{c.choice(WORDS)}.so.{c.randrange(9)}"
    ),
    "path in a container": lambda c: (
        f"/{c.choice(['workspace', 'opt', 'app', 'tmp'])}/{c.choice(WORDS)}/{c.choice(WORDS)}.py"
    ),
    "model": lambda c: f"model: meta-llama/Llama-3.{c.randrange(1, 4)}-{c.choice([8, 70, 405])}B-Instruct",
    "time": stamp,
    "epoch": lambda c: f'"created": {c.randrange(1_600_000_000, 1_900_000_000)}',
    "epoch in ns": lambda c: f'"origin_ns": {c.randrange(1_600_000_000, 1_900_000_000)}{some(c, DIGITS, 9)}',
    "long numbers": lambda c: (
        f'"due_ns":{c.randrange(10**15, 10**16)},"issued_ns":{c.randrange(10**15, 10**16)},"done_ns":'
        f"{c.randrange(10**14, 10**15)}"
    ),
    "floats": lambda c: ", ".join(f"{c.uniform(-1, 1):.17g}" for _ in range(6)),
    "floats of a table": lambda c: f"{c.uniform(0, 90):.6f},{c.uniform(0, 180):.6f},{c.uniform(0, 9):.6f}",
    "port": lambda c: f"listening on 0.0.0.0:{c.randrange(1024, 65536)}",
    "local address": lambda c: f"http://127.0.0.1:{c.randrange(1024, 65536)}/v1",
    "public url": lambda c: (
        f"https://github.com/mlcommons/{c.choice(WORDS)}/issues/{c.randrange(1, 999)}?page={c.randrange(9)}"
    ),
    "token ids": lambda c: f'"tokens": [{", ".join(str(c.randrange(128_000)) for _ in range(30))}]',
    "token counts": lambda c: (
        f'"prompt_tokens": {c.randrange(9999)}, "completion_tokens": {c.randrange(9999)}'
        f', "max_tokens": {c.randrange(9999)}'
    ),
    "special tokens": lambda c: f'"eos_token": "<|{c.choice(WORDS)}_of_text|>", "pad_token": "[PAD{c.randrange(100)}]"',
    "tokenizer": lambda c: f"tokenizer: {c.choice(WORDS)}-tokenizer-v{c.randrange(9)}",
    "name of a variable": lambda c: f"api_key_env: {c.choice(WORDS).upper()}_API_KEY",
    "reference to a variable": lambda c: f"password: ${{{c.choice(WORDS).upper()}_PASSWORD}}",
    "placeholder": lambda c: c.choice(
        [
            "password=<your password>",
            "token: ***",
            "api_key = xxxxxxxxxxxxxxxxxxxxxxxx",
            "Authorization: Bearer $TOKEN",
            "secret: [redacted]",
        ]
    ),
    "code": lambda c: c.choice(
        [
            'password = os.environ["DB"]',
            "token = get_token(user)",
            "def login(user: str, password: str) -> None:",
            "key = sorted(items, key=len)",
            "self.password = password",
        ]
    ),
    "git remote": lambda c: f"git@github.com:mlcommons/{c.choice(WORDS)}.git",
    "clock": lambda c: f"{c.randrange(24):02d}:{c.randrange(60):02d}:{c.randrange(60):02d}",
    "date": lambda c: f"{c.randrange(2000, 2030)}-{c.randrange(1, 13):02d}-{c.randrange(1, 28):02d}",
    "ratio": lambda c: f"{c.randrange(1, 10**6)}/{c.randrange(1, 10**6)} done, {c.uniform(0, 100):.1f} %",
    "size": lambda c: f"{c.randrange(1, 10**12)} bytes ({c.uniform(1, 999):.1f} GiB)",
    "hardware": lambda c: (
        f"NVIDIA {c.choice(['H100', 'GB200', 'A100-SXM4-80GB', 'GB300 NVL72'])}, driver "
        f"{c.randrange(500, 600)}.{c.randrange(10, 99)}.{c.randrange(10):02d}"
    ),
    "browser": lambda c: (
        f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{c.randrange(100, 140)}.0."
        f"{c.randrange(9999)}.{c.randrange(200)} Safari/537.36"
    ),
    "colour": lambda c: f"#{some(c, HEX, 6)}",
    "svg": lambda c: (
        '<path d="M' + " L".join(f"{c.uniform(0, 900):.2f},{c.uniform(0, 300):.2f}" for _ in range(5)) + '"/>'
    ),
    "hexdump": lambda c: " ".join(some(c, HEX, 2) for _ in range(16)),
    "object": lambda c: f"<Thing object at 0x{some(c, HEX, 12)}>",
    "log": lambda c: (
        f"{stamp(c)} INFO [{c.choice(WORDS)}] query {c.randrange(10**6)} completed in "
        f"{c.uniform(1, 500):.3f} ms status=200"
    ),
    "isbn": lambda c: f"ISBN 978-{c.randrange(10)}-{some(c, DIGITS, 3)}-{some(c, DIGITS, 5)}-{c.randrange(10)}",
    "css": lambda c: (
        f".{c.choice(WORDS)} {{ margin: 0 {c.randrange(90)}px; font: {c.randrange(9, 30)}px/1."
        f"{c.randrange(9)} sans-serif }}"
    ),
    "makefile": lambda c: f"PYTHON ?= python3.{c.randrange(9, 14)}",
    "node of javascript": lambda c: f"FROM node:{c.randrange(16, 24)}-alpine",
    "doi": lambda c: (
        f"doi:10.{c.randrange(1000, 9999)}/{c.choice(WORDS)}.{c.randrange(2000, 2026)}.{c.randrange(10**5, 10**6)}"
    ),
    "mail of a file": lambda c: f"{c.choice(WORDS)}@2x.png",
    "decorator": lambda c: f"@pytest.mark.{c.choice(WORDS)}",
    "issue": lambda c: f"fixes #{c.randrange(10**4)}, see PR {c.randrange(10**4)}",
    "roman arithmetic": lambda c: f"{c.randrange(10**3)} + {c.randrange(10**3)} = {c.randrange(10**4)}",
}

# Where a thing stands in a file; {} stands for it. A key of several lines, or with a name of its own, stands alone.
CARRIERS = (
    "{}",
    "found {} here",
    "value: {}",
    '{"text": "{}"}',
    "[INFO] using {} now",
    "x={}",
    "- {}",
    "<td>{}</td>",
    "({})",
)


def carried(chance: Chance, text: str) -> str:
    carrier = chance.choice(CARRIERS)
    if "\n" in text or any(c in text for c in '"\\=: '):
        return text
    return carrier.replace("{}", text)


def samples(kinds: dict[str, Maker], each: int, seed: int) -> Iterator[Sample]:
    """`each` samples of every kind."""
    for kind, make in kinds.items():
        chance = Chance(f"{seed} {kind}")
        yield from (Sample(kind, carried(chance, make(chance))) for _ in range(each))
