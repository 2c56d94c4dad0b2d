"""The in-toto Statement beside a sidecar: about it and the files that it lists, with the manifest as predicate.

It is unsigned, and says nothing that does not follow from the sidecar: whoever has a key can sign it later, with DSSE
or Sigstore, without a new run. Pure.

Source: in-toto attestation framework, Statement v1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from auditcube.manifest import codec

TYPE = "https://in-toto.io/Statement/v1"
# The schema's own id: it names the predicate for good.
PREDICATE_TYPE = "urn:mlcube:schema:run_audit:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


def subjects(manifest: Mapping[str, Any], data: bytes, name: str) -> list[dict[str, Any]]:
    """The sidecar, whose bytes are `data`, and every file that it lists, each with its sha256."""
    own = {"name": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}}
    listed = ({"name": entry["path"], "digest": dict(entry["digest"])} for entry in manifest.get("artifacts", ()))
    return [own, *listed]


def statement(manifest: Mapping[str, Any], data: bytes, name: str) -> dict[str, Any]:
    """The statement about a sidecar of this name."""
    return {
        "_type": TYPE,
        "subject": subjects(manifest, data, name),
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(manifest),
    }


def encode(manifest: Mapping[str, Any], data: bytes, name: str) -> bytes:
    """The statement's file."""
    return codec.spelled(statement(manifest, data, name))
