"""Sidecars by themselves: read one, find all below a directory, and say what is wrong with them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.errors import EvidenceRejected, InvalidInput
from auditcube.evidence.store import SIDECAR, Store
from auditcube.manifest import attachments, codec, publication, rules
from auditcube.manifest.finding import Finding


@dataclass(frozen=True)
class Sidecar:
    """A manifest as it was read; `manifest` is empty if its form does not allow more to be said."""

    path: Path
    manifest: dict[str, Any]
    data: bytes
    findings: tuple[Finding, ...]


def read_sidecar(path: Path) -> Sidecar:
    """A sidecar, with every finding about its form: strict JSON, schema, spelling, its own digest."""
    try:
        manifest, data = codec.read_json(path)
    except EvidenceRejected as problem:
        code = "sidecar_malformed" if os.path.lexists(path) else "sidecar_missing"
        return Sidecar(path, {}, b"", (Finding(code, str(path), str(problem).removeprefix(f"{path}: ")),))
    violations = rules.form(manifest, data)
    findings = tuple(Finding(code, str(path), message, pointer) for code, pointer, message in violations)
    return Sidecar(path, {} if findings else manifest, data, findings)


def file_findings(sidecar: Sidecar) -> list[Finding]:
    """What is wrong with the files beside a sidecar that lists them."""
    store = Store(sidecar.path.parent)
    found = rules.artifacts(store.root, sidecar.manifest["artifacts"], store.files())
    found += attachments.problems(store.root, sidecar.manifest, sidecar.data)
    return [Finding(code, str(store.root / path), message) for code, path, message in found]


def publication_findings(sidecar: Sidecar) -> list[Finding]:
    """Claims to be fit for publication that a scan does not bear out; for a sidecar with the files that it lists."""
    found = publication.problems(sidecar.path.parent, sidecar.manifest, sidecar.path.name)
    return [Finding("redaction", str(sidecar.path), message, pointer) for pointer, message in found]


def validate(paths: list[Path]) -> tuple[list[Path], list[Finding]]:
    """The sidecars that the paths name (all below a directory), and every finding about them and the files they list.

    A sidecar that stands alone, under another name than in an output directory, is checked for its form only. Raises
    InvalidInput for a path that is not there, or a directory without a sidecar.
    """
    sidecars = [sidecar for path in paths for sidecar in _sidecars(path)]
    findings: list[Finding] = []
    for path in sidecars:
        sidecar = read_sidecar(path)
        findings += sidecar.findings
        wrong = file_findings(sidecar) if path.name == SIDECAR and "artifacts" in sidecar.manifest else []
        findings += wrong or (publication_findings(sidecar) if sidecar.manifest else [])
    return sidecars, findings


def _sidecars(path: Path) -> list[Path]:
    if not os.path.lexists(path):
        raise InvalidInput(f"{path}: no such file or directory")
    if not path.is_dir():
        return [path]
    found = sorted(Path(folder) / SIDECAR for folder, _, names in os.walk(path) if SIDECAR in names)
    if not found:
        raise InvalidInput(f"{path}: no {SIDECAR} in it or below")
    return found
