"""Where a task ran and what made it: the only module here that asks the surroundings."""

from __future__ import annotations

import json
import os
import platform
import re
import secrets
import subprocess
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from auditcube import __version__
from auditcube.manifest import gpus

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
    build = _baked() or _checkout() or {}
    commit = build.get("commit") or UNKNOWN
    return {
        "repo": build.get("repo") or UNKNOWN,
        "commit": commit,
        "created_at": created_at,
        "dirty": build.get("dirty"),
        "tool": {"name": "auditcube", "version": __version__, "commit": commit},
    }


def environment() -> dict[str, Any]:
    """What of this machine a result may depend on; nothing that names it or its users."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count() or 1,
        **gpus.facts(),
    }


def baked_commit() -> str | None:
    """The commit that this package was built from, where a wheel or an image says so by itself."""
    return (_baked() or {}).get("commit")


def _baked() -> dict[str, Any] | None:
    baked = files("auditcube").joinpath("_build.json")
    return json.loads(baked.read_text("utf-8")) if baked.is_file() else None


def _checkout() -> dict[str, Any] | None:
    """Commit, dirty flag and repository of the checkout this package runs from, if it is one of its own."""
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != _PACKAGE.parents[1].resolve():
        return None
    status = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if status is None else bool(status),
        "repo": _public_url(_git("config", "--get", "remote.origin.url") or ""),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(_PACKAGE), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _public_url(remote: str) -> str | None:
    """A remote's URL without credentials; None for a path on this machine, and wherever one could be left in it."""
    url = re.fullmatch(r"(?:https?|ssh|git)://(?:[^/]*@)?([^/:@]+)(?::[0-9]+)?/([^@?#]+)", remote)
    found = url or re.fullmatch(r"[^@/:]+@([^/:@]+):/?([^@?#]+)", remote)  # git@host:path
    return f"https://{found[1]}/{found[2].removesuffix('.git')}" if found else None
