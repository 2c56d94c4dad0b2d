"""Check that an audit and the reference it started from belong together."""

from __future__ import annotations

from auditcube.evidence.store import SIDECAR
from auditcube.manifest import chain
from auditcube.manifest.differences import differing_keys
from auditcube.verification.checked import Checked


def check_parents(checked: Checked, reference: Checked | None) -> None:
    """Follow the chain to the reference, if this task had one or is said to have."""
    before = len(checked.findings)
    here = _node(checked)
    family = chain.Family([here, *([_node(reference)] if reference is not None and reference.manifest else [])])
    for code, pointer, message in family.violations(here):
        keys = _differing(checked, reference) if pointer.startswith("/config_hashes") else ""
        if reference is not None and code == "parent_missing" and pointer != "/parents":
            code, message = "parent_digest", f"{message}, not from {reference.store.sidecar}"
        checked.find(code, SIDECAR, f"{message}{keys}", pointer)
    if reference is None or len(checked.findings) > before:
        return
    if not here.parents:
        checked.find("parent_digest", SIDECAR, f"did not start from {reference.store.sidecar}", "/parents")
        return
    between = chain.gap(here, _node(reference))
    after = f", and began {between.total_seconds():.1f} s after it" if between is not None else ""
    told = "with the same config, data set, endpoint and image"
    checked.checks.append(f"the reference is {reference.manifest['run_id']}, {told}{after}")


def _node(checked: Checked) -> chain.Node:
    return chain.Node.of(str(checked.store.sidecar), checked.manifest, checked.data)


def _differing(one: Checked, other: Checked | None) -> str:
    """The keys in which two configs differ, for a message."""
    if other is None or one.plan is None or other.plan is None:
        return ""
    names = differing_keys(one.plan.effective(), other.plan.effective())
    return f": {', '.join(names)}" if names else ""
