"""What git says of a checkout: commit, remote, and by how much the sources differ from the commit.

setup.py and scripts/image-args run this file by itself, before anything is installed: it imports nothing of ours.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

# Only what gets into a wheel or an image can make it differ from its commit; a result or a note beside it does not.
PACKAGED = ("project", "schemas", "setup.py", "pyproject.toml", "requirements.lock")
# Spelled out, as the user's own settings change what `git diff` prints.
_DIFF = (
    *("diff", "HEAD", "--binary", "--full-index", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--diff-algorithm=myers", "--unified=3", "--src-prefix=a/", "--dst-prefix=b/", "--", *PACKAGED),
)
_TIMEOUT_S = 20


def facts(root: Path) -> dict[str, Any] | None:
    """`commit`, `repo`, `dirty` and `diff_sha256` of the checkout whose top is `root`; None where there is none.

    `repo` is None where it could tell something private, `dirty` where git does not answer. `diff_sha256`, of sources
    that differ, is the sha256 of what `git diff` prints (as in docs/provenance.md), then a line of sha256, two spaces
    and path for each file that git does not know, sorted.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    commit = _git(root, "rev-parse", "HEAD")
    if top is None or commit is None or Path(os.fsdecode(top.strip())).resolve() != root.resolve():
        return None
    changes = _changes(root)
    return {
        "commit": commit.decode().strip(),
        "repo": public_url(
            (_git(root, "config", "--get", "remote.origin.url") or b"").decode("utf-8", "replace").strip()
        ),
        "dirty": None if changes is None else changes != b"",
        "diff_sha256": hashlib.sha256(changes).hexdigest() if changes else None,
    }


def _changes(root: Path) -> bytes | None:
    diff = _git(root, *_DIFF)
    names = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *PACKAGED)
    if diff is None or names is None:
        return None
    lines = [_listed(root, name) for name in sorted(names.split(b"\0")) if name]
    return diff + b"".join(lines)


def _listed(root: Path, name: bytes) -> bytes:
    path = root / os.fsdecode(name)
    data = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
    return b"%s  %s\n" % (hashlib.sha256(data).hexdigest().encode(), name)


def public_url(remote: str) -> str | None:
    """A remote's URL without credentials; None for a path on this machine, and wherever one could be left in it."""
    url = re.fullmatch(r"(?:https?|ssh|git)://(?:[^/]*@)?([^/:@]+)(?::[0-9]+)?/([^@?#]+)", remote)
    found = url or re.fullmatch(r"[^@/:]+@([^/:@]+):/?([^@?#]+)", remote)  # git@host:path
    return f"https://{found[1]}/{found[2].removesuffix('.git')}" if found else None


def _git(root: Path, *arguments: str) -> bytes | None:
    # Without the lock a checkout that others work in, or that is read-only, is left as it is.
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        command = ["git", "-C", str(root), *arguments]
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, env=environ)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
