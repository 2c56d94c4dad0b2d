"""Sidecars to export: the least, and one with every member."""

from __future__ import annotations

from typing import Any

from auditcube.export.source import Source
from auditcube.manifest.codec import encode
from manifest.examples import FULL, ISSUE_367

SIDECAR = "mlcube.run_audit.json"
STATEMENT = "mlcube.run_audit.intoto.json"


def source(manifest: dict[str, Any] = FULL, **more: Any) -> Source:
    """What is exported of this manifest."""
    return Source(manifest, encode(manifest), SIDECAR, **more)


_MADE = {"repo": "https://github.com/org/repo", "commit": "c0ffee0", "created_at": "2026-11-22T05:00:00Z"}
LEAST = source(ISSUE_367 | {"provenance": _MADE})
WHOLE = source(FULL | {"provenance": FULL["provenance"] | _MADE, "image": "localhost/a:1"}, attachments=(STATEMENT,))
