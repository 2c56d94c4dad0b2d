"""Where a result comes from, as the report shows it: data set, origin, files and parents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditcube.report.numbers import duration, heading, number, size
from auditcube.report.run_view import Row
from auditcube.report.text import plain


@dataclass(frozen=True)
class Artifact:
    path: str
    size: str
    sha256: str


def view_dataset(ref: Mapping[str, Any]) -> tuple[Row, ...]:
    rows = [("id", plain(ref.get("source_id"))), ("provenance", plain(ref.get("provenance")))]
    rows += [(name, plain(ref[name])) for name in ("format", "version", "split", "license") if name in ref]
    rows += [(name, number(ref[name])) for name in ("rows", "samples") if isinstance(ref.get(name), int)]
    rows.append(("size", size(ref.get("size"))))
    rows.append(("sha256", plain(ref.get("digest", {}).get("sha256"))))
    return tuple(rows)


def origin(manifest: Mapping[str, Any]) -> list[Row]:
    made, status = manifest.get("provenance", {}), manifest.get("task_status", {})
    tool = made.get("tool", {})
    lasted = manifest.get("monotonic_duration_ns")
    rows = [(heading(name), plain(manifest.get(name))) for name in ("run_id", "runner", "image")]
    rows += [(heading(name), plain(v)) for name, v in manifest.get("image_identity", {}).items() if name != "reference"]
    rows.append(("state", f"{plain(status.get('state'))}, exit code {plain(status.get('exit_code'))}"))
    rows += [(name.replace("_", " "), plain(manifest.get(name))) for name in ("started_on", "finished_on")]
    rows.append(("duration", duration(lasted) if isinstance(lasted, int) else "–"))
    rows.append(("tool", f"{plain(tool.get('name'))} {plain(tool.get('version'))}"))
    rows += [(name, plain(made.get(name))) for name in ("repo", "commit")]
    rows.append(("changed since the commit", plain(made.get("dirty"))))
    rows.append(
        ("environment", ", ".join(f"{k} {plain(v)}" for k, v in manifest.get("environment", {}).items()) or "–")
    )
    rows += [(f"sha256 of {heading(k)}", plain(v)) for k, v in manifest.get("config_hashes", {}).items()]
    rows.append(("hash of mlcube.yaml", plain(manifest.get("mlcube_config_hash"))))
    return rows  # without redaction_status, which follows from a scan of this report too


def view_artifact(entry: Mapping[str, Any]) -> Artifact:
    digest = entry.get("digest", {}).get("sha256")
    return Artifact(plain(entry.get("path")), size(entry.get("size")), plain(digest))


def view_parent(entry: Mapping[str, Any]) -> tuple[Row, ...]:
    return tuple((heading(name), plain(value)) for name, value in entry.items())
