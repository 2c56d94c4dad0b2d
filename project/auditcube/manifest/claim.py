"""What a submitter may claim: `claim_status` is a gate, and follows from the sidecar, never from a wish. Pure.

A config asks for a status. `internal` and `diagnostic` are free to anyone; `public` is granted only where everything
holds that a stranger needs. A sidecar claims no more than any that its task started from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # pydantic takes longer to build these than most commands to do their work
    from auditcube.manifest.model import RunAudit

RANK: Mapping[str, int] = {"diagnostic": 0, "internal": 1, "public": 2}
_FIT = ("safe_for_public_log", "redacted")
_JUDGED = ("audit", "run_audit")
_LOOKING = ("verify", "review")
FULL_DURATION_S = 600.0  # MLPerf's least duration of a performance run, in every round


def granted(wanted: str, manifest: Mapping[str, Any], parents: Iterable[str] = ()) -> str:
    """The status that a sidecar has: the one wanted, or less where the gate or a parent's status allows only that.

    `manifest` follows the schema, whatever its own status says; `parents` are those of what it started from.
    """
    status = "internal" if wanted == "public" and any(True for _ in unmet(manifest)) else wanted
    return min([status, *parents], key=RANK.__getitem__)


def unmet(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What `public` needs and a sidecar that follows the schema does not have, as pointer and message."""
    from auditcube.manifest.model import RunAudit  # see above

    audit = RunAudit.of(manifest)
    yield from _outcome(audit)
    yield from _origin(audit)
    for number, ref in enumerate(audit.dataset_refs):
        if ref.digest is None:
            yield f"/dataset_refs/{number}", "public needs the data set's digest"
    if not audit.dataset_refs and audit.mlcube_task != "review":
        yield "/dataset_refs", "public needs a data set, with its digest"
    if audit.redaction_status not in _FIT:
        yield "/redaction_status", f"public needs a clean scan, and it is {audit.redaction_status}"
    yield from _durations(audit)


def _outcome(audit: RunAudit) -> Iterator[tuple[str, str]]:
    verdicts = audit.verdicts or []
    ended = audit.task_status
    if ended is None or (ended.state, ended.exit_code) != ("completed", 0):
        yield "/task_status", "public needs a task that completed with exit code 0"
    for number, verdict in enumerate(verdicts):
        if verdict.outcome != "PASS":
            yield f"/verdicts/{number}/outcome", f"public needs PASS, and {verdict.test} is {verdict.outcome}"
    if audit.mlcube_task in _JUDGED and not verdicts:
        yield "/verdicts", "public needs a verdict"


def _origin(audit: RunAudit) -> Iterator[tuple[str, str]]:
    if audit.provenance.dirty is not False:
        yield "/provenance/dirty", "public needs a clean working tree, of which it is known that it is clean"
    if audit.provenance.commit in ("unknown", "none"):
        yield "/provenance/commit", "public needs the commit that ran"
    if audit.image_identity is None or not audit.image_identity.has_digest:
        yield "/image_identity", "public needs a digest of the image that the task ran in"
    elif audit.image_identity.contradictions:
        yield "/image_identity/contradictions", "public needs an image that nothing contradicts"


def _durations(audit: RunAudit) -> Iterator[tuple[str, str]]:
    """Every run that was measured here lasted as long as MLPerf wants; who only looks at runs has none."""
    lasted = audit.run_durations_ns or {}
    wanted = f"public needs runs of {FULL_DURATION_S:g} s"
    for label, duration_ns in lasted.items():
        if duration_ns < FULL_DURATION_S * 1e9:
            yield f"/run_durations_ns/{label}", f"{wanted}, and {label} is {duration_ns / 1e9:.1f} s"
    if not lasted and audit.mlcube_task not in _LOOKING:
        yield "/run_durations_ns", f"{wanted}, and none is told"
