"""A copy of results that may be published: what must not be is withheld, marked, and committed to; the chain holds.

The sidecar of a copy names the sidecar that it was made from by digest, and keeps that one's parents. Whoever has the
private file of salts can show later what stood in a place; without it the commitment gives nothing away.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.errors import EvidenceRejected, InvalidInput, SetupFailed
from auditcube.evidence.files import write_atomically
from auditcube.evidence.store import ATTACHMENTS, SIDECAR, STATEMENT, Store
from auditcube.manifest import attestation, build, codec, publication, schema, validator
from auditcube.scan.files import as_text, discreet
from auditcube.scan.look import withheld as mark
from auditcube.scan.withhold import Item, replace, withhold, withhold_in_json

_SALT_BYTES = 32
_MEDIA = "media"  # in the place of a rule, where a whole video is withheld
# Members of a sidecar that must be what they are: a file under another name, or another digest, would break it.
_FIXED = (
    "schema_version",
    "artifacts",
    "result_paths",
    "run_id",
    "parents",
    "seeds",
    "config_hashes",
    "directory_digest",
)


@dataclass
class Published:
    """What was copied: how many results and files, how much of them is withheld, and where the salts are."""

    results: int = 0
    files: int = 0
    withheld: int = 0
    salts: Path | None = None

    def to_json(self) -> dict[str, Any]:
        salts = None if self.salts is None else str(self.salts)
        return {"results": self.results, "files": self.files, "withheld": self.withheld, "salts": salts}


def publish(source: Path, output: Path, salts_file: Path | None) -> Published:
    """Copy every result in or below `source` to `output`, without what must not be published.

    Only what a sidecar lists is copied. Raises InvalidInput if there is no result or the places overlap, SetupFailed if
    `output` is taken, EvidenceRejected if a result is not intact or cannot be made fit.
    """
    salts_file = salts_file or output.with_name(f"{output.name}.salts.json")
    _check_places(source, output, salts_file)
    found = validator.validate([source], follow=False)
    if broken := [str(finding) for finding in found.findings if finding.code != "redaction"]:
        raise EvidenceRejected("\n".join(broken))
    done, salts = Published(), dict[str, str]()
    for path in found.sidecars:
        _copy(path, output / path.parent.relative_to(source if source.is_dir() else path.parent), done, salts)
    if salts:
        _write_private(salts_file, salts)
        done.salts = salts_file
    return done


def _check_places(source: Path, output: Path, salts_file: Path) -> None:
    here, there = source.resolve(), output.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise InvalidInput(f"{output}: overlaps {source}, which is read here; choose another place to write to")
    if there in salts_file.resolve().parents:
        raise InvalidInput(f"{salts_file}: the salts are private, and must not lie in the copy")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SetupFailed(f"{output}: is already there; choose a new or empty directory")
    if salts_file.exists():
        raise SetupFailed(f"{salts_file}: is already there; see --salts")


def _copy(sidecar: Path, output: Path, done: Published, salts: dict[str, str]) -> None:
    manifest, data = codec.read_json(sidecar)
    store, withheld = Store(output), list[dict[str, Any]]()
    artifacts = []
    for entry in manifest.get("artifacts", ()):
        content = (sidecar.parent / entry["path"]).read_bytes()
        text = as_text(content)
        if text is None and entry["role"] == "media":  # whole: nobody can say what is in a video
            copied = f"{mark(_MEDIA)}\n".encode()
            withheld.append({"path": entry["path"], **_committed(_MEDIA, len(content), content, salts)})
        elif text is None:
            raise EvidenceRejected(f"{sidecar.parent / entry['path']}: is no text, and nobody can say what is in it")
        else:
            clean, items = withhold(text, entry["path"])
            withheld += [_entry(entry["path"], item, salts) for item in items]
            copied = clean if items else content
        write_atomically(output / entry["path"], copied)
        said = codec.json_sha256(copied) if "digest_jcs" in entry else None
        told = {"size": len(copied), "digest": {"sha256": hashlib.sha256(copied).hexdigest()}}
        kept = {name: value for name, value in entry.items() if name != "digest_jcs"}
        artifacts.append({**kept, **told, **({} if said is None else {"digest_jcs": {"sha256": said}})})
    own, items = _withhold_in_manifest(manifest, sidecar)
    withheld += [_entry("", item, salts) for item in items]
    done.results += 1
    done.files += len(artifacts)
    done.withheld += len(withheld)
    if not withheld and publication.declare(sidecar.parent, manifest, sidecar.name) == manifest:
        _copy_attachments(sidecar, store.root)
        write_atomically(store.root / sidecar.name, data)
        return
    if "artifacts" in manifest:
        own["artifacts"] = artifacts
    if "directory_digest" in manifest:
        own["directory_digest"] = build.directory_digest(artifacts)
    own["redaction"] = {"original": _original(manifest, data), **({"withheld": withheld} if withheld else {})}
    _write_sidecar(store.root, sidecar.name, own)


def _copy_attachments(sidecar: Path, output: Path) -> None:
    """The statement and the signatures hold for a copy of the same bytes, and for no other."""
    for name in ATTACHMENTS if sidecar.name == SIDECAR else ():
        if (path := sidecar.with_name(name)).is_file():
            write_atomically(output / name, path.read_bytes())


def _original(manifest: Mapping[str, Any], data: bytes) -> dict[str, str]:
    run_id = {"run_id": manifest["run_id"]} if "run_id" in manifest else {}
    return {**run_id, "manifest_sha256": hashlib.sha256(data).hexdigest()}


def _write_sidecar(root: Path, name: str, manifest: dict[str, Any]) -> None:
    copy = publication.declare(root, {n: v for n, v in manifest.items() if n != "manifest_digest"}, name)
    if copy["redaction_status"] not in (publication.SAFE, publication.REDACTED):
        raise EvidenceRejected(f"{root}: something is left that could not be withheld: {copy['redaction']['findings']}")
    encoded = codec.encode(copy)
    if problems := schema.problems(json.loads(encoded)):
        raise EvidenceRejected(f"{root}: the sidecar does not survive without what must be withheld: {problems}")
    if name == SIDECAR:
        write_atomically(root / STATEMENT, attestation.encode(json.loads(encoded), encoded, name))
    write_atomically(root / name, encoded)


def _withhold_in_manifest(manifest: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], list[Item]]:
    own = {name: value for name, value in manifest.items() if name not in ("redaction", "manifest_digest")}
    clean, items = withhold_in_json(own)
    strange = [hit for hit in publication.manifest_hits(clean) if hit.pointer]
    if strange:
        clean, more = withhold_in_json(replace(clean, strange, items))
        items += more
    for item in items:
        if (item.pointer or "").split("/")[1] in _FIXED:
            raise EvidenceRejected(
                f"{path}#{item.pointer}: {item.rule} in a member that cannot be changed; run the task anew"
            )
    return clean, items


def _entry(path: str, item: Item, salts: dict[str, str]) -> dict[str, Any]:
    """What a copy says of one thing withheld; its salt goes to `salts`, under the commitment."""
    place = {"line": item.line, "pointer": None if item.pointer is None else discreet(item.pointer)}
    return {
        "path": path,
        **{name: value for name, value in place.items() if value is not None},
        **_committed(item.rule, len(item.value), item.value.encode("utf-8", "replace"), salts),
    }


def _committed(rule: str, length: int, content: bytes, salts: dict[str, str]) -> dict[str, Any]:
    salt = secrets.token_bytes(_SALT_BYTES)
    commitment = hashlib.sha256(salt + content).hexdigest()
    salts[commitment] = salt.hex()
    return {"rule": rule, "length": length, "commitment": {"sha256": commitment}}


def _write_private(path: Path, salts: Mapping[str, str]) -> None:
    """The salts by commitment, for nobody but their owner to read."""
    text = json.dumps({"about": "salts of the commitments in a redacted copy; keep private", "salts": salts}, indent=2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as problem:
        raise SetupFailed(f"{path}: cannot be written: {problem.strerror}") from problem
