"""What may lie beside a sidecar without being listed in it: the statement about it, and signatures over either.

They are made from the sidecar, so it cannot hold their digests. A sidecar with a digest of itself has its statement
beside it; signatures need not be there. What is there must be what it is called: the very statement that follows from
the sidecar, a bare signature of SSH, an envelope around that statement.
Whether a signature is anybody's is for `auditcube verify --allowed-signers` to say.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from auditcube.evidence.store import ENVELOPE, SIDECAR, SIGNATURE, STATEMENT
from auditcube.manifest import attestation

_MAX_SIGNATURE_BYTES = 1 << 16
_ARMOR = re.compile(
    rb"-----BEGIN SSH SIGNATURE-----\n(?:[A-Za-z0-9+/]{1,76}={0,2}\n)+-----END SSH SIGNATURE-----\n",
)


def problems(root: Path, manifest: Mapping[str, Any], data: bytes) -> list[tuple[str, str, str]]:
    """What is wrong beside the sidecar in `root`, whose bytes are `data`, as (code, path, message)."""
    expected = attestation.encode(manifest, data, SIDECAR)
    checks: dict[str, tuple[str, Callable[[bytes], str | None]]] = {
        STATEMENT: ("statement", lambda found: None if found == expected else "does not follow from the sidecar"),
        SIGNATURE: ("signature", _armor_problem),
        ENVELOPE: ("signature", lambda found: envelope_problem(found, expected)),
    }
    said = []
    for name, (code, problem) in checks.items():
        if not os.path.lexists(root / name):
            if name == STATEMENT and "manifest_digest" in manifest:
                said.append((code, name, "is missing"))
            continue
        found = read(root / name, 2 * len(expected) + _MAX_SIGNATURE_BYTES)
        if message := "is no regular file of its size" if found is None else problem(found):
            said.append((code, name, message))
    return said


def read(path: Path, limit: int = _MAX_SIGNATURE_BYTES) -> bytes | None:
    """The bytes of a regular file of at most `limit` bytes; None for anything else. Follows no link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit)


def _armor_problem(data: bytes) -> str | None:
    return None if _ARMOR.fullmatch(data) else "is no bare signature of SSH"


def envelope_problem(data: bytes, expected: bytes) -> str | None:
    """Why `data` is no DSSE envelope around the statement whose bytes are `expected`, or None."""
    try:
        value = json.loads(data)
        signatures = value["signatures"]
        plain = {*value} == {"payload", "payloadType", "signatures"} and 1 <= len(signatures) <= 100
        closed = all(
            {*each} <= {"keyid", "sig"} and all(isinstance(v, str) for v in each.values()) for each in signatures
        )
        payload = base64.b64decode(value["payload"], validate=True)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        return "is no DSSE envelope"
    if not plain or not closed or value["payloadType"] != attestation.PAYLOAD_TYPE:
        return "is no DSSE envelope of in-toto"
    return None if payload == expected else "holds another statement than the one that follows from the sidecar"
