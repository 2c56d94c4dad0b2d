"""Output directories to spoil: a copy of a real one, edited as an attacker would, with every digest made right again.

Shares no code with what it tests: the digests are computed here from their description.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rfc8785

SIDECAR = "mlcube.run_audit.json"
STATEMENT = "mlcube.run_audit.intoto.json"
_ZEROS = "0" * 64

Record = dict[str, Any]


class Bundle:
    """One output directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def copied(cls, source: Path, to: Path) -> Bundle:
        return cls(Path(shutil.copytree(source, to, symlinks=True)))

    @property
    def sidecar(self) -> Path:
        return self.root / SIDECAR

    @property
    def manifest(self) -> Record:
        value: Record = json.loads(self.sidecar.read_text("utf-8"))
        return value

    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def write(self, manifest: Record) -> None:
        """Write the sidecar, with the right digests of itself and of its list."""
        manifest.update(with_listing(manifest))
        self.write_as_it_is(manifest)

    def write_as_it_is(self, manifest: Record) -> None:
        """Write the sidecar, with the right digest of itself alone, and the statement about it."""
        self.put(sealed(manifest))

    def put(self, data: bytes) -> None:
        """Write a sidecar as these bytes, and the statement about it where they are one."""
        self.sidecar.write_bytes(data)
        try:
            (self.root / STATEMENT).write_bytes(dumps(statement(json.loads(data), sha256(self.sidecar))))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return

    def claim(self, change: Callable[[Record], object]) -> None:
        """Change the sidecar."""
        manifest = self.manifest
        change(manifest)
        self.write(manifest)

    def seal(self) -> None:
        """Make all digests right again: of the files that are there and listed, and of the config."""
        manifest = self.manifest
        for entry in manifest["artifacts"]:
            if (path := self.root / entry["path"]).is_file():
                entry.pop("digest_jcs", None)
                entry.update(size=path.stat().st_size, digest={"sha256": sha256(path)}, **said(path))
        self.write(manifest)

    def unlist(self, prefix: str) -> None:
        """Remove files, and every trace of them in the list of artifacts."""
        for path in self.files():
            if path.relative_to(self.root).as_posix().startswith(prefix):
                path.unlink()
        for folder in sorted((path for path in self.root.rglob("*") if path.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
        self.claim(lambda m: m.update(artifacts=[e for e in m["artifacts"] if not e["path"].startswith(prefix)]))

    def list_file(self, path: str, role: str, media_type: str) -> None:
        """Add a file that is there to the list."""
        digest = {"sha256": sha256(self.root / path)}
        size = (self.root / path).stat().st_size
        entry = {"role": role, "path": path, "size": size, "media_type": media_type, "digest": digest}
        entry.update(said(self.root / path))
        self.claim(lambda m: m.update(artifacts=sorted([*m["artifacts"], entry], key=lambda e: str(e["path"]))))

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a text, and seal."""
        text = (self.root / path).read_text("utf-8")
        assert old in text
        (self.root / path).write_text(text.replace(old, new, 1), "utf-8")
        self.seal()

    def edit(self, path: str, change: Callable[[Any], object]) -> None:
        """Change the value in a JSON file, and seal."""
        value = json.loads((self.root / path).read_text("utf-8"))
        change(value)
        (self.root / path).write_bytes(dumps(value))
        self.seal()

    def records(self, path: str, change: Callable[[list[Record]], object]) -> None:
        """Change the records of an event file, and seal."""
        records = [json.loads(line) for line in (self.root / path).read_text("utf-8").splitlines()]
        change(records)
        lines = [json.dumps(record, separators=(",", ":")) + "\n" for record in records]
        (self.root / path).write_text("".join(lines), "utf-8")
        self.seal()


def with_listing(manifest: Record) -> Record:
    """The sidecar with the right digest of its list."""
    if "directory_digest" not in manifest:
        return manifest
    digests = {str(entry["path"]): entry["digest"]["sha256"] for entry in manifest["artifacts"]}
    listing = "".join(f"{digests[path]}  {path}\n" for path in sorted(digests, key=str.encode))
    return {**manifest, "directory_digest": {"dirHash1": hashlib.sha256(listing.encode()).hexdigest()}}


def statement(manifest: Record, digest: str) -> Record:
    """The unsigned statement about a sidecar of this digest."""
    files = [{"name": entry["path"], "digest": entry["digest"]} for entry in manifest.get("artifacts", [])]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": SIDECAR, "digest": {"sha256": digest}}, *files],
        "predicateType": "urn:mlcube:schema:run_audit:v1",
        "predicate": manifest,
    }


def sealed(manifest: Record) -> bytes:
    """The sidecar's bytes, with the right digest of itself."""
    blank = dumps({**manifest, "manifest_digest": {"sha256": _ZEROS}})
    digest = hashlib.sha256(blank).hexdigest()
    before, mark, after = blank.partition(b'\n  "manifest_digest": {\n    "sha256": "')
    return before + mark + digest.encode() + after[len(digest) :]


def dumps(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def said(path: Path) -> Record:
    """The digest of what a JSON file says; none for another file, and for what is no JSON."""
    try:
        value = json.loads(path.read_text("utf-8")) if path.suffix == ".json" else None
    except ValueError:
        value = None
    return {} if value is None else {"digest_jcs": {"sha256": hashlib.sha256(rfc8785.dumps(value)).hexdigest()}}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
