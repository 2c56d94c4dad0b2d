"""Which image a task ran in: what the runner told, held against what the runtime sees by itself. Pure.

mlcube.yaml and the Slurm scripts tell it in environment variables, because no process in a container can find out its
own image's digest. What it can find out, the marks that an engine leaves, must fit; what does not is recorded, and is
no error: a reviewer decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from auditcube.errors import InvalidInput
from auditcube.manifest.build import Identity

NONE, UNKNOWN = "none", "unknown"
RUNNERS = ("docker", "podman", "singularity", "enroot")

# A mark that an engine leaves inside a container -> that engine; see surroundings.
MARKS = {
    "/.dockerenv": "docker",
    "cgroup docker": "docker",
    "/run/.containerenv": "podman",
    "container=podman": "podman",
    "cgroup libpod": "podman",
    "/.singularity.d": "singularity",
    "APPTAINER_CONTAINER": "singularity",
    "SINGULARITY_CONTAINER": "singularity",
}
# Enroot leaves no mark of its own that could be relied on.
_MARKLESS = ("enroot",)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PREFIX = "AUDITCUBE_"


@dataclass(frozen=True)
class Told:
    """What the runner said; digests are 64 hexadecimal digits, named by what they are of."""

    runner: str | None = None
    image: str | None = None
    image_id: str | None = None
    repo_digests: tuple[str, ...] = ()
    sif_sha256: str | None = None
    squashfs_sha256: str | None = None


@dataclass(frozen=True)
class Seen:
    """What the runtime found: marks out of MARKS, the file name of the image that it was started from, the machine."""

    marks: tuple[str, ...]
    image_file: str | None
    system: str
    machine: str

    @property
    def engines(self) -> list[str]:
        return sorted({MARKS[mark] for mark in self.marks})

    @property
    def platform(self) -> str:
        """As the engines spell it: linux/arm64."""
        return f"{self.system.lower()}/{_ARCHITECTURES.get(self.machine, self.machine)}"


def told(environ: Mapping[str, str]) -> Told:
    """What the environment says. Raises InvalidInput for a value that is none; an empty one says nothing."""
    runner = _value(environ, "RUNNER", "|".join((*RUNNERS, NONE)))
    image = _value(environ, "IMAGE", r"[A-Za-z0-9._:@+/~-]{1,500}")
    digests = (_value(environ, "REPO_DIGESTS", r"[A-Za-z0-9._:@+/,-]{1,4000}") or "").split(",")
    return Told(
        runner=runner,
        # A path names users and file systems; a file's name is enough where its digest stands beside it.
        image=image.rsplit("/", 1)[-1] if image and image.startswith("/") else image,
        image_id=_digest(environ, "IMAGE_ID"),
        repo_digests=tuple(
            sorted({found[1] for each in digests if (found := re.search(r"@sha256:([0-9a-f]{64})$", each))})
        ),
        sif_sha256=_digest(environ, "SIF_SHA256"),
        squashfs_sha256=_digest(environ, "SQUASHFS_SHA256"),
    )


def _value(environ: Mapping[str, str], name: str, pattern: str) -> str | None:
    value = environ.get(_PREFIX + name, "").strip()
    if value and not re.fullmatch(pattern, value):
        raise InvalidInput(f"the variable {_PREFIX}{name} must match {pattern}; see mlcube.yaml, which sets it")
    return value or None


def _digest(environ: Mapping[str, str], name: str) -> str | None:
    value = _value(environ, name, "(sha256:)?[0-9a-f]{64}")
    return value.removeprefix("sha256:") if value else None


def identify(said: Told, seen: Seen, mlcube_config_hash: str) -> Identity:
    """What goes to the sidecar. Without a word from the runner, what is seen names it, and the image is unknown."""
    spotted = seen.engines[0] if seen.engines else None
    named = said.runner if said.runner != NONE else None
    runner = named or spotted or NONE
    if runner == NONE and said == Told(said.runner):
        return Identity(NONE, NONE, mlcube_config_hash)
    members: dict[str, Any] = {
        "reference": said.image or UNKNOWN,
        "config_digest": {"sha256": said.image_id} if said.image_id else None,
        "repo_digests": [{"sha256": each} for each in said.repo_digests] or None,
        "sif_sha256": said.sif_sha256,
        "squashfs_sha256": said.squashfs_sha256,
        "platform": seen.platform,
        "resolved_by": "runner" if named else "runtime",
        "marks": list(seen.marks),
        "contradictions": list(_contradictions(said, seen)),
    }
    kept = {name: value for name, value in members.items() if value is not None}
    return Identity(runner, said.image or UNKNOWN, mlcube_config_hash, kept)


def _contradictions(said: Told, seen: Seen) -> Iterable[str]:
    engines = seen.engines
    if engines and said.runner is not None and said.runner not in engines:
        yield f"the runner is told as {said.runner}, but there are marks of {' and '.join(engines)}"
    if not engines and said.runner not in _MARKLESS:
        yield f"{said.runner or 'an image'} is told, but there is no mark of a container"
    if said.image and seen.image_file and said.image.rsplit("/", 1)[-1] != seen.image_file:
        yield "the image is told under another name than that of the file it was started from"
