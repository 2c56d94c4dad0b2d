"""Images that are files: the digests of layouts and archives built here from their description, and what is refused.

Those that real engines write are in tests/mlcube/test_identity.py.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import InvalidInput
from auditcube.manifest.identity import Told
from auditcube.manifest.image_files import look_at

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
COMMIT = "c0ffee0" * 5


class Layout:
    """An OCI layout under construction; `files` are its bytes by name."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(self, document: Any, media_type: str = MANIFEST, **members: Any) -> dict[str, Any]:
        data = json.dumps(document).encode()
        sha256 = hashlib.sha256(data).hexdigest()
        self.files[f"blobs/sha256/{sha256}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{sha256}", "size": len(data), **members}

    def image(self, architecture: str = "amd64", **members: Any) -> tuple[dict[str, Any], str]:
        """The descriptor of an image's manifest, and the digest of its configuration."""
        labels = {"org.opencontainers.image.revision": COMMIT}
        config = self.blob({"os": "linux", "architecture": architecture, "config": {"Labels": labels}})
        manifest = self.blob({"config": config, "layers": []}, **members)
        return manifest, config["digest"].removeprefix("sha256:")

    def index(self, *entries: dict[str, Any]) -> None:
        self.files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()

    def folder(self, path: Path) -> Path:
        for name, data in self.files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        return path

    def archive(self, path: Path) -> Path:
        with tarfile.open(path, "w") as archive:
            for name, data in self.files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return path


def hex_of(entry: dict[str, Any]) -> str:
    return str(entry["digest"]).removeprefix("sha256:")


def platform(architecture: str, os: str = "linux") -> dict[str, Any]:
    return {"platform": {"os": os, "architecture": architecture}}


@pytest.fixture
def layout() -> Layout:
    return Layout()


def several(layout: Layout) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """An index of two machines and an attestation, as BuildKit writes it: the index and the two manifests."""
    amd64, _ = layout.image("amd64", **platform("amd64"))
    arm64, _ = layout.image("arm64", platform={"os": "linux", "architecture": "arm64", "variant": "v8"})
    attestation, _ = layout.image("unknown", **platform("unknown", "unknown"))
    index = layout.blob({"manifests": [amd64, arm64, attestation]}, INDEX)
    layout.index(index)
    return index, amd64, arm64


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_layout_with_one_image(layout: Layout, tmp_path: Path, kind: str) -> None:
    manifest, config = layout.image(annotations={"org.opencontainers.image.ref.name": "auditcube:1"})
    layout.index(manifest)
    told = look_at(getattr(layout, kind)(tmp_path / "image"))
    assert told == Told(
        image="auditcube:1",
        config_digest=config,
        manifest_digest=hex_of(manifest),
        platform="linux/amd64",
        revision=COMMIT,
    )


def test_an_index_is_named_and_one_of_its_images_chosen(layout: Layout, tmp_path: Path) -> None:
    index, amd64, arm64 = several(layout)
    folder = layout.folder(tmp_path)
    for asked, manifest, shown in (("linux/amd64", amd64, "linux/amd64"), ("linux/arm64", arm64, "linux/arm64")):
        told = look_at(folder, asked)
        assert (told.index_digest, told.manifest_digest, told.platform) == (hex_of(index), hex_of(manifest), shown)
    with pytest.raises(InvalidInput, match="2 images fit, of linux/amd64, linux/arm64/v8"):
        look_at(folder)
    with pytest.raises(InvalidInput, match="0 images fit"):
        look_at(folder, "linux/s390x")


def test_a_tag_chooses_too(layout: Layout, tmp_path: Path) -> None:
    one, _ = layout.image("amd64", annotations={"org.opencontainers.image.ref.name": "one"})
    two, _ = layout.image("arm64", annotations={"org.opencontainers.image.ref.name": "two"})
    layout.index(one, two)
    assert look_at(layout.folder(tmp_path), tag="two").manifest_digest == hex_of(two)
    with pytest.raises(InvalidInput, match="of one, two"):
        look_at(tmp_path)


def test_an_old_archive_of_docker_has_no_manifest_digest(layout: Layout, tmp_path: Path) -> None:
    config = json.dumps({"os": "linux", "architecture": "arm64", "variant": "v8", "config": None}).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    listed = [{"Config": name, "RepoTags": ["localhost/a:1"], "Layers": []}]
    layout.files = {"manifest.json": json.dumps(listed).encode(), name: config}
    told = look_at(layout.archive(tmp_path / "a.tar"))
    assert told == Told(image="localhost/a:1", config_digest=name.removesuffix(".json"), platform="linux/arm64/v8")
    with pytest.raises(InvalidInput, match="holds 0 images"):
        look_at(tmp_path / "a.tar", tag="other")


def sif(architecture: bytes) -> bytes:
    return b"#!/usr/bin/env run-singularity\n".ljust(32, b"\0") + b"SIF_MAGIC\x0001\0" + architecture + b"\0 and so on"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (sif(b"04"), {"runner": "singularity", "platform": "linux/arm64"}),
        (sif(b"99"), {"runner": "singularity", "platform": None}),
        (b"hsqs and so on", {"runner": "enroot", "platform": None}),
    ],
    ids=["SIF", "SIF of an unknown machine", "squashfs"],
)
def test_a_file_is_known_by_its_bytes(tmp_path: Path, data: bytes, expected: dict[str, Any]) -> None:
    (tmp_path / "image").write_bytes(data)
    kind = "sif_sha256" if expected["runner"] == "singularity" else "squashfs_sha256"
    members: dict[str, Any] = {"image": "image", kind: hashlib.sha256(data).hexdigest(), **expected}
    assert look_at(tmp_path / "image") == Told(**members)


def damaged(layout: Layout) -> None:
    manifest, _ = layout.image()
    layout.files[f"blobs/sha256/{hex_of(manifest)}"] += b" "
    layout.index(manifest)


def without_blob(layout: Layout) -> None:
    manifest, config = layout.image()
    del layout.files[f"blobs/sha256/{config}"]
    layout.index(manifest)


def round_about(layout: Layout) -> None:
    inner, _ = layout.image()
    for _ in range(9):
        inner = layout.blob({"manifests": [inner]}, INDEX)
    layout.index(inner)


DEFECTS = [
    ("no index", lambda layout: None, "lacks index.json"),
    ("index is no JSON", lambda layout: layout.files.update({"index.json": b"{"}), "index.json is no JSON"),
    ("index of nothing", lambda layout: layout.index(), "0 images fit"),
    ("index of something else", lambda layout: layout.files.update({"index.json": b"[1]"}), "0 images fit"),
    ("damaged blob", damaged, "other bytes than its digest says"),
    ("absent blob", without_blob, "lacks blobs/sha256/"),
    ("another digest", lambda layout: layout.index({"digest": "md5:../../etc/passwd"}), "no sha256 digest"),
    ("manifest without config", lambda layout: layout.index(layout.blob({})), "without a config"),
    ("endless", round_about, "an index in an index"),
]


@pytest.mark.parametrize(("spoil", "message"), [case[1:] for case in DEFECTS], ids=[case[0] for case in DEFECTS])
@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_defect_is_named(layout: Layout, tmp_path: Path, kind: str, spoil: Any, message: str) -> None:
    spoil(layout)
    if kind == "archive" and "index.json" not in layout.files:
        message = "lacks manifest.json"
    with pytest.raises(InvalidInput, match=message):
        look_at(getattr(layout, kind)(tmp_path / "image"))


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    for name, message in (("text", "neither a SIF"), ("absent", "No such file"), (".", "no file oci-layout")):
        with pytest.raises(InvalidInput, match=message):
            look_at(tmp_path / name)
