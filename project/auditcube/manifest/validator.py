"""Sidecars by themselves: read one, find all below a directory, and say what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from auditcube.errors import EvidenceRejected, InvalidInput
from auditcube.evidence.store import SIDECAR, Store
from auditcube.manifest import attachments, chain, claim, codec, publication, rules
from auditcube.manifest.finding import Finding

_BATCH_BYTES = 1 << 22  # of text that is scanned together
_PIECE = 200  # sidecars that one process checks, and whose texts are scanned together


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


def publication_findings(sidecar: Sidecar, material: publication.Material | None = None) -> list[Finding]:
    """Claims to be fit for publication that a scan does not bear out; for a sidecar with the files that it lists.

    `material` has been looked at already.
    """
    if not publication.claims(sidecar.manifest):
        return []
    root = sidecar.path.parent
    if material is None:
        (material,) = publication.looked_at([publication.Material.of(root, sidecar.manifest)])
    found = publication.problems(root, sidecar.manifest, sidecar.path.name, material)
    return [Finding("redaction", str(sidecar.path), message, pointer) for pointer, message in found]


def statement_findings(sidecar: Sidecar) -> list[Finding]:
    """What a sidecar says of itself that cannot be: times that exclude each other, a claim that the gate refuses."""
    found = list(chain.own_times(sidecar.manifest))
    if sidecar.manifest["claim_status"] == "public":
        found += [chain.Violation("claim", pointer, message) for pointer, message in claim.unmet(sidecar.manifest)]
    return [Finding(code, str(sidecar.path), message, pointer) for code, pointer, message in found]


@dataclass(frozen=True)
class Validation:
    """What was validated, every finding, and the links that nobody could follow: their parents were not given."""

    sidecars: list[Path]
    findings: list[Finding]
    unfollowed: list[Finding]


def validate(paths: list[Path], *, follow: bool = True) -> Validation:
    """Check the sidecars that the paths name (all below a directory), the files they list, and the chain between them.

    A sidecar that stands by itself, under another name than in an output directory, is checked without files. The
    parents of each must be among all of them, but for a single one, which was asked about alone, and without `follow`.
    Raises InvalidInput for a path that is not there, or a directory without a sidecar.
    """
    sidecars = [sidecar for path in paths for sidecar in _sidecars(path)]
    findings: list[Finding] = []
    nodes: list[chain.Node] = []
    for wrong, seen in _in_parallel(sidecars):
        findings += wrong
        nodes += seen
    between = _between(nodes)
    absent = [finding for finding in between if finding.code == "parent_missing" and finding.pointer != "/parents"]
    if follow and len(sidecars) > 1:
        return Validation(sidecars, findings + between, [])
    return Validation(sidecars, findings + [finding for finding in between if finding not in absent], absent)


def _in_parallel(sidecars: Sequence[Path]) -> Iterator[tuple[list[Finding], list[chain.Node]]]:
    """What is wrong with each sidecar by itself, in order; many of them by as many processes as there are CPUs."""
    pieces = [sidecars[start : start + _PIECE] for start in range(0, len(sidecars), _PIECE)]
    workers = min(len(pieces), len(os.sched_getaffinity(0)))
    if workers < 2:
        yield from map(_by_themselves, pieces)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        yield from pool.map(_by_themselves, pieces)


def _by_themselves(sidecars: Sequence[Path]) -> tuple[list[Finding], list[chain.Node]]:
    findings: list[Finding] = []
    nodes: list[chain.Node] = []
    for batch in _batches(map(read_sidecar, sidecars)):
        materials = iter(publication.looked_at([material for _, _, material in batch if material is not None]))
        for sidecar, wrong, material in batch:
            findings += [*sidecar.findings, *wrong]
            if sidecar.manifest:
                findings += statement_findings(sidecar)
                nodes.append(chain.Node.of(str(sidecar.path), sidecar.manifest, sidecar.data))
            if material is not None:
                findings += publication_findings(sidecar, next(materials))
            elif _alone(sidecar):
                found = publication.problems_alone(sidecar.manifest, sidecar.path.name)
                findings += [Finding("redaction", str(sidecar.path), message, pointer) for pointer, message in found]
    return findings, nodes


def _between(nodes: list[chain.Node]) -> list[Finding]:
    """What is wrong between sidecars; one under another name is a copy, and its chain is elsewhere."""
    family = chain.Family(nodes)
    return [
        Finding(code, node.where, message, pointer)
        for node in family.nodes
        if Path(node.where).name == SIDECAR
        for code, pointer, message in family.violations(node)
    ]


_Item = tuple[Sidecar, list[Finding], "publication.Material | None"]
"""A sidecar, what is wrong with its files, and what a scan is to look at, if at anything."""


def _batches(sidecars: Iterable[Sidecar]) -> Iterator[list[_Item]]:
    """Sidecars that are scanned together."""
    batch: list[_Item] = []
    size = 0
    for sidecar in sidecars:
        listed = sidecar.path.name == SIDECAR and "artifacts" in sidecar.manifest
        wrong = file_findings(sidecar) if listed else []
        scanned = sidecar.manifest and not wrong and not _alone(sidecar) and publication.claims(sidecar.manifest)
        material = publication.Material.of(sidecar.path.parent, sidecar.manifest) if scanned else None
        batch.append((sidecar, wrong, material))
        size += len(material.text or b"") if material is not None else 0
        if size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def _alone(sidecar: Sidecar) -> bool:
    """Whether a sidecar lists files and is a copy without them."""
    return sidecar.path.name != SIDECAR and "artifacts" in sidecar.manifest


def _sidecars(path: Path) -> list[Path]:
    if not os.path.lexists(path):
        raise InvalidInput(f"{path}: no such file or directory")
    if not path.is_dir():
        return [path]
    found = sorted(Path(folder) / SIDECAR for folder, _, names in os.walk(path) if SIDECAR in names)
    if not found:
        raise InvalidInput(f"{path}: no {SIDECAR} in it or below")
    return found
