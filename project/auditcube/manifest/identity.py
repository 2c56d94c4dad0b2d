"""Which image a task ran in: what the host told, held against what the container sees by itself. Pure.

mlcube.yaml and the Slurm scripts tell it in environment variables, because no process in a container can find out its
own image's digest. What it can find out, the marks that an engine leaves, the machine, the commit baked into the image
and, in some containers of Podman, the image's id, must fit; what does not is recorded, and is no error: a reviewer
decides. What nobody told is listed as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
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
# The digests by which images of a runner are known; any of the alternatives is enough for an image not to be unknown.
_OCI = ("config_digest", "manifest_digest", "index_digest", "repo_digests")
KINDS = {"docker": _OCI, "podman": _OCI, "singularity": ("sif_sha256",), "enroot": ("squashfs_sha256",)}
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PREFIX = "AUDITCUBE_"
_DIGEST = "(sha256:)?[0-9a-f]{64}"


@dataclass(frozen=True)
class Told:
    """What the host said of an image; digests are 64 hexadecimal digits, named by what they are of.

    `config_digest` is of the image's configuration (docker's and podman's image id), `manifest_digest` of the manifest
    for one platform, `index_digest` of a list of such manifests, `repo_digests` of one or the other, as a registry or
    the local store names it; `sif_sha256` and `squashfs_sha256` are of files. `platform` is what the image is for, and
    `revision` the commit that its label names.
    """

    runner: str | None = None
    image: str | None = None
    config_digest: str | None = None
    manifest_digest: str | None = None
    index_digest: str | None = None
    repo_digests: tuple[str, ...] = ()
    sif_sha256: str | None = None
    squashfs_sha256: str | None = None
    platform: str | None = None
    revision: str | None = None


# Variable without its prefix -> member of Told, and what its value must match.
_VARIABLES = {
    "RUNNER": ("runner", "|".join((*RUNNERS, NONE))),
    "IMAGE": ("image", r"[A-Za-z0-9._:@+/~-]{1,500}"),
    "IMAGE_ID": ("config_digest", _DIGEST),
    "MANIFEST_DIGEST": ("manifest_digest", _DIGEST),
    "INDEX_DIGEST": ("index_digest", _DIGEST),
    "REPO_DIGESTS": ("repo_digests", r"[A-Za-z0-9._:@+/,-]{1,4000}"),
    "SIF_SHA256": ("sif_sha256", _DIGEST),
    "SQUASHFS_SHA256": ("squashfs_sha256", _DIGEST),
    "IMAGE_PLATFORM": ("platform", r"[a-z0-9]{1,20}/[a-z0-9_]{1,20}(/v[0-9]{1,2})?"),
    "IMAGE_REVISION": ("revision", "[0-9a-f]{7,64}"),
}


@dataclass(frozen=True)
class Seen:
    """What the container shows: marks out of MARKS, the file name of the image that it was started from, the machine.

    `image_id` is what Podman wrote into the container, and `commit` what is baked into the installed package.
    """

    marks: tuple[str, ...]
    image_file: str | None
    system: str
    machine: str
    image_id: str | None = None
    commit: str | None = None

    @property
    def engines(self) -> list[str]:
        return sorted({MARKS[mark] for mark in self.marks})

    @property
    def platform(self) -> str:
        """As the engines spell it: linux/arm64."""
        return f"{self.system.lower()}/{_ARCHITECTURES.get(self.machine, self.machine)}"


def told(environ: Mapping[str, str]) -> Told:
    """What the environment says. Raises InvalidInput for a value that is none; an empty one says nothing."""
    values: dict[str, Any] = {}
    for name, (member, pattern) in _VARIABLES.items():
        if value := _value(environ, name, pattern):
            values[member] = value.removeprefix("sha256:") if pattern == _DIGEST else value
    if "image" in values:
        values["image"] = shown_reference(values["image"])
    if "repo_digests" in values:
        values["repo_digests"] = repo_digests(values["repo_digests"].split(","))
    return Told(**values)


def variables(said: Told) -> dict[str, str]:
    """The environment that says this: what `told` reads as the same."""
    values = {}
    for name, (member, _) in _VARIABLES.items():
        value = getattr(said, member)
        if member == "repo_digests":
            value = ",".join(f"image@sha256:{each}" for each in value)
        if value:
            values[_PREFIX + name] = value
    return values


def repo_digests(names: Iterable[str]) -> tuple[str, ...]:
    """The digests out of names such as registry/image@sha256:..., sorted; the names may be no one's business."""
    return tuple(sorted({found[1] for each in names if (found := re.search(r"@sha256:([0-9a-f]{64})$", each))}))


def shown_reference(image: str) -> str:
    """An image's name; of a path only the file's, as a path names users and file systems."""
    return image.rsplit("/", 1)[-1] if image.startswith(("/", "./", "../", "~")) else image


def _value(environ: Mapping[str, str], name: str, pattern: str) -> str | None:
    value = environ.get(_PREFIX + name, "").strip()
    if value and not re.fullmatch(pattern, value):
        raise InvalidInput(f"the variable {_PREFIX}{name} must match {pattern}; see mlcube.yaml, which sets it")
    return value or None


def identify(said: Told, seen: Seen, mlcube_config_hash: str) -> Identity:
    """What goes to the sidecar. Without a word from the host, what is seen names the runner; its image is unknown."""
    spotted = seen.engines[0] if seen.engines else None
    named = said.runner if said.runner != NONE else None
    runner = named or spotted or NONE
    if runner == NONE and said == Told(said.runner):
        return Identity(NONE, NONE, mlcube_config_hash)
    by_container = {"config_digest": seen.image_id} if seen.image_id and not said.config_digest else {}
    members = {
        **digests(said, "runner"),
        "platform": seen.platform,
        "resolved_by": "runner" if named else "runtime",
        "marks": list(seen.marks),
        "contradictions": list(_contradictions(said, seen)),
    }
    for kind, value in by_container.items():
        members[kind] = {"sha256": value}
        members["resolvers"][kind] = "container"
    members["unknown"] = unknown(runner, members)
    return Identity(runner, said.image or UNKNOWN, mlcube_config_hash, members)


def digests(said: Told, resolver: str) -> dict[str, Any]:
    """The members that say by which digests an image is known, and that `resolver` found them out."""
    values: dict[str, Any] = {
        **{kind: {"sha256": value} for kind in _OCI[:3] if (value := getattr(said, kind))},
        "repo_digests": [{"sha256": each} for each in said.repo_digests],
        "sif_sha256": said.sif_sha256,
        "squashfs_sha256": said.squashfs_sha256,
    }
    known = {kind: value for kind, value in values.items() if value}
    platform = {"image_platform": said.platform} if said.platform else {}
    return {"reference": said.image or UNKNOWN, **known, **platform, "resolvers": dict.fromkeys(known, resolver)}


def described(said: Told) -> dict[str, Any]:
    """All that the host found out about an image, as members of `image_identity`, and the runner it is for."""
    members = digests(said, "host")
    revision = {"revision": said.revision} if said.revision else {}
    lacking = unknown(said.runner or "docker", members)
    return {"runner": said.runner or UNKNOWN, **members, **revision, "unknown": lacking}


def of_host(said: Told, platform: str, contradictions: Iterable[str]) -> dict[str, Any]:
    """The members `runner`, `image` and `image_identity` of a sidecar, where AuditCube itself stayed on the host.

    `platform` is the host's; `contradictions` are what is known beside those between the digests told.
    """
    members = {name: value for name, value in described(said).items() if name not in ("runner", "revision")}
    seen = {"platform": platform, "resolved_by": "host", "marks": []}
    told = [*contradictions, *_digests_that_do_not_fit(said)]
    image_identity = {**members, **seen, "contradictions": told}
    return {"runner": said.runner or UNKNOWN, "image": members["reference"], "image_identity": image_identity}


def unknown(runner: str, members: Mapping[str, Any]) -> list[str]:
    """The kinds of digest that a reviewer would ask for and nobody told, for an image of this runner.

    An image has a configuration, and a manifest by which a registry knows it: that of an index, or one among others,
    says the same.
    """
    if KINDS.get(runner) == _OCI:
        lacking = ["config_digest"] if "config_digest" not in members else []
        return lacking + ([] if set(_OCI[1:]) & members.keys() else ["manifest_digest"])
    return [kind for kind in KINDS.get(runner, ()) if kind not in members]


def _contradictions(said: Told, seen: Seen) -> Iterable[str]:
    engines = seen.engines
    if engines and said.runner is not None and said.runner not in engines:
        yield f"the runner is told as {said.runner}, but there are marks of {' and '.join(engines)}"
    if not engines and said.runner not in _MARKLESS:
        yield f"{said.runner or 'an image'} is told, but there is no mark of a container"
    if said.image and seen.image_file and said.image.rsplit("/", 1)[-1] != seen.image_file:
        yield "the image is told under another name than that of the file it was started from"
    if said.config_digest and seen.image_id and said.config_digest != seen.image_id:
        yield "config_digest is told, but Podman wrote another image id into the container"
    if said.platform and said.platform.split("/v")[0] != seen.platform:
        yield f"the image is told to be for {said.platform}, but this is {seen.platform}"
    if said.revision and seen.commit and said.revision != seen.commit:
        yield "the image's label names another commit than the one that is baked into it"
    yield from _digests_that_do_not_fit(said)


def _digests_that_do_not_fit(said: Told) -> Iterable[str]:
    """What is told twice must agree: a digest in the reference, and the kinds of digest that a runner's images have."""
    pinned = repo_digests([said.image or ""])
    named = {*said.repo_digests, said.manifest_digest, said.index_digest} - {None}
    if pinned and named and pinned[0] not in named:
        yield "the image is told by a digest that is none of those told with it"
    if said.runner in KINDS:
        names = {field.name for field in fields(said)} & {kind for kinds in KINDS.values() for kind in kinds}
        for kind in sorted(name for name in names if getattr(said, name) and name not in KINDS[said.runner]):
            yield f"{kind} is told, which no image of {said.runner} has"
