"""The members of a sidecar, from values: nothing here reads a clock, a file or the surroundings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from auditcube.manifest import digest

_ROLES = {
    "config.yaml": "config",
    "schedule.json": "schedule",
    "summary.json": "summary",
    "report.html": "report",
    "verification.json": "verification",
    "review.json": "review",
    "record.json": "record",
}
_OUTPUTS = "recorded/"  # copies of what a recorded task wrote, under names that are not ours
_MEDIA_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".yaml": "application/yaml",
    ".html": "text/html",
    ".txt": "text/plain",
    ".mp4": "video/mp4",
}
NON_CLAIMS = (
    "The scan for secrets and private data knows the forms that its rules name, and no others.",
    "The digest in this file finds accidents, not forgers; only a signature beside it says who stands for it.",
)


@dataclass(frozen=True)
class Identity:
    """What ran the task: runner, image and hash of mlcube.yaml, each `none` where there is none, and its details."""

    runner: str
    image: str
    mlcube_config_hash: str
    image_identity: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Timing:
    """When a task ran; the duration is of the monotonic clock."""

    started_on: str
    finished_on: str
    monotonic_duration_ns: int


def artifact(path: str, size: int, sha256: str, json_sha256: str | None) -> dict[str, Any]:
    """One entry of `artifacts`; `path` is relative to the sidecar, with forward slashes.

    `json_sha256` is of what a JSON file says (`codec.json_sha256`), None for any other file.
    """
    name = path.rsplit("/", 1)[-1]
    return {
        "role": _role(path, name),
        "path": path,
        "size": size,
        "media_type": _media_type(path, "." + name.rsplit(".", 1)[-1]),
        "digest": {"sha256": sha256},
        **({} if json_sha256 is None else {"digest_jcs": {"sha256": json_sha256}}),
    }


def directory_digest(artifacts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The member of this name: one digest for all files that a sidecar lists."""
    return {"dirHash1": digest.of_directory({entry["path"]: entry["digest"]["sha256"] for entry in artifacts})}


def _media_type(path: str, ending: str) -> str:
    return _MEDIA_TYPES.get(ending, "application/octet-stream") if path.startswith(_OUTPUTS) else _MEDIA_TYPES[ending]


def _role(path: str, name: str) -> str:
    if path.startswith(_OUTPUTS):
        return "output"
    if name in _ROLES:
        return _ROLES[name]
    if name.startswith("mlperf_log_"):
        return "loadgen_log"
    if name.startswith(("verify_", "audit_")) or name.endswith("accuracy.txt"):
        return "audit"
    if name.endswith(".mp4"):
        return "media"
    return "audit" if path.startswith("audit/") else name.split(".", 1)[0]


MEASURED = ("digest", "size", "format", "rows", "samples")


def dataset_ref(
    source_id: str, provenance: str, described: Mapping[str, Any], measured: Mapping[str, Any]
) -> dict[str, Any]:
    """The one entry of `dataset_refs` of a task that makes runs.

    `measured` has what was found in the file, under the names of `MEASURED`.
    `described` is what else the config says of it: `version`, `split`, `license`, `croissant`, or less.
    """
    return {
        "source_id": source_id,
        "kind": "dataset",
        "provenance": provenance,
        "redaction_status": "not_scanned",
        **described,
        **{name: measured[name] for name in MEASURED},
    }


def without_status(ref: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of `dataset_refs` but for what a scan says of it."""
    return {name: value for name, value in ref.items() if name != "redaction_status"}


def parent(manifest: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    """The link to a sidecar that this task started from."""
    digest = hashlib.sha256(data).hexdigest()
    return {"task": manifest["mlcube_task"], "run_id": manifest["run_id"], "manifest_sha256": digest}


def manifest(
    *,
    task: str,
    run_id: str,
    identity: Identity,
    timing: Timing,
    dataset_refs: Iterable[Mapping[str, Any]],
    artifacts: Iterable[Mapping[str, Any]],
    parents: Iterable[Mapping[str, Any]],
    derived: Mapping[str, Any],
    provenance: Mapping[str, Any],
    environment: Mapping[str, Any],
    endpoint_identity: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A whole sidecar but for its own digest. `derived` holds the members that `verify` computes again."""
    endpoint = {} if endpoint_identity is None else {"endpoint_identity": dict(endpoint_identity)}
    image_identity = {} if identity.image_identity is None else {"image_identity": dict(identity.image_identity)}
    return {
        "schema_version": "mlcube.run_audit.v1",
        "mlcube_task": task,
        "runner": identity.runner,
        "image": identity.image,
        "mlcube_config_hash": identity.mlcube_config_hash,
        **image_identity,
        **endpoint,
        "benchmark": derived["benchmark"],
        "dataset_refs": list(dataset_refs),
        "result_paths": derived["result_paths"],
        "provenance": dict(provenance),
        "claim_status": derived["claim_status"],
        "redaction_status": "not_scanned",
        "run_id": run_id,
        "task_status": derived["task_status"],
        **asdict(timing),
        "artifacts": list(artifacts),
        "environment": dict(environment),
        "parents": list(parents),
        **{
            name: derived[name]
            for name in ("config_hashes", "seeds", "verdicts", "headline", "run_durations_ns")
            if name in derived
        },
        "non_claims": derived["non_claims"],
    }
