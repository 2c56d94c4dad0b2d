"""Secrets on command lines and in the files of tools that take a password without calling it one."""

from __future__ import annotations

import re

from auditcube.scan.pack.build import called, whole
from auditcube.scan.rule import Match, placeholder, random_looking, value

_WORD = r"[\"']?(?P<v>[^\s\"'$<][^\s\"']{3,200})"


def _given(match: Match) -> bool:
    """A value, no placeholder, no file."""
    return not placeholder(value(match)) and not value(match).startswith((b"/", b"./", b"-"))


def _mixed(match: Match) -> bool:
    return _given(match) and re.search(rb"[0-9!@#$%^&*]", value(match)) is not None


RULES = (
    whole(
        "registry-login",
        "Password of a login to a registry",
        "secret",
        "docker␣login podman␣login helm␣registry apptainer␣ singularity␣ nerdctl␣login",
        rf"(?:docker|podman|nerdctl|helm registry|apptainer (?:remote|registry)|singularity remote)\s+login"
        rf"\s[^\n]{{0,200}}?"
        rf"(?:-p|--password)[ =]{_WORD}",
        _given,
    ),
    whole(
        "wandb-login",
        "Weights & Biases key at its login",
        "secret",
        "wandb␣login",
        r"wandb login\s(?:--\S+\s)*(?P<v>[a-f0-9]{40})(?!\w)",
        random_looking,
    ),
    whole(
        "tool-password",
        "Password given to a tool as an option",
        "secret",
        "zip␣ unzip␣ 7z␣ redis-cli␣ ssh-keygen␣ openssl␣",
        rf"(?:(?:un)?zip\s[^\n]{{0,80}}?-P|7z\s[^\n]{{0,80}}?-p|redis-cli\s[^\n]{{0,80}}?-a|ssh-keygen\s[^"
        rf"\n]{{0,80}}?-[NP]"
        rf"|openssl\s[^\n]{{0,120}}?(?:-k|-pass(?:in|out)?\s+pass:))\s?{_WORD}",
        _mixed,
    ),
    whole(
        "sqlplus-password",
        "Password of a client of Oracle's database",
        "secret",
        "sqlplus␣ exp␣ imp␣ expdp␣ impdp␣",
        r"(?:sqlplus|expdp|impdp|exp|imp)\s+(?:-\w+\s+)*\w{1,64}/(?P<v>[^\s@/\"']{3,100})@\w",
        _given,
    ),
    whole(
        "bind-password",
        "Password of a directory or boot loader",
        "secret",
        "bindpw␣ rootpw␣ requirepass␣ masterauth␣",
        r"(?:bindpw|rootpw|requirepass|masterauth)\s+[\"']?(?P<v>[^\s\"']{4,200})",
        _given,
    ),
    whole(
        "pair-of-credentials",
        "User and password side by side",
        "secret",
        "credential creds auth␣= auth=",
        r"(?:credentials?|creds|auth)\s?=\s?[(\[]\s?[\"'][^\"'\n]{1,80}[\"'],\s?[\"'](?P<v>[^\"'\n]{4,200})[\"']",
        _given,
    ),
    whole(
        "terraform-default",
        "Default of a secret variable of Terraform",
        "secret",
        'variable␣"',
        r"variable\s+\"\w*(?:password|secret|token|key)\w*\"\s*\{[^}]{0,300}?default\s*=\s*\"(?P<v>[^\"\n]{4,200})\"",
        _given,
        lines=True,
        opens=r"variable \"\w*(?:password|secret|token|key)\w*\"",
    ),
    whole(
        "openvpn-key",
        "Static key of OpenVPN",
        "secret",
        "-----begin␣openvpn",
        r"-----BEGIN OpenVPN Static key V1-----(?:[\s\S]{0,4000}?-----END OpenVPN Static key V1-----)?",
        bounded=False,
        lines=True,
    ),
    called(
        "ntlm-hash",
        "Windows password hash, by its name",
        r"nt(?:lm)?[_ -]?hash|ntlm",
        r"[a-fA-F0-9]{32}(?:(?!\w)|:[a-fA-F0-9]{32})",
        random_looking,
        anchors="nthash nt_hash nt-hash nt␣hash ntlm",
    ),
    called(
        "munge-key",
        "Key of munge, by its name",
        r"munge[_ -]?key",
        r"[A-Za-z0-9+/]{40,}={0,2}",
        random_looking,
        anchors="munge",
    ),
    whole(
        "webhook-url",
        "Address of a webhook",
        "secret",
        "hooks.zapier.com hook.integromat.com hook.eu1.make.com maker.ifttt.com",
        r"(?:hooks\.zapier\.com/hooks/catch/(?P<v>\d+/\w+)|(?:hook\.integromat|hook\.eu1\.make|maker\.ifttt"
        r")\.com/(?P<w>[\w/-]{16,}))",
    ),
)
