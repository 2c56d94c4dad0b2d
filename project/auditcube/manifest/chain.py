"""What must hold between a sidecar and the one that its task started from. Pure.

reference -> audit -> verify -> review: each names its parents by the digest of their bytes, so that whoever changes one
sidecar must change all that follow from it. What has to be the same along the chain is held against each other here,
member by member: then it is told which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from auditcube.manifest import canonical
from auditcube.manifest.build import without_status
from auditcube.manifest.claim import RANK

# A clock may be set while tasks run on one cluster; a reviewer's is another machine's.
_SKEW = {"run_audit": timedelta(seconds=5)}
_OTHER_SKEW = timedelta(minutes=5)
# An endpoint that was asked yesterday may be another one today, and the two runs are compared.
MAX_GAP = timedelta(hours=24)

_CONFIG = ("chain_config", ("/config_hashes/effective_config", "/benchmark"))
_DATASET = ("chain_dataset", ("/dataset_refs",))
_ENDPOINT = ("chain_endpoint", ("/endpoint_identity",))
_IMAGE = (
    "chain_image",
    (
        *("/runner", "/image", "/mlcube_config_hash", "/image_identity/config_digest", "/image_identity/repo_digests"),
        *("/image_identity/manifest_digest", "/image_identity/index_digest"),
        *("/image_identity/sif_sha256", "/image_identity/squashfs_sha256"),
    ),
)
# By task: what it has in common with each of its parents. Who verifies may do so in another place.
SAME: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "run_audit": (_CONFIG, _DATASET, _ENDPOINT, _IMAGE),
    "verify": (_CONFIG, _DATASET, _ENDPOINT),
}
_UNTOLD = (None, "none")
_MEMBERS = (
    *("mlcube_task", "run_id", "started_on", "finished_on", "config_hashes", "benchmark", "dataset_refs"),
    *("endpoint_identity", "runner", "image", "mlcube_config_hash", "image_identity", "claim_status", "parents"),
    "redaction",
)


class Violation(NamedTuple):
    """A rule that a sidecar breaks: its code, the member of the sidecar, and what is wrong."""

    code: str
    pointer: str
    message: str


@dataclass(frozen=True)
class Node:
    """What the chain looks at in one sidecar; `sha256` is of its bytes."""

    where: str
    members: Mapping[str, Any]
    sha256: str

    @classmethod
    def of(cls, where: str, manifest: Mapping[str, Any], data: bytes) -> Node:
        """The node of a sidecar whose form is right; `where` names it in messages."""
        members = {name: manifest[name] for name in _MEMBERS if name in manifest}
        return cls(where, members, hashlib.sha256(data).hexdigest())

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests under which others may name it: of a redacted copy also its original's."""
        original = self.members.get("redaction", {}).get("original", {}).get("manifest_sha256")
        return (self.sha256,) if original is None else (self.sha256, original)

    @property
    def parents(self) -> list[Mapping[str, Any]]:
        return list(self.members.get("parents", ()))

    def at(self, pointer: str) -> Any:
        """The value of a member by its pointer, None where it is not there; a data set without what a scan says."""
        value: Any = self.members
        for part in pointer.split("/")[1:]:
            value = value.get(part) if isinstance(value, Mapping) else None
        return [without_status(ref) for ref in value] if pointer == "/dataset_refs" and value else value

    def withholds(self, pointer: str) -> bool:
        """Whether parts of a member are withheld in this copy, so that nobody can compare it."""
        entries = self.members.get("redaction", {}).get("withheld", ())
        places = [entry.get("pointer", "") for entry in entries if entry["path"] == ""]
        return any(place == pointer or place.startswith(f"{pointer}/") for place in places)


class Family:
    """Sidecars by the names under which others may call them their parents."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = tuple(nodes)
        self._by_digest = {digest: node for node in self.nodes for digest in node.digests}
        self._by_run: dict[str | None, Node] = {
            node.members["run_id"]: node for node in self.nodes if "run_id" in node.members
        }

    def violations(self, child: Node) -> Iterator[Violation]:
        """Everything that is wrong between a sidecar and its parents; a parent that is not here is one, too."""
        yield from _of_parents(child)
        for number, entry in enumerate(child.parents):
            at = f"/parents/{number}"
            parent = self.parent(entry)
            if parent is not None:
                yield from link(child, number, parent)
            elif (named := self._by_run.get(entry.get("run_id"))) is not None:
                told = f"{named.where} is of this run, but has another digest: it was changed later, or exchanged"
                yield Violation("parent_digest", f"{at}/manifest_sha256", told)
            else:
                yield Violation("parent_missing", at, f"started from {entry['task']} {entry.get('run_id', '')}")

    def parent(self, entry: Mapping[str, Any]) -> Node | None:
        """The sidecar that an entry of `parents` names by its digest, if it is here."""
        return self._by_digest.get(entry["manifest_sha256"])

    def heads(self) -> list[Node]:
        """The sidecars that no other one started from."""
        named = {entry["manifest_sha256"] for node in self.nodes for entry in node.parents}
        return [node for node in self.nodes if named.isdisjoint(node.digests)]


def _of_parents(child: Node) -> Iterator[Violation]:
    """What a task's list of parents must be, whoever they are."""
    task, count = child.members["mlcube_task"], len(child.parents)
    if task == "run_audit" and count != 1:
        yield Violation("parent_missing", "/parents", "names no reference that it started from, or more than one")
    if task in ("verify", "review") and not count:
        yield Violation("parent_missing", "/parents", f"is of a {task} that names nothing it looked at")
    if task in ("audit", "run_reference") and count:
        yield Violation("parent_digest", "/parents", f"is of a task {task}, which starts from nothing")


def link(child: Node, number: int, parent: Node) -> Iterator[Violation]:
    """What is wrong between a sidecar and the one that it names as its parent of this number, by its digest."""
    entry, at = child.parents[number], f"/parents/{number}"
    for name, member in (("task", "mlcube_task"), ("run_id", "run_id")):
        if entry.get(name) != parent.members.get(member):
            yield Violation("parent_digest", f"{at}/{name}", f"is not that of {parent.where}")
    for code, pointers in SAME.get(child.members["mlcube_task"], ()):
        for pointer in pointers:
            if _differ(child, parent, pointer):
                yield Violation(code, pointer, f"is another than in {parent.where}, which it started from")
    if RANK[child.members["claim_status"]] > RANK[parent.members["claim_status"]]:
        yield Violation("claim", "/claim_status", f"claims more than {parent.where}, which it started from")
    yield from _times(child, parent)


def _differ(child: Node, parent: Node, pointer: str) -> bool:
    one, other = child.at(pointer), parent.at(pointer)
    if pointer == "/mlcube_config_hash" and (one in _UNTOLD or other in _UNTOLD):
        return False
    return not (canonical.same(one, other) or child.withholds(pointer) or parent.withholds(pointer))


def gap(child: Node, parent: Node) -> timedelta | None:
    """How long after its parent's end a task began, negative where it began before; None where nobody can say."""
    try:
        finished = datetime.fromisoformat(parent.members["finished_on"].replace("Z", "+00:00"))
        return datetime.fromisoformat(child.members["started_on"].replace("Z", "+00:00")) - finished
    except (KeyError, ValueError):
        return None


def _times(child: Node, parent: Node) -> Iterator[Violation]:
    between = gap(child, parent)
    task = child.members["mlcube_task"]
    if between is None:
        yield Violation("time_order", "/started_on", f"does not tell whether it began after {parent.where} had ended")
    elif between < -_SKEW.get(task, _OTHER_SKEW):
        told = f"began {-between.total_seconds():.0f} s before {parent.where} had ended, which it started from"
        yield Violation("time_order", "/started_on", told)
    elif task == "run_audit" and between > MAX_GAP:
        told = f"began {between.total_seconds() / 3600:.1f} h after {parent.where} had ended"
        yield Violation("time_gap", "/started_on", f"{told}; {MAX_GAP.total_seconds() / 3600:.0f} h are allowed")


def own_times(manifest: Mapping[str, Any]) -> Iterator[Violation]:
    """Times of one sidecar that exclude each other: its end, its beginning and its monotonic duration."""
    if not {"started_on", "finished_on", "monotonic_duration_ns"} <= manifest.keys():
        return
    try:
        started, finished = (datetime.fromisoformat(manifest[n][:-1] + "+00:00") for n in ("started_on", "finished_on"))
    except ValueError:
        yield Violation("time_order", "/finished_on", "is no time, or the beginning is none")
        return
    lasted = timedelta(microseconds=manifest["monotonic_duration_ns"] / 1000)
    if abs(finished - started - lasted) > _SKEW["run_audit"]:
        yield Violation("time_order", "/monotonic_duration_ns", "is not the time between started_on and finished_on")
