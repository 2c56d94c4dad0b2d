"""Images that are files: by which digests one is known, and what it is for. Nothing is unpacked, run or fetched.

An OCI layout (a folder, or an archive of one), a `docker save` archive, a SIF, a squashfs file of Enroot and Pyxis.
What a name promises is computed: a blob of a layout whose bytes have another digest than its name is refused. Layers
are not read, as the manifest's digest covers theirs.

Source: OCI image-spec 1.1 (image-layout, image-index, manifest, config); the SIF header of sylabs/sif, version 01.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from auditcube.errors import InvalidInput
from auditcube.manifest import digest
from auditcube.manifest.identity import Told

REVISION_LABEL = "org.opencontainers.image.revision"
_MAX_JSON_BYTES = 16 << 20
_MAX_DEPTH = 4
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_TAG = "org.opencontainers.image.ref.name"
# In a SIF: 32 bytes of a launch line, the magic, a version of three bytes, the architecture as two digits and a zero.
_SIF_MAGIC, _SIF_MAGIC_AT, _SIF_ARCHITECTURE_AT = b"SIF_MAGIC\0", 32, 45
_SIF_ARCHITECTURES = {b"01": "386", b"02": "amd64", b"03": "arm", b"04": "arm64", b"06": "ppc64le", b"11": "s390x"}
_SQUASHFS_MAGIC = b"hsqs"

_Read = Callable[[str], "bytes | None"]


def look_at(path: Path, platform: str | None = None, tag: str | None = None) -> Told:
    """What is to be told of the image in a file or folder.

    `platform` (linux/arm64) and `tag` choose where a layout holds several. Raises InvalidInput for what is no image, is
    damaged, cannot be read, or holds several images of which none is chosen.
    """
    try:
        if path.is_dir():
            return _layout(path, platform, tag)
        with path.open("rb") as file:
            head = file.read(64)
        if head.startswith(_SQUASHFS_MAGIC):
            return Told("enroot", path.name, squashfs_sha256=digest.of_file(path)[1])
        if head[_SIF_MAGIC_AT:].startswith(_SIF_MAGIC):
            architecture = _SIF_ARCHITECTURES.get(head[_SIF_ARCHITECTURE_AT : _SIF_ARCHITECTURE_AT + 2])
            told_platform = f"linux/{architecture}" if architecture else None
            return Told("singularity", path.name, sif_sha256=digest.of_file(path)[1], platform=told_platform)
        return _archive(path, platform, tag)
    except OSError as problem:
        raise InvalidInput(f"{path}: {problem.strerror or problem}") from problem


def _layout(path: Path, platform: str | None, tag: str | None) -> Told:
    def read(name: str) -> bytes | None:
        file = path / name
        if not file.is_file():
            return None
        with file.open("rb") as stream:
            return stream.read(_MAX_JSON_BYTES + 1)

    if read("oci-layout") is None:
        raise InvalidInput(f"{path}: is no OCI layout: it has no file oci-layout")
    return _Images(path, read).oci(platform, tag)


def _archive(path: Path, platform: str | None, tag: str | None) -> Told:
    try:
        with tarfile.open(path, "r:") as archive:
            members = {member.name.removeprefix("./"): member for member in archive if member.isreg()}

            def read(name: str) -> bytes | None:
                stream = archive.extractfile(members[name]) if name in members else None
                return stream.read(_MAX_JSON_BYTES + 1) if stream is not None else None

            images = _Images(path, read)
            return images.oci(platform, tag) if "index.json" in members else images.docker(tag)
    except tarfile.TarError as problem:
        raise InvalidInput(f"{path}: is neither a SIF, nor a squashfs file, nor an archive of an image") from problem


class _Images:
    """A layout or an archive, of which small files are read by name."""

    def __init__(self, path: Path, read: _Read) -> None:
        self._path = path
        self._read = read

    def oci(self, platform: str | None, tag: str | None) -> Told:
        """The one image of an OCI layout that `tag` and `platform` leave."""
        entries = _entries(self._json("index.json"))
        tags = sorted({name for entry in entries if (name := _annotation(entry)) is not None})
        if tag is not None:
            entries = [entry for entry in entries if _annotation(entry) == tag]
        entry = self._only(entries, platform, tags)
        index = None
        for _ in range(_MAX_DEPTH):
            if entry.get("mediaType") not in _INDEXES:
                break
            index = index or _hex(entry)
            entry = self._only(_entries(self._blob(entry)), platform, [])
        else:
            raise InvalidInput(f"{self._path}: has an index in an index in an index")
        config = self._blob(entry).get("config")
        if not isinstance(config, dict):
            raise InvalidInput(f"{self._path}: has a manifest without a config")
        name = tag or (tags[0] if len(tags) == 1 else None)
        return self._told(name, _hex(config), self._blob(config), _hex(entry), index)

    def docker(self, tag: str | None) -> Told:
        """The one image of an archive that `docker save` made without a layout: its manifest has no digest."""
        listed = self._json("manifest.json")
        found = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        if tag is not None:
            found = [entry for entry in found if tag in (entry.get("RepoTags") or ())]
        if len(found) != 1 or not isinstance(found[0].get("Config"), str):
            raise InvalidInput(f"{self._path}: holds {len(found)} images; choose one with --tag")
        data = self._bytes(found[0]["Config"])
        names = found[0].get("RepoTags") or [None]
        return self._told(tag or names[0], hashlib.sha256(data).hexdigest(), self._parse(data, "its config"))

    def _told(
        self, name: object, config_digest: str, config: Any, manifest: str | None = None, index: str | None = None
    ) -> Told:
        members = config if isinstance(config, dict) else {}
        return Told(
            image=name if isinstance(name, str) else self._path.name,
            config_digest=config_digest,
            manifest_digest=manifest,
            index_digest=index,
            platform=platform_of(members),
            revision=revision_of(members.get("config")),
        )

    def _only(self, entries: list[dict[str, Any]], platform: str | None, tags: list[str]) -> dict[str, Any]:
        """The one entry for `platform`; an entry that names none fits every one."""
        kinds = [(entry, platform_of(entry.get("platform") or {})) for entry in entries]
        real = [(entry, kind) for entry, kind in kinds if kind != "unknown/unknown"]  # which attestations say they are
        fitting = [entry for entry, kind in real if platform is None or kind is None or _same(kind, platform)]
        if len(fitting) == 1:
            return fitting[0]
        there = ", ".join([*tags, *sorted({kind for _, kind in real if kind})]) or "none that is named"
        raise InvalidInput(f"{self._path}: {len(fitting)} images fit, of {there}; choose with --platform or --tag")

    def _blob(self, entry: Mapping[str, Any]) -> Any:
        sha256 = _hex(entry)
        data = self._bytes(f"blobs/sha256/{sha256}")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InvalidInput(f"{self._path}: the blob {sha256} has other bytes than its digest says")
        return self._parse(data, sha256)

    def _json(self, name: str) -> Any:
        return self._parse(self._bytes(name), name)

    def _bytes(self, name: str) -> bytes:
        data = self._read(name)
        if data is None:
            raise InvalidInput(f"{self._path}: lacks {name}")
        if len(data) > _MAX_JSON_BYTES:
            raise InvalidInput(f"{self._path}: {name} has more than {_MAX_JSON_BYTES} bytes")
        return data

    def _parse(self, data: bytes, name: str) -> Any:
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as problem:
            raise InvalidInput(f"{self._path}: {name} is no JSON") from problem


def _entries(document: Any) -> list[dict[str, Any]]:
    listed = document.get("manifests") if isinstance(document, dict) else None
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _annotation(entry: Mapping[str, Any]) -> str | None:
    name = (entry.get("annotations") or {}).get(_TAG)
    return name if isinstance(name, str) else None


def _hex(entry: Mapping[str, Any]) -> str:
    found = re.fullmatch("sha256:([0-9a-f]{64})", str(entry.get("digest")))
    if found is None:
        raise InvalidInput("an image's descriptor has no sha256 digest")
    return found[1]


def _same(one: str, other: str) -> bool:
    """Whether two platforms are one: linux/arm64 has the variant v8, said or not."""
    return one.removesuffix("/v8") == other.removesuffix("/v8")


def platform_of(members: Mapping[str, Any]) -> str | None:
    """linux/arm64 from the members that OCI documents have for it, in either of the engines' spellings."""
    parts = [members.get(name) or members.get(name.title()) for name in ("os", "architecture", "variant")]
    words = [part for part in parts if isinstance(part, str)]
    return "/".join(words) if all(isinstance(part, str) for part in parts[:2]) else None


def revision_of(config: Any) -> str | None:
    """The commit that an image's label names."""
    labels = config.get("Labels") if isinstance(config, dict) else None
    value = labels.get(REVISION_LABEL) if isinstance(labels, dict) else None
    return value if isinstance(value, str) and re.fullmatch("[0-9a-f]{7,64}", value) else None
