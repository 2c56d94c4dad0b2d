"""What a submitter may claim: `claim_status` is a gate, and follows from the sidecar, never from a wish. Pure.

A config asks for a status. `internal` and `diagnostic` are free to anyone; `public` is granted only where everything
holds that a stranger needs. A sidecar claims no more than any that its task started from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

RANK: Mapping[str, int] = {"diagnostic": 0, "internal": 1, "public": 2}
_FIT = ("safe_for_public_log", "redacted")
_DIGESTS = (
    *("config_digest", "manifest_digest", "index_digest", "repo_digests"),
    *("sif_sha256", "squashfs_sha256"),
)
_JUDGED = ("audit", "run_audit")
FULL_DURATION_S = 600.0  # MLPerf's least duration of a performance run, in every round


def granted(wanted: str, manifest: Mapping[str, Any], parents: Iterable[str] = ()) -> str:
    """The status that a sidecar has: the one wanted, or less where the gate or a parent's status allows only that.

    `manifest` needs no `claim_status` yet; `parents` are the statuses of those that it started from.
    """
    status = "internal" if wanted == "public" and any(True for _ in unmet(manifest)) else wanted
    return min([status, *parents], key=RANK.__getitem__)


def unmet(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What `public` needs and a sidecar does not have, as pointer and message."""
    yield from _outcome(manifest)
    yield from _origin(manifest)
    for number, ref in enumerate(refs := manifest["dataset_refs"]):
        if "digest" not in ref:
            yield f"/dataset_refs/{number}", "public needs the data set's digest"
    if not refs:
        yield "/dataset_refs", "public needs a data set, with its digest"
    if manifest["redaction_status"] not in _FIT:
        yield "/redaction_status", f"public needs a clean scan, and it is {manifest['redaction_status']}"
    yield from _durations(manifest)


def _outcome(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    verdicts = manifest.get("verdicts", [])
    if manifest.get("task_status") != {"state": "completed", "exit_code": 0}:
        yield "/task_status", "public needs a task that completed with exit code 0"
    for number, verdict in enumerate(verdicts):
        if verdict["outcome"] != "PASS":
            yield f"/verdicts/{number}/outcome", f"public needs PASS, and {verdict['test']} is {verdict['outcome']}"
    if manifest["mlcube_task"] in _JUDGED and not verdicts:
        yield "/verdicts", "public needs a verdict"


def _origin(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    told = manifest["provenance"]
    if told.get("dirty") is not False:
        yield "/provenance/dirty", "public needs a clean working tree, of which it is known that it is clean"
    if not told.get("commit") or told["commit"] in ("unknown", "none"):
        yield "/provenance/commit", "public needs the commit that ran"
    image = manifest.get("image_identity", {})
    if not any(name in image for name in _DIGESTS):
        yield "/image_identity", "public needs a digest of the image that the task ran in"
    if image.get("contradictions"):
        yield "/image_identity/contradictions", "public needs an image that nothing contradicts"


def _durations(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every run that was measured here lasted as long as MLPerf wants; who only looks at runs has none."""
    lasted = manifest.get("run_durations_ns", {})
    wanted = f"public needs runs of {FULL_DURATION_S:g} s"
    for label, duration_ns in lasted.items():
        if duration_ns < FULL_DURATION_S * 1e9:
            yield f"/run_durations_ns/{label}", f"{wanted}, and {label} is {duration_ns / 1e9:.1f} s"
    if not lasted and manifest["mlcube_task"] not in ("verify", "review"):
        yield "/run_durations_ns", f"{wanted}, and none is told"
