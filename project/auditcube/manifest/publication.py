"""Whether an output directory may be published: what a scan of all that would be says, and nothing else.

`declare` is for the task that writes a sidecar, `problems` for whoever checks one: both scan. What nobody could look
at is never called safe.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from auditcube.manifest.shapes import RULE, misshapen
from auditcube.scan import pack
from auditcube.scan.files import Looked, leak_in_json, look_at_file
from auditcube.scan.look import Leaf, LeafHit, leaves, look_at_leaves, withheld

SAFE, REDACTED, FINDINGS, NOT_SCANNED = "safe_for_public_log", "redacted", "contains_findings", "not_scanned"
_OWN = ("redaction", "redaction_status", "manifest_digest")
_TOLD = 5  # findings that a message names


class Assessment:
    """What a scan of one directory says: the members that follow from it, and what was found."""

    def __init__(self, root: Path, manifest: Mapping[str, Any], name: str) -> None:
        self.looked = Looked()
        for path in _published(root, manifest):
            look_at_file(root / path, path, self.looked)
        own = own_leaves(manifest)
        self._of_manifest = manifest_hits(own)
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


def declare(root: Path, manifest: dict[str, Any], name: str) -> dict[str, Any]:
    """The manifest, whose files are in `root`, with the statuses and the record of a scan made now."""
    found = Assessment(root, manifest, name)
    refs = [{**ref, "redaction_status": found.status_of_ref(n)} for n, ref in enumerate(manifest["dataset_refs"])]
    return {**manifest, "dataset_refs": refs, "redaction_status": found.status, "redaction": found.redaction}


def problems(root: Path, manifest: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    """Claims of a sidecar that a scan does not bear out, as pointer and message.

    Who claims nothing is not scanned. Rules of another version may find other things: then only a claim to be fit for
    publication is held against ours.
    """
    claims = (SAFE, REDACTED)
    status = manifest["redaction_status"]
    refs = [ref["redaction_status"] for ref in manifest["dataset_refs"]]
    if status == NOT_SCANNED and "redaction" not in manifest and not set(refs) & set(claims):
        return []
    found = Assessment(root, manifest, name)
    told = manifest.get("redaction", {})
    ours = told.get("rules_digest") == {"sha256": pack.digest()}
    said = []
    if status != found.status and (status in claims or ours):
        said.append(("/redaction_status", f"claims {status}; a scan says {found.status}{_examples(found)}"))
    elif ours and told != found.redaction:
        said.append(("/redaction", "does not follow from a scan with the same rules"))
    for number, claim in enumerate(refs):
        if claim in claims and claim != (derived := found.status_of_ref(number)):
            pointer = f"/dataset_refs/{number}/redaction_status"
            said.append((pointer, f"claims {claim}; a scan of this entry says {derived}"))
    return said + [("/redaction/withheld", text) for text in _unmarked(root, manifest)]


def _examples(found: Assessment) -> str:
    places = [str(leak) for leak in found.leaks[:_TOLD]]
    places += [f"{path} {why}" for path, why in found.looked.skipped[:_TOLD]]
    more = len(found.leaks) - _TOLD
    return (": " + "; ".join(places) if places else "") + (f"; and {more} more" if more > 0 else "")


def own_leaves(manifest: Mapping[str, Any]) -> list[Leaf]:
    """The leaves of a manifest that a scan looks at: all but what it says of the scan itself."""
    return list(leaves({name: value for name, value in manifest.items() if name not in _OWN}))


def manifest_hits(own: Iterable[Leaf]) -> list[LeafHit]:
    """What the rules find in a manifest's leaves, and leaves of an unexpected form."""
    own = list(own)
    found = look_at_leaves(own)
    known = {hit.pointer for hit in found}
    strange = (leaf for leaf in misshapen(own) if leaf.pointer not in known)
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
    return path.read_bytes().decode("utf-8", "replace")
