"""What a task can find out about the container it is in, from inside."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from auditcube.errors import InvalidInput
from auditcube.manifest import provenance
from auditcube.manifest.build import Identity
from auditcube.manifest.identity import MARKS, NONE, Seen, identify, told


def identity(mlcube_config: Path | None, environ: Mapping[str, str], otherwise: str = NONE) -> Identity:
    """What runs this task; `otherwise` stands for the hash of mlcube.yaml where that is not given.

    Raises InvalidInput if `mlcube_config` cannot be read, or a variable says what cannot be.
    """
    mlcube = otherwise
    if mlcube_config is not None:
        try:
            mlcube = f"sha256:{hashlib.sha256(mlcube_config.read_bytes()).hexdigest()}"
        except OSError as problem:
            raise InvalidInput(f"{mlcube_config}: {problem.strerror}; see --mlcube_config") from problem
    return identify(told(environ), look(environ), mlcube)


def look(environ: Mapping[str, str], root: Path = Path("/")) -> Seen:
    """What shows below `root` and in `environ`: the marks of container engines, in the order of MARKS, and the rest."""
    found = set(_marks(environ, root))
    started_from = environ.get("APPTAINER_CONTAINER") or environ.get("SINGULARITY_CONTAINER")
    return Seen(
        marks=tuple(mark for mark in MARKS if mark in found),
        image_file=Path(started_from).name if started_from else None,
        system=platform.system(),
        machine=platform.machine(),
        image_id=_podman_image_id(root),
        commit=provenance.baked_commit(),
    )


def _podman_image_id(root: Path) -> str | None:
    """The image id in /run/.containerenv, which Podman fills in only for privileged containers."""
    try:
        with (root / "run/.containerenv").open(encoding="utf-8", errors="replace") as file:
            text = file.read(65536)
    except OSError:
        return None
    found = re.search(r'^imageid="(?:sha256:)?([0-9a-f]{64})"$', text, re.MULTILINE)
    return found[1] if found else None


def _marks(environ: Mapping[str, str], root: Path) -> Iterator[str]:
    yield from (mark for mark in MARKS if mark.startswith("/") and (root / mark[1:]).exists())
    yield from (name for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER") if environ.get(name))
    if environ.get("container") == "podman":
        yield "container=podman"
    try:
        cgroup = (root / "proc/self/cgroup").read_text("utf-8", "replace")
    except OSError:
        return
    yield from (f"cgroup {word}" for word in ("docker", "libpod") if word in cgroup)
