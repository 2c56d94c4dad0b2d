"""What tells of a machine, a cluster or an account on it."""

from __future__ import annotations

import ipaddress
import re
import string

from auditcube.scan.pack.build import called, whole
from auditcube.scan.rule import Match, Rule, before, placeholder, value

_USER = r"[A-Za-z0-9][\w.@+-]{0,63}"
_VERSION_WORDS = re.compile(
    rb"(?:version|\bver|release|build|driver|firmware|sdk|runtime|library|\blib|package|cuda|cudnn|nccl|tensorrt|\btrt"
    rb"|cublas|torch|vllm|chrome|\bedg|safari|opera|rocm|mpi|\bucx|hpcx|ofed|kernel|schema|section|\brev)[a-z]*"
    rb"[\s_:=/\"'-]{0,4}$|\bv[\s.:=]?$|[\w)][=~<>!]=\s?$|[\w]_$"
)
_NO_PERSON = frozenset(
    (b"shared", b"public", b"user", b"username", b"users", b"youruser", b"your_user", b"name", b"linuxbrew")
)
_DOTTED = ".local .lan .intra .internal .corp .home .priv .cluster .hpc .ib .mgmt .prod .dmz .compute"
_INTERNAL = (
    r"local|localdomain|lan|intranet|intra|internal|corp|home|private|priv|cluster|hpc|ib|mgmt|home\.arpa|prod"
    r"|dmz|compute"
)


def _address(match: Match) -> bool:
    """An address of a machine, no version, no mask, and not this machine itself."""
    parts = value(match).split(b".")
    first, *rest = map(int, parts)
    if max(first, *rest) > 255 or any(len(part) > 1 and part.startswith(b"0") for part in parts):
        return False
    if first in (0, 127) or first >= 224:  # this network, this machine; groups, masks and what is reserved
        return False
    return _VERSION_WORDS.search(before(match, 24)) is None


def _address6(match: Match) -> bool:
    text = value(match).decode().partition("%")[0]
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or len(text) < 6
        or "::" not in text
        and text.count(":") < 7
    )


def _mac(match: Match) -> bool:
    digits = re.sub(rb"[^0-9a-fA-F]", b"", value(match))
    return len(set(digits)) > 2


def _person(match: Match) -> bool:
    """A user's own name in a path."""
    name = value(match).lower()
    return name not in _NO_PERSON and not placeholder(value(match)) and re.search(rb"[a-z]", name) is not None


_NOBODY = ["localhost", "127.0.0.1", "0.0.0.0", "::1", "root", "user", "assistant", "system"]


def some(match: Match) -> bool:
    """A name of someone or something: no placeholder, no variable, nobody's name."""
    text = value(match).decode("utf-8", "replace")
    return not placeholder(value(match)) and not text.startswith("$") and text.lower() not in _NOBODY


def _host(match: Match) -> bool:
    """A name of one machine: not this one, no placeholder; a plain word only where nothing follows it."""
    text = value(match).lower()
    if not some(match) or not re.search(rb"[a-z]", text):
        return False
    if re.search(rb"[0-9-]", text):
        return True
    head = match[0][: match.start("v") - match.start()]
    if b"_" in text or text.endswith((b"host", b"name")) or head.endswith(b" = "):
        return False  # an expression of a program
    ends = match.string[match.end() : match.end() + 1] in (b"", b"\n", b'"', b"'", b",", b"}")
    return b"." in text or (ends and match[0][:5].lower() not in (b"host:", b"host="))


RULES = (
    whole(
        "home-directory",
        "Name of a user in a home directory",
        "machine",
        "/home/ /homes/ /users/ \\users\\ /nethome/ /u/",
        rf"(?i:(?:/(?:export|nfs|mnt|net|gpfs|lustre|var|data|p|cluster|shared|nethome"
        rf"|usr)(?:/[\w.-]{{1,20}}){{0,2}})?/(?:homes?|users|nethome|(?<![A-Za-z0-9+/]/)u)/|(?:\\{{1,4}}|/)"
        rf"users(?:\\{{1,4}}"
        rf"|/))(?P<v>{_USER})(?=[/\\\s\"'`:,;)\]}}<>]|$)",
        _person,
        bounded=False,
        reach=60,
    ),
    whole(
        "home-directory-short",
        "Name of a user behind a tilde",
        "machine",
        "~",
        r"(?<![\w.~^=<>/)\]-])~(?P<v>[a-z_][a-z0-9_-]{2,31})(?=/)",
        _person,
        bounded=False,
    ),
    whole(
        "windows-home",
        "Name of a user in a profile of Windows",
        "machine",
        "\\users\\ \\\\users\\\\ \\documents",
        r"(?i:[A-Z]:\\{1,4}(?:Users|Documents and Settings)\\{1,4})(?P<v>[^\\/:*?\"<>|\r\n]{1,64})",
        _person,
        bounded=False,
        reach=3,
    ),
    Rule(
        "internal-host",
        "Host of a private network",
        "machine",
        rf"(?<![\w.@/-])(?:[a-z0-9](?:[a-z0-9-]{{0,62}})\.)+(?:{_INTERNAL})(?:\.[a-z]{{2,12}}){{0,3}}(?![\w-])",
        tuple(
            [
                ".local",
                ".lan",
                ".intra",
                ".internal",
                ".corp",
                ".home",
                ".priv",
                ".cluster",
                ".hpc",
                ".ib",
                ".mgmt",
                ".prod",
                ".dmz",
                ".compute",
            ]
        ),
        lambda m: (
            not re.search(
                rb"\.(?:py|js|json|ya?ml|so|md|txt|html?|sh|h|c|cpp)$|^_?(?:self|this|os|sys|np|torch|threa"
                rb"ding|thread|kubernetes|io|com|org|java|net)\.|^[\w]+\.(?:home|private|cluster|prod|compu"
                rb"te)$",
                value(m),
            )
            and m.string[m.end() : m.end() + 1] not in (b"(", b"[")
        ),
        reach=120,
        lead=string.ascii_letters + string.digits + "-.",
        bounded=False,
    ),
    Rule(
        "cloud-host",
        "Host of a cloud, with its address",
        "machine",
        r"(?<![\w-])(?:ip-\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}|ec2-\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3})(?:\.[\w.-]{2,80}\w)?",
        ("ip-", "ec2-"),
        None,
    ),
    whole(
        "host-name",
        "Host, by its name",
        "machine",
        "hostname host_name host-name nodename node_name node-name server_name fqdn machine_name master_addr "
        'slurmd computername logonserver rdzv host" host= host: head_node',
        r"(?:(?<![a-z])(?i:hostname|host[_-]name|nodename|node[_-]name|server[_-]name|fqdn|machine[_-]name"
        r"|master_addr|computername|logonserver|head_node(?:_ip)?|rdzv[_-]endpoint)|(?<![A-Za-z])host"
        r"|HOST)\\?[\"']?\s?[:=]\s?\\?[\"']?(?P<v>[A-Za-z0-9][\w.-]{1,200})",
        _host,
        bounded=False,
    ),
    Rule(
        "url-host",
        "Host of a private network, in a URL",
        "machine",
        r"://(?:[^\s/@]*@)?(?P<v>[a-z][a-z-]*\d[a-z0-9-]*)(?=:\d|/|[\s\"']|$)",
        ("://",),
        lambda m: not re.match(rb"(?:localhost|127)", value(m)),
        bounded=False,
    ),
    whole(
        "ssh-target",
        "User and host of a remote login",
        "machine",
        "ssh␣ scp␣ rsync␣ sftp␣",
        r"(?:ssh|scp|rsync|sftp)\s(?:[^\n@\"']{0,120}\s)?(?P<v>[a-z_][\w.-]{0,31}@[A-Za-z0-9][\w.-]{1,100})(?!@)",
        lambda m: not value(m).startswith(b"git@"),
    ),
    whole(
        "shell-prompt",
        "User and host of a shell's prompt",
        "machine",
        "@",
        r"(?<![\w.+-])(?P<v>[a-z_][a-z0-9_.-]{1,31}@[a-z][a-z0-9-]{2,62})(?=:[~/]|\s?[$#]\s|:\s)",
        reach=34,
        lead=string.ascii_lowercase + string.digits + "_.-",
        bounded=False,
    ),
    Rule(
        "ipv4",
        "IPv4 address",
        "machine",
        r"(?<![\w.=/-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)|(?<=//)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)"
        r"|(?<==)(?<!==)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)",
        (),
        _address,
        shape="dotted",
    ),
    Rule(
        "ipv6",
        "IPv6 address",
        "machine",
        r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}(?:[0-9a-fA-F]{0,4})(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?:%\w{1"
        r",15})?(?![\w:])",
        (),
        _address6,
        reach=40,
        lead=string.hexdigits + ":",
        shape="double colons",
    ),
    Rule(
        "mac",
        "MAC address, or GUID of an InfiniBand port",
        "machine",
        r"(?<![\w:])(?:[0-9a-fA-F]{2}:){5}(?:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}:)?[0-9a-fA-F]{2}(?![\w:])",
        (),
        _mac,
        reach=3,
        shape="pairs with colons",
    ),
    Rule(
        "mac-dashes",
        "MAC address, with dashes",
        "machine",
        r"(?<![\w-])(?:[0-9a-fA-F]{2}-){5}[0-9a-fA-F]{2}(?![\w-])",
        (),
        _mac,
        reach=3,
        shape="pairs with dashes",
    ),
    called(
        "mac-named",
        "MAC address, by its name",
        r"mac[_ -]?addr(?:ess)?|hwaddr|(?<![A-Za-z])ether|(?:node|port|sys(?:tem)?[_ -]?image)[_ -]?guid",
        r"(?:0x)?[0-9a-fA-F]{4}[.:]?[0-9a-fA-F]{4}[.:]?[0-9a-fA-F]{4}(?:[.:]?[0-9a-fA-F]{4})?(?!\w)",
        _mac,
        "machine",
        anchors="mac hwaddr ether node port sys",
    ),
    whole(
        "gpu-uuid",
        "UUID of a GPU or of a part of one",
        "machine",
        "gpu- mig-",
        r"(?:GPU|MIG)-(?:GPU-)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?:/\d+/\d+)?",
    ),
    called(
        "serial-number",
        "Serial number, by its name",
        r"serial(?:[_ -]?(?:number|no\.?|num))?|(?:board|chassis|system|product|asset|gpu)[_ -]?(?:serial"
        r"|tag)(?:[_ -]?number)?|service[_ -]?tag|(?<![A-Za-z])s/n",
        r"[A-Z0-9][A-Z0-9/-]{4,30}(?![\w.])",
        lambda m: re.search(rb"\d{2}", value(m)) is not None,
        "machine",
        anchors="serial board chassis system product asset gpu service␣tag service_tag servicetag s/n",
    ),
    called(
        "machine-id",
        "Id of one machine, by its name",
        r"machine[_ -]?id|boot[_ -]?id|(?:system|hardware|product|host|node|dmi|bios|platform)[_ -]?uuid"
        r"|host[_ -]?id|(?<![A-Za-z])uuid\s?=\s?uuid|partuuid|root=uuid",
        r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}",
        some,
        "machine",
        anchors="machine boot system hardware product host node dmi bios platform partuuid root=uuid",
    ),
    whole(
        "kernel-command-line",
        "Command line of a kernel",
        "machine",
        "boot_image= root=uuid= root=/dev",
        r"BOOT_IMAGE=[^\n\"]{3,1000}|root=(?:UUID=|/dev/)[^\s\"]{3,200}",
    ),
    whole(
        "user-entry",
        "Account behind the key user of a file of settings",
        "machine",
        "user: \"user\": 'user':",
        r"(?:[\"']user[\"']:\s?[\"'](?P<v>[a-z_][a-z0-9._-]{2,31})[\"']"
        r"|user:\s(?P<w>[a-z_][a-z0-9._-]{2,31})(?=\s{0,3}(?:$|#|,)))",
        some,
        bounded=False,
    ),
    whole(
        "acting-user",
        "Account that a command acts as",
        "machine",
        "logged␣in␣as sudo␣ su␣ runuser␣",
        r"(?:logged in as|sudo (?:-\w )*-u|su -(?: -?\w)?|runuser -u)\s(?P<v>[a-z_][a-z0-9._-]{1,31})(?!\w)",
        lambda m: some(m) and value(m) != b"root",
    ),
    whole(
        "file-owner",
        "Owner in a listing of files",
        "machine",
        "-rw drwx -r-x -r-- lrwx",
        r"[-dlcbps][-rwxsStT]{9}[.+@]?\s+\d+\s+(?P<v>[a-z_][\w.-]{1,31})\s+[\w.-]+\s+\d",
        lambda m: value(m) not in (b"root", b"nobody"),
        bounded=False,
    ),
    whole(
        "dell-uuid",
        "UUID of a machine of Dell",
        "machine",
        "4c4c4544-",
        r"4[cC]4[cC]4544-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",
    ),
    called(
        "user-name",
        "Name of an account, by its name",
        r"user[_ -]?name|(?<![A-Za-z])login(?:[_ -]?name)?|log[_ ]?name|user[_ -]?id|(?<![A-Za-z])uid"
        r"|(?<![A-Za-z])(?:sudo_)?user(?=\\?[\"']?\]?\s?=)|(?<![A-Za-z])owner(?=\\?[\"']?\s?[:=])"
        r"|(?<![A-Za-z])account(?:[_ -]?name)?(?=\\?[\"']?\s?[:=])|submitted[_ -]by|(?<![A-Za-z])whoami",
        r"[A-Za-z][A-Za-z0-9._@+-]{1,63}(?![\w(])",
        lambda m: (
            some(m)
            and not re.fullmatch(
                rb"(?i)is|the|and|or|to|of|a|int|str|string|name|id|self|none|user|admin|root|nobody|guest|"
                rb"field|defaults?|unknown",
                value(m),
            )
        ),
        "machine",
        anchors="user login logname log_name uid sudo_user owner account submitted whoami",
        bounded=False,
    ),
    whole(
        "unix-id",
        "Account in the output of id, who or ps",
        "machine",
        "uid= gid= user␣ for␣user session␣opened",
        r"[ug]id=\d{1,10}\((?P<v>[a-z_][\w.-]{0,31})\)|for user (?P<w>[a-z_][\w.-]{1,31})(?:\(uid|\s+by|\s+from)",
        lambda m: value(m) not in (b"root", b"nobody"),
    ),
    whole(
        "passwd-line",
        "Account in a line of /etc/passwd",
        "machine",
        ":x:",
        r"(?<![^\n])(?P<v>[a-z_][\w.-]{0,31}:x:\d+:\d+:[^\n]{0,200})",
        lambda m: int(value(m).split(b":")[2]) >= 1000,
        reach=32,
        bounded=False,
    ),
    whole(
        "domain-user",
        "Account of a Windows domain",
        "machine",
        "\\",
        r"(?<![\w\\.:/-])(?P<v>[A-Z][A-Z0-9-]{1,14}\\{1,2}[a-z][a-z0-9._-]{2,30})(?![\w\\(\[{*+])",
        reach=16,
        lead=string.ascii_uppercase + string.digits + "-",
        bounded=False,
    ),
    whole(
        "windows-sid", "Security id of a Windows account", "machine", "s-1-5-21-", r"S-1-5-21(?:-\d{4,10}){3}-\d{3,10}"
    ),
    whole(
        "ldap-name",
        "Name in a directory (LDAP)",
        "machine",
        "uid= cn= dc= ou=",
        r"(?i:(?:uid|cn)=[^,\n\"=]{1,64},(?:\s?(?:ou|cn|dc|o)=[^,\n\"=]{1,64},?){2,8})",
    ),
    whole(
        "ssh-public-key",
        "Public SSH key of a user and host",
        "machine",
        "ssh-rsa␣ ssh-ed25519␣ ecdsa-sha2 sk-ssh-",
        r"(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-nistp\d+|sk-\S+) AAAA[A-Za-z0-9+/]{40,}={0,3} (?P<v>[\w.+-]+@[\w.-]+)",
    ),
    whole(
        "aws-arn",
        "Account in an Amazon resource name",
        "machine",
        "arn:aws",
        r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:(?P<v>\d{12})(?=:)",
    ),
    called(
        "cloud-account",
        "Account of a cloud, by its name",
        r"(?:aws|account|subscription|tenant|directory|project)[_ -]?(?:account[_ -]?)?id",
        r"(?:\d{12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])",
        some,
        "machine",
        anchors="aws account subscription tenant directory project",
    ),
    whole("cloud-instance", "Instance of a cloud", "machine", "i-0", r"i-0[0-9a-f]{16}(?![0-9a-f])"),
    called(
        "device-id",
        "IMEI, IMSI or SIM number, by its name",
        r"imei|imsi|iccid|meid|esn",
        r"[0-9A-F][0-9A-F -]{12,22}[0-9A-F](?!\w)",
        lambda m: re.search(rb"\d{6}", value(m)) is not None,
        "machine",
        anchors="imei imsi iccid meid esn",
    ),
)
