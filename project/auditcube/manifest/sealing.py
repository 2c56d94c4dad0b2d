"""How every task ends: what its directory holds is listed, and the statement and last the sidecar are written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditcube.evidence.files import write_atomically
from auditcube.evidence.store import Store
from auditcube.manifest import attestation, build, claim, codec, digest, schema

if TYPE_CHECKING:
    from auditcube.manifest.publication import Others


def artifacts_of(store: Store, measured: Mapping[str, tuple[int, str]] | None = None) -> list[dict[str, Any]]:
    """The entries for every file in a directory of ours. `measured`: sizes and digests that are known, by name."""
    names = {path.relative_to(store.root).as_posix(): path for path in store.files()}
    return [artifact_of(path, name, (measured or {}).get(name)) for name, path in names.items()]


def artifact_of(path: Path, name: str, measured: tuple[int, str] | None = None) -> dict[str, Any]:
    """The entry for one file, under the name that it is listed by."""
    size, sha256 = measured or digest.of_file(path)
    small_json = name.endswith(".json") and size <= codec.MAX_CANONICAL_BYTES
    return build.artifact(name, size, sha256, codec.json_sha256(path.read_bytes()) if small_json else None)


def seal(
    store: Store, manifest: Mapping[str, Any], *, scan: bool = True, claims: Iterable[str] = (),
    others: Others | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Scan what is to be published, and write the statement and last the sidecar, after our own schema has accepted it.

    Gives the sidecar as it was written. Without `scan` nothing is claimed of what is in the files. `claim_status` is
    what is wanted, and becomes what is granted; `claims` are those of the sidecars that the task started from. `others`
    are the lines that a scan must look at in files of which it need not look at all (`publication.Others`).
    """
    sealed = {**manifest, "directory_digest": build.directory_digest(manifest["artifacts"])}
    if scan:
        from auditcube.manifest import publication  # brings all rules of a scan, for which no other task should wait

        sealed = publication.declare(store.root, sealed, store.sidecar.name, others)
    sealed["claim_status"] = claim.granted(sealed["claim_status"], sealed, claims)
    data = codec.encode(sealed)
    whole: dict[str, Any] = json.loads(data)
    if problems := schema.problems(whole):
        raise RuntimeError(f"our own sidecar violates the schema: {problems}")
    write_atomically(store.statement, attestation.encode(whole, data, store.sidecar.name))
    write_atomically(store.sidecar, data)
    return whole
