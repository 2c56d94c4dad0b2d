"""Where a task ran and what made it: the only module here that asks the surroundings."""

from __future__ import annotations

import json
import platform
import secrets
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from auditcube import __version__
from auditcube.manifest import checkout, gpus, hardware, variables

UNKNOWN = "unknown"
_PACKAGE = Path(__file__).parents[1]


def utc_now() -> str:
    """RFC 3339 in UTC, to the microsecond."""
    now_ns = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 10**9)) + f".{now_ns % 10**9 // 1000:06d}Z"


def new_run_id() -> str:
    """A UUIDv7 (RFC 9562): milliseconds since 1970, then random bits."""
    value = (time.time_ns() // 10**6) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def provenance(created_at: str) -> dict[str, Any]:
    """The manifest's `provenance`: what the wheel was built from, else what the checkout says, else unknown."""
    build = _baked() or checkout.facts(_PACKAGE.parents[1]) or {}
    commit = build.get("commit") or UNKNOWN
    diff = {"diff": {"sha256": build["diff_sha256"]}} if build.get("diff_sha256") else {}
    return {
        "repo": build.get("repo") or UNKNOWN,
        "commit": commit,
        "created_at": created_at,
        "dirty": build.get("dirty"),
        **diff,
        "tool": {"name": "auditcube", "version": __version__, "commit": commit},
    }


def environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """What of this machine and its settings a result may depend on; nothing that names it or its users."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        **hardware.facts(),
        **gpus.facts(),
        **variables.told(environ),
    }


def baked_commit() -> str | None:
    """The commit that this package was built from, where a wheel or an image says so by itself."""
    return (_baked() or {}).get("commit")


def _baked() -> dict[str, Any] | None:
    baked = files("auditcube").joinpath("_build.json")
    return json.loads(baked.read_text("utf-8")) if baked.is_file() else None
