"""Which endpoint was asked, without saying where it is: a salted digest of its URLs. Pure.

A task that starts from another's sidecar takes over its salt: two tasks asked the same endpoint if their digests are
the same, and whoever knows the URL can see whether it is the one. So can whoever guesses it: the salt is published, it
only keeps anyone from looking the digest up in a table, or from telling whether two submitters share an endpoint.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from auditcube.manifest import canonical

_SALT_BYTES = 16


def new_salt() -> str:
    """A salt that no other chain has, in hexadecimal."""
    return secrets.token_hex(_SALT_BYTES)


def identity(urls: Iterable[str], path: str | None, salt: str, publish: bool) -> dict[str, Any]:
    """The member `endpoint_identity`: sha256 of the salt's bytes, then [[URL, ...], path or null] as RFC 8785.

    The URLs are taken in order of their characters; `path` is the request path, where it is not the API's own.
    """
    ordered = sorted(urls)
    said = bytes.fromhex(salt) + canonical.canonical([ordered, path])
    told = {"urls": ordered} if publish else {}
    return {"endpoints": len(ordered), "salt": salt, "sha256": hashlib.sha256(said).hexdigest(), **told}


def salt_of(manifest: Mapping[str, Any]) -> str | None:
    """The salt of a chain, from a sidecar in it."""
    salt: str | None = manifest.get("endpoint_identity", {}).get("salt")
    return salt
