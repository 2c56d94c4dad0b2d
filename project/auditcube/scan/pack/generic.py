"""Secrets of no one vendor: keys in blocks, tokens with a structure, headers, URLs, and what a name says is one."""

from __future__ import annotations

import base64
import binascii
import json
import re

from auditcube.scan import checksums
from auditcube.scan.pack.build import called, passwordlike, token, whole
from auditcube.scan.rule import Match, entropy, placeholder, random_looking, strong, value

_PASSWORD = r"""(?(q)[^"'`\n\\]{4,200}|[^\s"'`,;<>&)}\]|\\]{4,200})"""
_TOKEN = r"[A-Za-z0-9_./+=~:$!-]{16,4096}"
_KEY_WORDS = (
    r"(?:api|access|secret|auth|encryption|encrypt|signing|sign|master|private|account|shared|service"
    r"|licen[cs]e|deploy|session|"
    r"aes|hmac|subscription|admin|consumer|storage|webhook|app|client|server|rest|ssh|root|functions?"
    r"|x-functions)[_ -]?key"
)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.translate(bytes.maketrans(b"+/", b"-_")) + b"=" * (-len(text) % 4))
    except binascii.Error:
        return b""


def _jose(match: Match) -> bool:
    """A JWT or JWE: its second part is JSON too, or its head is and names an algorithm."""
    head, *rest = value(match).split(b".")
    try:
        members = json.loads(_decoded(head))
    except ValueError:
        return rest[0].startswith(b"eyJ")
    return rest[0].startswith(b"eyJ") or isinstance(members, dict) and "alg" in members


def _basic(match: Match) -> bool:
    """Base64 of a name and a password."""
    text = _decoded(value(match))
    return b":" in text and text.isascii() and all(32 <= byte < 127 for byte in text)


def _authority(match: Match) -> bool:
    """A user and a password before a host; not a placeholder for one."""
    return not placeholder(value(match).rpartition(b":")[2]) or len(value(match)) > 40


def _curl_user(match: Match) -> bool:
    return not placeholder(value(match).rpartition(b":")[2])


def _short_secret(match: Match) -> bool:
    """What is called a secret may be shorter than a token: eight or more with letters and digits."""
    text = value(match)
    if placeholder(text) or re.match(rb"(?i)sha(?:256|512|1):", text):
        return False
    if re.search(rb"[0-9]", text) and re.search(rb"[A-Za-z]", text):
        return entropy(text) >= 2.5
    return len(text) >= 16 and entropy(text) >= 3.5 and re.search(rb"[a-z][A-Z]+[a-z]+[A-Z]", text) is not None


def _query(match: Match) -> bool:
    text = value(match)
    return len(set(text)) >= 5 and not placeholder(text) and (re.search(rb"[0-9]", text) is not None or len(text) >= 16)


def _bearer(match: Match) -> bool:
    text = value(match)
    return random_looking(match) and re.search(rb"[0-9._~+/=-]", text) is not None and len(text) >= 12


def _key_part(match: Match) -> bool:
    return entropy(value(match)) >= 3.5 and not placeholder(value(match))


def _wif(match: Match) -> bool:
    return checksums.base58check(match[0].decode("latin-1"))


RULES = (
    whole(
        "private-key",
        "Private key in PEM, OpenSSH, PGP or PuTTY form",
        "secret",
        "-----begin ----␣begin putty-user-key-file",
        r"-{4,5} ?BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:[\s\S]{0,20000}?-{4,5} ?END [A-Z0-9 ]*PRIVATE"
        r" KEY(?: BLOCK)? ?-{4,5}|(?:(?:\s|\\n)+[A-Za-z0-9+/=]{16,})*)"
        r"|PuTTY-User-Key-File-\d: (?:[^\n]*\n){0,60}?Private-MAC: [0-9a-f]+|PuTTY-User-Key-File-\d: ",
        bounded=False,
        lines=True,
    ),
    token(
        "jwt",
        "JSON Web Token, signed or encrypted",
        "eyj",
        r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){1,3}",
        _jose,
    ),
    whole(
        "json-web-key",
        "Private part of a JSON Web Key",
        "secret",
        '"d" \\"d\\"',
        r'\\?"d\\?"\s?:\s?\\?"(?P<v>[A-Za-z0-9_-]{40,})',
        _key_part,
        bounded=False,
    ),
    whole(
        "authorization-header",
        "Authorization or cookie header",
        "secret",
        "bearer␣ token␣ apikey␣ api-key␣ splunk␣ sso-key␣",
        r"(?i:bearer|api-?key|splunk|sso-key|(?<=[: '\"])token)\s+(?P<v>[A-Za-z0-9._~+/=:-]{12,})",
        _bearer,
    ),
    whole(
        "basic-auth",
        "User and password of HTTP's basic scheme",
        "secret",
        "basic␣ authorization",
        r"(?i:basic|authorization\\?[\"']?\s?[:=]\s?\\?[\"']?basic)\s+(?P<v>[A-Za-z0-9+/_-]{6,}={0,2})",
        _basic,
    ),
    whole(
        "docker-auth",
        "Registry credentials of a docker config",
        "secret",
        '"auth" \\"auth\\" _auth',
        r'(?:\\?"auth\\?"|_auth)\s{0,2}[:=]\s{0,2}\\?"?(?P<v>[A-Za-z0-9+/_-]{8,}={0,2})',
        _basic,
        bounded=False,
    ),
    whole(
        "cookie",
        "Session cookie",
        "secret",
        'cookie: cookie":',
        r"(?i:cookie)\\?\"?\s?:\s?\\?\"?(?P<v>[\w.-]{1,60}=[^\n\"']{10,4000})",
        lambda m: strong(m),
        bounded=False,
    ),
    whole(
        "url-password",
        "User and password in a URL",
        "secret",
        "://",
        r"://(?P<v>[^\s/?#@:\"'<>`\\]{0,256}:[^\s/?#@\"'<>`\\]{1,512})@(?=[\w\[%$-])",
        _authority,
        bounded=False,
    ),
    whole(
        "url-user",
        "User, or a token, before the host of a URL",
        "secret",
        "://",
        r"(?<=http|ttps)://(?P<v>[^\s/?#@:\"'<>`\\\[{]{1,512})@(?=[\w\[-])",
        lambda m: value(m) not in (b"git", b"user", b"oauth2") and not placeholder(value(m)),
        bounded=False,
    ),
    whole(
        "url-query-secret",
        "Secret in the query of a URL",
        "secret",
        "? & #access_ #token #id_ #code",
        r"(?i)[?&;#](?:amp;)?(?:[\w.-]*(?:token|api[_-]?key|apikey|secret|passw(?:or)?d|signature|credential"
        r"|subscription-key|access[_-]?key)|"
        r"key|sig|auth|code|pwd|pass|jwt|sas|session(?:[_-]?id)?|sid)=(?P<v>[^&\s\"'<>#\\`)]{6,2048})",
        _query,
        bounded=False,
    ),
    whole(
        "connection-string",
        "Password in a connection string",
        "secret",
        "pwd= password=",
        r"(?i)(?:pwd|password)\s?=\s?(?P<v>[^;\"'\s]{3,200})(?=;)",
        lambda m: not placeholder(value(m)),
        bounded=False,
    ),
    called(
        "password",
        "Password, by its name",
        r"pass(?:word|wd|code|phrase)|passwort|mot_de_passe|contrase[nñ]a|kennwort|(?<![a-z])pwd"
        r"|(?<![a-zA-Z])pass(?=[\"':= ])|(?<![a-zA-Z])pw(?=[\"':= ])|_pass(?=[\"':= ])|_pw(?=[\"':= ])",
        _PASSWORD,
        passwordlike,
        anchors="passw passc passp mot_de contras kennw pwd pass pw _pass _pw",
    ),
    called(
        "pin",
        "PIN or one-time code, by its name",
        r"(?<![A-Za-z])(?:pin|otp|mfa[_-]?code|cvv2?|cvc2?)(?:[_ -]?code)?",
        r"\d{3,8}(?!\d|\.\d)",
        lambda _: True,
        "private data",
        anchors="pin otp mfa cvv cvc",
        bounded=True,
    ),
    called(
        "secret",
        "Secret, by its name",
        r"secret|credentials?|salt[_-]?key",
        r"[A-Za-z0-9_./+=~:$!@#%^*-]{8,4096}",
        _short_secret,
        anchors="secret credential salt_key salt-key saltkey",
    ),
    called(
        "token",
        "Token, by its name",
        r"token(?!s\b|s_|iz)|bearer|jwt|auth(?:entication|orization)?(?=[\"']?\s?[:=])|x-auth",
        _TOKEN,
        strong,
        anchors="token bearer jwt auth x-auth",
    ),
    called(
        "api-key",
        "Key, by its name",
        _KEY_WORDS,
        _TOKEN,
        strong,
        anchors="apikey api_key api-key api␣key accessk access_k access-k secretk secret_k secret-k auth encrypt "
        "signing sign_key "
        "signkey master private account shared service_k servicek service-k license licence deploy session "
        "aes hmac subscription "
        "admin consumer storage webhook app_k appk app-k client_k clientk client-k server_k serverk server-k "
        "restk rest_k ssh "
        "root_k root-k rootk function x-functions",
    ),
    whole(
        "command-line-secret",
        "Secret on a command line",
        "secret",
        "--pass --token --api --secret --key --auth sshpass",
        r"--(?:[a-z-]*(?:password|passwd|passphrase|pass|token|api[_-]?key|secret|auth))(?:="
        r"|\s+)[\"']?(?P<v>[^\s\"'-][^\s\"']{5,})|sshpass\s+-p\s?[\"']?(?P<w>[^\s\"']{4,})",
        lambda m: (
            m["v"] is None
            or (
                not placeholder(m["v"])
                and re.search(rb"[0-9!@#$%^&*]", m["v"]) is not None
                and not m["v"].startswith(b"/")
            )
        ),
        bounded=False,
    ),
    whole(
        "command-line-user",
        "User and password on a command line",
        "secret",
        '-u␣ --user␣ -u" --user=',
        r"(?:(?<=\s)-u|--user)[ =]?[\"']?(?P<v>[\w.@+-]{1,64}:[^\s\"']{3,200})",
        _curl_user,
        bounded=False,
    ),
    whole(
        "mysql-password",
        "Password of a database client",
        "secret",
        "mysql mysqldump mariadb",
        r"(?:mysql|mysqldump|mysqladmin|mariadb)\s[^\n|;]{0,80}?\s-p(?P<v>[^\s\"']{4,100})",
        None,
    ),
    whole(
        "netrc",
        "Password in a .netrc",
        "secret",
        "machine␣ default␣",
        r"(?:machine\s+\S{1,200}|default)\s+login\s+\S{1,200}\s+password\s+(?P<v>\S{3,200})",
        None,
        lines=True,
        opens=r"(?:machine\s+(?:\S{1,200}\s*)?|default\s*)(?:$|login)",
    ),
    whole(
        "pgpass",
        "Password in a .pgpass",
        "secret",
        ":5432:",
        r":5432:[^:\s]{1,64}:[^:\s]{1,64}:(?P<v>\S{3,200})",
        None,
        bounded=False,
    ),
    whole(
        "password-hash",
        "Hash of a password",
        "secret",
        "$2a$ $2b$ $2y$ $1$ $5$ $6$ $7$ $y$ $apr1$ $argon2 $pbkdf2 $scrypt {ssha pbkdf2_sha scrypt: pbkdf2:",
        r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}|\$(?:1|5|6|7|y|apr1)\$(?:rounds=\d+\$)?[./A-Za-z0-9$]{1,32}\$[./A"
        r"-Za-z0-9]{22,86}|\$argon2(?:id|i|d)\$[^\s\"']{30,}"
        r"|\$(?:pbkdf2|scrypt)[^\s\"']{30,}|\{SSHA(?:256|512)?\}[A-Za-z0-9+/=]{28,}"
        r"|pbkdf2_sha\d+\$\d+\$[^\s\"']{30,}|(?:scrypt|pbkdf2):[\w:]+\$[^\s\"']{20,}",
        None,
        bounded=False,
    ),
    whole(
        "otp-seed",
        "Seed of one-time passwords",
        "secret",
        "otpauth://",
        r"otpauth://[^\s\"']{0,300}?secret=(?P<v>[A-Za-z2-7]{8,})",
        None,
    ),
    whole(
        "wifi-password",
        "Password of a wireless network",
        "secret",
        "wifi: psk=",
        r"WIFI:[^\n]{0,100}?P:(?P<v>[^;\n]{4,})|(?<!\w)psk=\"?(?P<w>[^\s\"]{8,63})",
        None,
    ),
    called(
        "wireguard-key",
        "WireGuard private or preshared key",
        r"private[_ -]?key|preshared[_ -]?key|psk",
        r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=(?![\w=])",
        random_looking,
        anchors="private preshared psk",
    ),
    token(
        "bitcoin-key",
        "Bitcoin private key, or extended private key",
        "5h 5j 5k kw kx ky kz l1 l2 l3 l4 l5 xprv yprv zprv tprv",
        r"(?:5[HJK][1-9A-HJ-NP-Za-km-z]{49}|[KL][1-9A-HJ-NP-Za-km-z]{51}"
        r"|[xyzt]prv[1-9A-HJ-NP-Za-km-z]{107,108})(?![A-Za-z0-9])",
        _wif,
    ),
    token("nostr-key", "Nostr secret key", "nsec1", r"nsec1[ac-hj-np-z02-9]{58}"),
    called(
        "wallet-key",
        "Private key of a wallet, by its name",
        r"private[_ -]?key|wallet[_ -]?key|eth[_ -]?key",
        r"(?:0x)?[0-9a-fA-F]{64}(?![0-9a-fA-F])",
        random_looking,
        anchors="private wallet eth",
    ),
    called(
        "seed-phrase",
        "Seed phrase of a wallet, by its name",
        r"mnemonic|seed[_ -]?(?:phrase|words)|recovery[_ -]?(?:phrase|words)",
        r"(?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8}",
        lambda _: True,
        anchors="mnemonic seed recovery",
    ),
    whole(
        "kaggle-key",
        "Kaggle key",
        "secret",
        '"key" \\"key\\"',
        r'\\?"key\\?"\s?:\s?\\?"(?P<v>[a-f0-9]{32})\\?"',
        lambda m: b"username" in m.string[max(0, m.start() - 200) : m.end() + 200],
        bounded=False,
        opens=r'\\?"key\\?"\s?:\s?\\?"[a-f0-9]{32}',  # username: in another line, perhaps
    ),
    whole(
        "gcp-private-key-id",
        "Key id of a Google service account",
        "secret",
        "private_key_id",
        r"private_key_id\\?\"\s?:\s?\\?\"(?P<v>[a-f0-9]{40})",
        None,
    ),
    whole(
        "ansible-vault",
        "Ansible vault",
        "secret",
        "$ansible_vault;",
        r"\$ANSIBLE_VAULT;[^\n]{3,60}(?:\n\s*[0-9a-f]{60,80})*",
        None,
        bounded=False,
        lines=True,
    ),
    whole(
        "cloudinary-url", "Cloudinary URL", "secret", "cloudinary://", r"cloudinary://(?P<v>\d{10,}:[\w-]{20,})@", None
    ),
    whole(
        "sentry-dsn",
        "Sentry DSN",
        "secret",
        "://",
        r"(?<=https)://(?P<v>[a-f0-9]{32})@[\w.-]+/\d+",
        None,
        bounded=False,
    ),
)
