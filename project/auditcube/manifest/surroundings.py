"""What a task can find out about the container it is in, from inside."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

from auditcube.manifest.identity import MARKS, Seen


def look(environ: Mapping[str, str], root: Path = Path("/")) -> Seen:
    """The marks of container engines below `root` and in `environ`, in the order of MARKS."""
    found = set(_marks(environ, root))
    started_from = environ.get("APPTAINER_CONTAINER") or environ.get("SINGULARITY_CONTAINER")
    return Seen(
        marks=tuple(mark for mark in MARKS if mark in found),
        image_file=Path(started_from).name if started_from else None,
        system=platform.system(),
        machine=platform.machine(),
    )


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
