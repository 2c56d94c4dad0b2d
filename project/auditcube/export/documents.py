"""Forms that are one JSON document: the minimum of issue 367, an in-toto Statement, SLSA provenance.

Source: mlcommons/mlcube issue 367; in-toto attestation framework, Statement v1 and ResourceDescriptor; SLSA v1.0,
Build Provenance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditcube.export.source import Files, Source, document
from auditcube.manifest import attestation

_REF = ("source_id", "kind", "provenance", "redaction_status")
_PROVENANCE = ("repo", "commit", "created_at")
_MINIMUM = (
    *("schema_version", "mlcube_task", "runner", "image", "mlcube_config_hash", "benchmark", "dataset_refs"),
    *("result_paths", "provenance", "claim_status", "redaction_status"),
)
_SLSA = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "urn:mlcube:build_type:run_audit:v1"
_NOWHERE = ("none", "unknown")


def minimal(source: Source) -> Files:
    """The members that issue 367 asks for, and no others: a strict subset of the sidecar, which the schema accepts."""
    kept = {name: source.manifest[name] for name in _MINIMUM}
    kept["dataset_refs"] = [_only(ref, _REF) for ref in kept["dataset_refs"]]
    kept["provenance"] = _only(kept["provenance"], _PROVENANCE)
    return {"run_audit.json": document(kept)}


def _only(value: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value[name] for name in names}


def in_toto(source: Source) -> Files:
    """The statement that lies beside the sidecar, or would."""
    return {"statement.json": attestation.encode(source.manifest, source.data, source.name)}


def slsa(source: Source) -> Files:
    """The task as a build: what it was given, by digest, who ran it and when, and which files came of it.

    No level of SLSA is claimed: the statement is unsigned, and the builder is the submitter's own machine.
    """
    manifest = source.manifest
    tool = manifest["provenance"].get("tool", {})
    metadata = {
        "invocationId": f"urn:uuid:{manifest['run_id']}" if "run_id" in manifest else None,
        "startedOn": manifest.get("started_on"),
        "finishedOn": manifest.get("finished_on"),
    }
    definition = {
        "buildType": _BUILD_TYPE,
        "externalParameters": {
            **{name: manifest[name] for name in ("mlcube_task", "benchmark", "claim_status")},
            "config_hashes": manifest.get("config_hashes", {}),
        },
        "internalParameters": {name: manifest[name] for name in ("seeds", "environment") if name in manifest},
        "resolvedDependencies": list(_dependencies(manifest)),
    }
    details = {
        "builder": {
            "id": f"urn:mlcube:runner:{manifest['runner']}",
            **({"version": {tool["name"]: tool["version"]}} if tool else {}),
        },
        "metadata": {name: value for name, value in metadata.items() if value is not None},
    }
    return {
        "provenance.json": document(
            {
                "_type": attestation.TYPE,
                "subject": attestation.subjects(manifest, source.data, source.name),
                "predicateType": _SLSA,
                "predicate": {"buildDefinition": definition, "runDetails": details},
            }
        )
    }


def _dependencies(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Resource descriptors of the code, the image, mlcube.yaml, the data sets and the sidecars it started from."""
    repo, commit = manifest["provenance"]["repo"], manifest["provenance"]["commit"]
    if commit not in _NOWHERE:
        uri = {"uri": f"git+{repo}@{commit}"} if repo.startswith("https://") else {}
        yield {"name": "source", **uri, "digest": {"gitCommit": commit}}
    for kind, sha256 in image_digests(manifest):
        yield {"name": f"image {manifest['image']}", "digest": {"sha256": sha256}, "annotations": {"kind": kind}}
    mlcube = manifest["mlcube_config_hash"].removeprefix("sha256:")
    if len(mlcube) == 64:
        yield {"name": "mlcube.yaml", "digest": {"sha256": mlcube}}
    for ref in manifest["dataset_refs"]:
        if "digest" in ref:
            yield {"name": ref["source_id"], "digest": dict(ref["digest"]), "annotations": {"kind": ref["kind"]}}
    for parent in manifest.get("parents", ()):
        yield {"name": f"sidecar of {parent['task']}", "digest": {"sha256": parent["manifest_sha256"]}}


def image_digests(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every digest of the image, with its kind."""
    told = manifest.get("image_identity", {})
    for kind in ("manifest_digest", "index_digest", "config_digest"):
        if kind in told:
            yield kind, told[kind]["sha256"]
    yield from (("repo_digest", entry["sha256"]) for entry in told.get("repo_digests", ()))
    yield from ((kind, told[kind]) for kind in ("sif_sha256", "squashfs_sha256") if kind in told)
