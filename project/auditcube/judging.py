"""`review`: all that is below a place recomputed and held together, and a reviewer's judgement as a new statement."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.errors import EvidenceRejected, ExitCode, InvalidInput
from auditcube.evidence.files import file_bytes, write_atomically
from auditcube.evidence.store import SIDECAR, Store, keep_apart
from auditcube.manifest import build, chain, provenance, surroundings
from auditcube.manifest.claim import RANK
from auditcube.manifest.finding import Finding
from auditcube.manifest.sealing import artifacts_of, seal
from auditcube.manifest.statement import Judgement, members, statement
from auditcube.manifest.validator import read_sidecar, validate
from auditcube.report import render_review
from auditcube.verification import check
from auditcube.verification.checked import Checked, Verification

_WORST = (ExitCode.RUN_BROKEN, ExitCode.FAIL, ExitCode.INCONCLUSIVE)


@dataclass(frozen=True)
class Reviewed:
    """What a pass over a tree came to: each result with its outcome, every finding, and the sidecars by their digest.

    `heads` are those that no other one started from: to name them is to name all; `verdicts` are those that were
    recomputed, by the path of their result.
    """

    results: list[dict[str, Any]]
    verdicts: dict[str, tuple[dict[str, Any], ...]]
    findings: list[Finding]
    heads: list[chain.Node]

    @property
    def exit_code(self) -> ExitCode:
        """Rejected evidence, or the worst that the results say."""
        if self.findings:
            return ExitCode.EVIDENCE_REJECTED
        codes = {result["exit_code"] for result in self.results}
        return next((code for code in _WORST if code in codes), ExitCode.PASS)

    def to_json(self) -> dict[str, Any]:
        return {
            "exit_code": int(self.exit_code),
            "results": self.results,
            "findings": [finding.to_json() for finding in self.findings],
        }


def review(root: Path) -> Reviewed:
    """Validate every sidecar in or below `root`, follow the chain between them, and recompute each result.

    Raises InvalidInput if there is none, or no such directory.
    """
    if not root.is_dir():
        raise InvalidInput(f"{root}: no such directory")
    found = validate([root])
    folders = [path.parent for path in found.sidecars if path.name == SIDECAR]
    nodes = []
    for folder in folders:
        sidecar = read_sidecar(folder / SIDECAR)
        if sidecar.manifest:
            nodes.append(chain.Node.of(str(sidecar.path), sidecar.manifest, sidecar.data))
    family = chain.Family(nodes)
    checked = [_recomputed(family, Path(node.where).parent, node) for node in family.nodes]
    told = [finding for one in checked for finding in one.findings]
    results = [_result(root, node, one) for node, one in zip(family.nodes, checked, strict=True)]
    verdicts = {told["path"]: Verification([one]).verdicts for told, one in zip(results, checked, strict=True)}
    return Reviewed(results, verdicts, list(dict.fromkeys([*found.findings, *told])), family.heads())


def _recomputed(family: chain.Family, folder: Path, node: chain.Node) -> Checked:
    """One result, with the reference that it started from if it makes runs of its own."""
    if node.members["mlcube_task"] != "run_audit":
        return check(Store(folder))
    parent = next((known for entry in node.parents if (known := family.parent(entry)) is not None), None)
    return check(Store(folder), None if parent is None else check(Store(Path(parent.where).parent)))


def _result(root: Path, node: chain.Node, checked: Checked) -> dict[str, Any]:
    verification = Verification([checked])
    return {
        "path": Path(node.where).parent.relative_to(root).as_posix(),
        "task": node.members["mlcube_task"],
        "benchmark": node.members["benchmark"],
        "claim_status": node.members["claim_status"],
        "manifest_sha256": node.sha256,
        "exit_code": int(verification.exit_code),
        "outcomes": {verdict["test"]: verdict["outcome"] for verdict in verification.verdicts},
    }


def page(root: Path, reviewed: Reviewed, output: Path) -> None:
    """Write what a review of `root` came to as an HTML page."""
    findings = [_relative(finding, root) for finding in reviewed.findings]
    told = {**reviewed.to_json(), "findings": findings}
    write_atomically(output, render_review(root.resolve().name, told, reviewed.verdicts))


def judge(root: Path, judgement: Judgement, output_dir: Path, overwrite: bool, environ: Mapping[str, str]) -> Reviewed:
    """Review `root`, and write the judgement of it and a sidecar, whose parents are what was judged, to `output_dir`.

    Raises EvidenceRejected for an acceptance of evidence that does not hold, InvalidInput if nothing there is readable.
    """
    keep_apart(output_dir, root)
    started_on, started_ns = provenance.utc_now(), time.monotonic_ns()
    reviewed = review(root)
    if judgement.judgement == "accepted" and reviewed.findings:
        more = f"; and {len(reviewed.findings) - 1} more" if len(reviewed.findings) > 1 else ""
        raise EvidenceRejected(f"{root}: cannot be accepted: {reviewed.findings[0]}{more}")
    if not reviewed.heads:
        raise InvalidInput(f"{root}: holds no sidecar that can be read, so there is nothing to name by its digest")
    store = Store(output_dir)
    store.check_usable(overwrite)
    store.clear()
    subjects = {Path(node.where).relative_to(root).as_posix(): node.sha256 for node in reviewed.heads}
    findings = [_relative(finding, root) for finding in reviewed.findings]
    told = statement(judgement, subjects, reviewed.results, findings)
    write_atomically(store.review, file_bytes(told))
    timing = build.Timing(started_on, provenance.utc_now(), time.monotonic_ns() - started_ns)
    manifest = _manifest(store, reviewed, told, timing, environ)
    claims = [node.members["claim_status"] for node in reviewed.heads]
    seal(store, manifest, claims=claims)
    return reviewed


def _relative(finding: Finding, root: Path) -> dict[str, str]:
    """A finding whose path says nothing of where the reviewer keeps things."""
    told = finding.to_json()
    return {name: value.replace(f"{root}/", "") for name, value in told.items()}


def _manifest(
    store: Store, reviewed: Reviewed, told: Mapping[str, Any], timing: build.Timing, environ: Mapping[str, str]
) -> dict[str, Any]:
    claims = (node.members["claim_status"] for node in reviewed.heads)
    derived = {
        **members(told),
        "claim_status": min(claims, key=RANK.__getitem__),
        "non_claims": list(build.NON_CLAIMS),
        "result_paths": [store.review.name],
    }
    parents = [
        {
            "task": node.members["mlcube_task"],
            **({"run_id": node.members["run_id"]} if "run_id" in node.members else {}),
            "manifest_sha256": node.sha256,
        }
        for node in reviewed.heads
    ]
    return build.manifest(
        task="review",
        run_id=provenance.new_run_id(),
        identity=surroundings.identity(None, environ),
        timing=timing,
        dataset_refs=derived["dataset_refs"],
        artifacts=artifacts_of(store),
        parents=parents,
        derived=derived,
        provenance=provenance.provenance(timing.finished_on),
        environment=provenance.environment(environ),
    )
