"""Check that an audit and the reference it started from belong together."""

from __future__ import annotations

from typing import Any

from auditcube.evidence.store import SIDECAR
from auditcube.manifest import build
from auditcube.manifest.differences import differing_keys
from auditcube.verification.checked import Checked


def check_parents(checked: Checked, reference: Checked | None) -> None:
    """Follow the chain to the reference, if this task had one."""
    parents = checked.manifest.get("parents", [])
    if not parents and checked.manifest["mlcube_task"] == "run_audit":
        checked.find("parent_missing", SIDECAR, "names no reference that it started from", "/parents")
    if reference is None:
        for number, entry in enumerate(parents):
            told = f"started from {entry['task']} {entry['run_id']}"
            checked.find("parent_missing", SIDECAR, told, f"/parents/{number}")
        return
    if not reference.manifest or parents != [_link(reference)]:
        checked.find(
            "parent_digest", SIDECAR, f"started from another sidecar than {reference.store.sidecar}", "/parents"
        )
    for problem in _differences(checked, reference):
        checked.find("pair_mismatch", SIDECAR, problem)
    if not checked.findings:
        checked.checks.append(f"the reference is {parents[0]['run_id']}, with the same config and data set")


def _link(reference: Checked) -> dict[str, Any]:
    """What an audit that started from this reference says; one that was made from a copy's original names that."""
    link = build.parent(reference.manifest, reference.data)
    original = reference.manifest.get("redaction", {}).get("original", {})
    return {**link, **{name: original[name] for name in ("manifest_sha256",) if name in original}}


def _differences(one: Checked, other: Checked) -> list[str]:
    """Why two directories are no pair."""
    if one.plan is None or other.plan is None:
        return ["one of the two has no readable config"]
    found = [f"{name} differs" for name in differing_keys(one.plan.effective(), other.plan.effective())]
    refs = [list(map(build.without_status, part.manifest["dataset_refs"])) for part in (one, other)]
    if refs[0] != refs[1]:
        found.append("the data set differs")
    return found
