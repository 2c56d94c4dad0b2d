"""Whether an output directory may be published: what a scan of all that would be says, and nothing else.

`declare` is for the task that writes a sidecar, `problems` for whoever checks one: both scan. What nobody could look
at is never called safe.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from auditcube.manifest import codec
from auditcube.manifest.shapes import RULE, misshapen
from auditcube.scan import pack
from auditcube.scan.files import Looked, leak_in_json, look_at_file, small_text, text_in
from auditcube.scan.look import Leaf, LeafHit, leaves, look_at_leaves, text_of_json, withheld
from auditcube.scan.quiet import quiet

SAFE, REDACTED, FINDINGS, NOT_SCANNED = "safe_for_public_log", "redacted", "contains_findings", "not_scanned"
_FIT = (SAFE, REDACTED)
_MAX_TOGETHER = 1 << 22  # bytes of one result that are looked at at once
_OWN = ("redaction", "redaction_status", "manifest_digest")
_TOLD = 5  # findings that a message names

Others = Mapping[str, Sequence[bytes]]
"""Of a file, by its path, the only lines that may hold something: whoever read it knows that the others do not."""


class Material(NamedTuple):
    """What a scan of one result looks at: one text with the leaves of its manifest and every file.

    Without a text each file is looked at by itself: one is too large to be held, or none that can be looked at. Where
    the text is `quiet`, nothing is found in any of them.
    """

    text: bytes | None
    quiet: bool = False

    @classmethod
    def of(cls, root: Path, manifest: Mapping[str, Any], others: Others | None = None) -> Material:
        """The material of a sidecar and of the files that are published with it."""
        texts = [text_of_json(_own(manifest))]
        for path in _published(root, manifest):
            lines = (others or {}).get(path)
            text = small_text(root / path) if lines is None else text_in(b"\n".join(lines), path)
            if text is None or sum(map(len, texts)) > _MAX_TOGETHER:
                return cls(None)
            texts.append(text)
        return cls(b"\n\n".join(texts))


class Assessment:
    """What a scan of one directory says: the members that follow from it, and what was found."""

    def __init__(self, root: Path, manifest: Mapping[str, Any], name: str, material: Material) -> None:
        self.looked = Looked()
        if not material.quiet:
            for path in _published(root, manifest):
                look_at_file(root / path, path, self.looked)
        self._of_manifest = manifest_hits(manifest, quiet=material.quiet)
        self.leaks = [*(leak_in_json(hit, name) for hit in self._of_manifest), *self.looked.leaks]
        self._told = manifest.get("redaction", {})

    @property
    def status(self) -> str:
        if self.leaks:
            return FINDINGS
        if self.looked.skipped:
            return NOT_SCANNED
        return REDACTED if self._told.get("withheld") else SAFE

    @property
    def redaction(self) -> dict[str, Any]:
        """The member of this name; what was withheld before, and from what, is handed on."""
        kept = {name: self._told[name] for name in ("original", "withheld") if name in self._told}
        return {
            "policy": "auditcube",
            "policy_version": pack.VERSION,
            "rules_digest": {"sha256": pack.digest()},
            "unscanned": sorted(path for path, _ in self.looked.skipped),
            "findings": dict(sorted(Counter(leak.rule for leak in self.leaks).items())),
            **kept,
        }

    def status_of_ref(self, number: int) -> str:
        """What is to be said of one entry of `dataset_refs`: of the entry, as the data set itself is not published."""
        below = f"/dataset_refs/{number}/"
        if any(hit.pointer.startswith(below) for hit in self._of_manifest):
            return FINDINGS
        kept = (entry.get("pointer", "") for entry in self._told.get("withheld", ()) if entry["path"] == "")
        return REDACTED if any(pointer.startswith(below) for pointer in kept) else SAFE


def declare(root: Path, manifest: dict[str, Any], name: str, others: Others | None = None) -> dict[str, Any]:
    """The manifest, whose files are in `root`, with the statuses and the record of a scan made now."""
    found = Assessment(root, manifest, name, looked_at([Material.of(root, manifest, others)])[0])
    refs = [{**ref, "redaction_status": found.status_of_ref(n)} for n, ref in enumerate(manifest["dataset_refs"])]
    return {**manifest, "dataset_refs": refs, "redaction_status": found.status, "redaction": found.redaction}


def claims(manifest: Mapping[str, Any]) -> bool:
    """Whether a sidecar claims something that a scan may bear out or not."""
    statuses = {manifest["redaction_status"], *(ref["redaction_status"] for ref in manifest["dataset_refs"])}
    return manifest["redaction_status"] != NOT_SCANNED or "redaction" in manifest or bool(statuses & set(_FIT))


def looked_at(materials: Sequence[Material]) -> list[Material]:
    """The same, each with the word whether anything at all is found in it; looked at together, which is cheap."""
    found = iter(quiet().of([each.text for each in materials if each.text is not None]))
    return [each._replace(quiet=each.text is not None and next(found)) for each in materials]


def problems(root: Path, manifest: Mapping[str, Any], name: str, material: Material) -> list[tuple[str, str]]:
    """Claims of a sidecar that a scan does not bear out, as pointer and message.

    Who claims nothing is not scanned. Rules of another version may find other things: then only a claim to be fit for
    publication is held against ours.
    """
    if not claims(manifest):
        return []
    status = manifest["redaction_status"]
    refs = [ref["redaction_status"] for ref in manifest["dataset_refs"]]
    found = Assessment(root, manifest, name, material)
    told = manifest.get("redaction", {})
    ours = told.get("rules_digest") == {"sha256": pack.digest()}
    said = []
    if status != found.status and (status in _FIT or ours):
        said.append(("/redaction_status", f"claims {status}; a scan says {found.status}{_examples(found)}"))
    elif ours and told != found.redaction:
        said.append(("/redaction", "does not follow from a scan with the same rules"))
    for number, claim in enumerate(refs):
        if claim in _FIT and claim != (derived := found.status_of_ref(number)):
            pointer = f"/dataset_refs/{number}/redaction_status"
            said.append((pointer, f"claims {claim}; a scan of this entry says {derived}"))
    return said + [("/redaction/withheld", text) for text in _unmarked(root, manifest)]


def problems_alone(manifest: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    """The same of a sidecar that was copied without the files it lists: only what stands in it can be looked at."""
    status = manifest["redaction_status"]
    hits = manifest_hits(manifest) if status in _FIT else []
    return [(hit.pointer, f"claims {status}; a scan finds {leak_in_json(hit, name).rule} here") for hit in hits]


def _examples(found: Assessment) -> str:
    places = [str(leak) for leak in found.leaks[:_TOLD]]
    places += [f"{path} {why}" for path, why in found.looked.skipped[:_TOLD]]
    more = len(found.leaks) - _TOLD
    return (": " + "; ".join(places) if places else "") + (f"; and {more} more" if more > 0 else "")


def own_leaves(manifest: Mapping[str, Any]) -> list[Leaf]:
    """The leaves of a manifest that a scan looks at: all but what it says of the scan itself."""
    return list(leaves(_own(manifest)))


def _own(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in manifest.items() if name not in _OWN}


def manifest_hits(manifest: Mapping[str, Any], *, quiet: bool = False) -> list[LeafHit]:
    """What the rules find in a manifest's leaves, nothing where it is `quiet`, and leaves of an unexpected form."""
    found = [] if quiet else look_at_leaves(own_leaves(manifest))
    known = {hit.pointer for hit in found}
    strange = (leaf for leaf in misshapen(_own(manifest)) if leaf.pointer not in known)
    return found + [LeafHit(RULE, leaf.pointer, 0, len(leaf.text), len(leaf.text), False) for leaf in strange]


def _published(root: Path, manifest: Mapping[str, Any]) -> list[str]:
    """The files beside a sidecar: those that it lists, or else the results that it names and that are there."""
    if "artifacts" in manifest:
        return [entry["path"] for entry in manifest["artifacts"]]
    return [path for path in manifest["result_paths"] if _inside(root, path)]


def _inside(root: Path, path: str) -> bool:
    """Whether a result of a minimal manifest is a regular file in its directory."""
    real = os.path.realpath(root / path)
    return os.path.isfile(real) and os.path.commonpath((real, os.path.realpath(root))) == os.path.realpath(root)


def _unmarked(root: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Things said to be withheld in whose place no mark stands."""
    wanted = Counter((entry["path"], entry["rule"]) for entry in manifest.get("redaction", {}).get("withheld", ()))
    own = "\n".join(leaf.text for leaf in own_leaves(manifest)) if wanted else ""
    missing = []
    for (path, rule), count in sorted(wanted.items()):
        text = own if not path else _text(root / path) if path in _published(root, manifest) else ""
        if text.count(withheld(rule)) < count:
            missing.append(f"{count} marks of {rule} should stand in {path or 'this file'}, and do not")
    return missing


def _text(path: Path) -> str:
    """What a file says; nothing in one too large to be a copy of ours, which holds no mark either."""
    return path.read_bytes().decode("utf-8", "replace") if path.stat().st_size <= codec.MAX_BYTES else ""
