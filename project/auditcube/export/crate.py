"""A Process Run Crate: an RO-Crate that tells which program made which files of which inputs, when and where.

The result lies in it whole, below result/, so that `auditcube verify CRATE/result` works; the crate's own file is
beside it, as a file in the result that its sidecar does not list would be refused.

Source: RO-Crate 1.1; Process Run Crate 0.5; the terms of workflow-run for containers and sha256.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from auditcube.errors import InvalidInput
from auditcube.export.documents import image_digests
from auditcube.export.source import Files, Source, document

_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_TERMS = "https://w3id.org/ro/terms/workflow-run#"
_CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {name: f"{_TERMS}{name}" for name in ("ContainerImage", "containerImage", "registry", "sha256")},
]
_IMAGES = {"docker": "DockerImage", "podman": "DockerImage", "singularity": "SIFImage"}
_NO_LICENSE = "The submitter names no license: ask before use."
_ACTION, _TOOL, _IMAGE = "#run", "#tool", "#image"


def files(source: Source) -> Files:
    """The crate's metadata, and every file of the result."""
    names = [source.name, *source.attachments, *(entry["path"] for entry in source.manifest.get("artifacts", ()))]
    copies = {f"result/{name}": PurePosixPath(name) for name in names}
    return {"ro-crate-metadata.json": document({"@context": _CONTEXT, "@graph": _graph(source)}), **copies}


def _graph(source: Source) -> list[dict[str, Any]]:
    results, inputs = _results(source), _inputs(source.manifest)
    image = _image(source.manifest)
    return [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            "about": {"@id": "./"},
        },
        _root(source, results),
        {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        _action(source.manifest, results, inputs, image),
        _tool(source.manifest),
        *results,
        *inputs,
        *image,
        *_license(source),
    ]


def _root(source: Source, results: list[dict[str, Any]]) -> dict[str, Any]:
    manifest = source.manifest
    outcomes = ", ".join(f"{verdict['test']} {verdict['outcome']}" for verdict in manifest.get("verdicts", ()))
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{manifest['benchmark']}: {manifest['mlcube_task']}",
        "description": f"Result of an MLCube task, claimed as {manifest['claim_status']}"
        + (f"; {outcomes}" if outcomes else "; nothing was judged"),
        "datePublished": _time(manifest.get("finished_on", manifest["provenance"]["created_at"])),
        "conformsTo": {"@id": _PROFILE},
        **_links("hasPart", results),
        "mentions": {"@id": _ACTION},
    }
    return root | {"license": {"@id": source.license} if source.license else _NO_LICENSE}


def _action(
    manifest: Mapping[str, Any],
    results: list[dict[str, Any]],
    inputs: list[dict[str, Any]],
    image: list[dict[str, Any]],
) -> dict[str, Any]:
    status = manifest.get("task_status", {"state": "completed", "exit_code": 0})
    action: dict[str, Any] = {
        "@id": _ACTION,
        "@type": "CreateAction",
        "name": f"{manifest['mlcube_task']} of {manifest['benchmark']}",
        "description": f"Ran by {manifest['runner']}; exit code {status['exit_code']}",
        "instrument": {"@id": _tool(manifest)["@id"]},
        **_links("object", inputs),
        **_links("result", results),
    }
    times = {"startTime": "started_on", "endTime": "finished_on"}
    action |= {theirs: _time(manifest[ours]) for theirs, ours in times.items() if ours in manifest}
    if "task_status" in manifest:
        done = status["state"] == "completed"
        action["actionStatus"] = f"http://schema.org/{'Completed' if done else 'Failed'}ActionStatus"
        if not done:
            action["error"] = f"{status['state']}, exit code {status['exit_code']}"
    return action | ({"containerImage": {"@id": _IMAGE}} if image else {})


def _time(text: str) -> str:
    """A time as RO-Crate's profiles have it, to the millisecond."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,3})\d*)?(Z|[+-]\d\d:\d\d)", text)
    if found is None:
        raise InvalidInput("the sidecar's provenance.created_at is no time, and a crate needs one")
    return f"{found[1]}.{found[2] or '0':0<3}{found[3].replace('Z', '+00:00')}"


def _links(name: str, entities: list[dict[str, Any]]) -> dict[str, Any]:
    """A property that refers to entities: a single one stands by itself, as RO-Crate asks for, and none not at all."""
    found = [{"@id": entity["@id"]} for entity in entities]
    return {name: found[0] if len(found) == 1 else found} if found else {}


def _tool(manifest: Mapping[str, Any]) -> dict[str, Any]:
    made = manifest["provenance"]
    tool = made.get("tool", {"name": manifest["mlcube_task"], "version": "unknown"})
    known = {"url": made["repo"]} if made["repo"].startswith("https://") else {}
    return {
        "@id": known.get("url", _TOOL),
        "@type": "SoftwareApplication",
        "name": tool["name"],
        "softwareVersion": f"{tool['version']}, commit {made['commit']}",
        **known,
    }


def _results(source: Source) -> list[dict[str, Any]]:
    listed = [
        {
            "@id": f"result/{entry['path']}",
            "@type": "File",
            "name": entry["path"],
            "contentSize": str(entry["size"]),
            "encodingFormat": entry["media_type"],
            "sha256": entry["digest"]["sha256"],
        }
        for entry in source.manifest.get("artifacts", ())
    ]
    own = {"@type": "File", "encodingFormat": "application/json"}
    about = {source.name: "the sidecar: what ran, what it claims, and the digest of every file"}
    unlisted = [(name, about.get(name, "made from the sidecar")) for name in (source.name, *source.attachments)]
    return [{"@id": f"result/{name}", "name": name, "description": text, **own} for name, text in unlisted] + listed


def _license(source: Source) -> list[dict[str, Any]]:
    if source.license is None:
        return []
    name = source.license.rstrip("/").rsplit("/", 1)[-1]
    return [{"@id": source.license, "@type": "CreativeWork", "name": name, "description": "License of this result"}]


def _inputs(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the task was given: named and known by digest, and not in the crate."""
    found: list[dict[str, Any]] = []
    for number, ref in enumerate(manifest["dataset_refs"]):
        known = {"sha256": ref["digest"]["sha256"]} if "digest" in ref else {}
        text = {"name": ref["source_id"], "description": f"{ref['kind']}: {ref['provenance']}"}
        found.append({"@id": f"#input-{number}", "@type": "CreativeWork", **text, **known})
    for number, parent in enumerate(manifest.get("parents", ())):
        text = {"name": f"sidecar of {parent['task']}", "sha256": parent["manifest_sha256"]}
        found.append({"@id": f"#parent-{number}", "@type": "CreativeWork", **text})
    mlcube = manifest["mlcube_config_hash"].removeprefix("sha256:")
    if len(mlcube) == 64:
        found.append({"@id": "#mlcube.yaml", "@type": "CreativeWork", "name": "mlcube.yaml", "sha256": mlcube})
    return found


def _image(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The container image, under the first of its digests; its kind is told."""
    kind, sha256 = next(image_digests(manifest), (None, None))
    host, slash, _ = manifest["image"].partition("/")
    registry = {"registry": host} if slash and ("." in host or ":" in host or host == "localhost") else {}
    if sha256 is None or manifest["runner"] not in _IMAGES:
        return []
    return [
        {
            "@id": _IMAGE,
            "@type": "ContainerImage",
            "additionalType": {"@id": f"{_TERMS}{_IMAGES[manifest['runner']]}"},
            "name": manifest["image"],
            **registry,
            "sha256": sha256,
            "description": f"sha256 is its {kind}",
        }
    ]
