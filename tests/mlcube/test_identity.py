"""What real engines say of an image, and what they write into files: `auditcube image` and scripts/image-identity.

The image is made of one file, so that each test takes seconds.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcube.cube import AUDITCUBE, IMAGE, ROOT, engine, missing, sha256

pytestmark = pytest.mark.engine

TINY = IMAGE.replace("auditcube-test", "auditcube-tiny")
COMMIT = "c0ffee0" * 5


@functools.cache
def without(command: str) -> str | None:
    """Why a command's engine cannot be used here, or None."""
    if command == "docker":
        reason = missing("docker")
        return None if reason and "MLCube" in reason else reason
    return None if shutil.which(command) else f"no {command} here"


def need(*commands: str) -> None:
    for command in commands:
        if reason := without(command):
            pytest.skip(reason)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an image of one file, with the label that names a commit."""
    need("docker")
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "file").write_text("a file\n")
    (folder / "Dockerfile").write_text(f"FROM scratch\nCOPY file /\nLABEL org.opencontainers.image.revision={COMMIT}\n")
    engine("build", "--quiet", "--tag", TINY, str(folder))
    yield TINY
    engine("rmi", TINY)


@pytest.fixture(scope="module")
def archive(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`docker save` of it."""
    path = tmp_path_factory.mktemp("saved") / "tiny.tar"
    engine("save", "--output", str(path), tiny)
    return path


def asked(*arguments: str | Path) -> Any:
    done = subprocess.run([AUDITCUBE, "image", *arguments, "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def inspect(form: str) -> str:
    return engine("image", "inspect", "-f", form, TINY).removeprefix("sha256:")


def test_an_engines_store_is_asked(tiny: str) -> None:
    found = asked(tiny)
    assert found["runner"] == engine("--version").split()[0].lower()
    assert found["reference"] == tiny
    assert found["revision"] == COMMIT
    assert found["image_platform"] == inspect("{{.Os}}/{{.Architecture}}")
    assert inspect("{{.Id}}") in {found[kind]["sha256"] for kind in found["resolvers"] if kind != "repo_digests"}
    assert set(found["resolvers"].values()) == {"host"}
    if found["runner"] == "podman":
        assert found["manifest_digest"]["sha256"] == inspect("{{.Digest}}")
        assert found["unknown"] == []


def test_the_script_of_mlcube_yaml_says_the_same(tiny: str) -> None:
    """Both ask by themselves: one in sh for hosts without AuditCube, one in Python."""
    script = [str(ROOT / "scripts" / "image-identity"), "docker", tiny]
    words = subprocess.run(script, capture_output=True, text=True, check=True).stdout.split()
    assert words[::2] == ["-e"] * (len(words) // 2)
    assert normal(words[1::2]) == normal(variables(tiny))


def variables(image: str | Path) -> list[str]:
    command = [str(AUDITCUBE), "image", str(image), "--env"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def normal(lines: list[str]) -> set[str]:
    """Without what may be said in two ways: `sha256:` before a digest, and the names of repositories."""
    pairs = (line.split("=", 1) for line in lines)
    return {f"{name}={','.join(each.rpartition(':')[2] for each in value.split(','))}" for name, value in pairs}


def test_an_unknown_image_is_told_as_such(tiny: str) -> None:
    done = subprocess.run([AUDITCUBE, "image", f"{tiny}-absent"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no such image" in done.stderr
    script = [str(ROOT / "scripts" / "image-identity"), "docker", f"{tiny}-absent"]
    told = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    assert "_ID=" not in told
    assert "DIGEST" not in told


def test_a_saved_image_has_the_same_config_digest(tiny: str, archive: Path) -> None:
    found, stored = asked(archive), asked(tiny)
    assert found["image_platform"] == stored["image_platform"]
    assert found["revision"] == COMMIT
    if "config_digest" in stored:
        assert found["config_digest"] == stored["config_digest"]


@pytest.mark.parametrize("form", ["oci-dir", "oci-archive"])
def test_a_layout_of_podman(tiny: str, tmp_path: Path, form: str) -> None:
    if "podman" not in engine("--version"):
        pytest.skip("docker writes no layout into a folder")
    engine("save", "--quiet", "--format", form, "--output", str(tmp_path / "image"), tiny)
    found, stored = asked(tmp_path / "image"), asked(tiny)
    assert found["config_digest"] == stored["config_digest"]
    assert found["unknown"] == []
    # A layout's layers are compressed, the store's are not: its manifest is another one, which the layout holds.
    folder = tmp_path / "unpacked"
    if form == "oci-archive":
        folder.mkdir()
        subprocess.run(["tar", "-xf", tmp_path / "image", "-C", folder], check=True)
    else:
        folder = tmp_path / "image"
    blob = folder / "blobs" / "sha256" / found["manifest_digest"]["sha256"]
    assert sha256(blob) == blob.name
    assert json.loads(blob.read_bytes())["config"]["digest"].endswith(found["config_digest"]["sha256"])


@pytest.fixture(scope="module")
def small_sif(archive: Path) -> Path:
    need("apptainer")
    made = archive.with_name("tiny.sif")
    subprocess.run(
        ["apptainer", "--quiet", "build", made, f"docker-archive:{archive}"], check=True, capture_output=True
    )
    return made


def test_a_sif(small_sif: Path) -> None:
    machine = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[os.uname().machine]
    assert asked(small_sif) == {
        "runner": "singularity",
        "reference": "tiny.sif",
        "sif_sha256": sha256(small_sif),
        "image_platform": machine,
        "resolvers": {"sif_sha256": "host"},
        "unknown": [],
    }
    script = [str(ROOT / "scripts" / "image-identity"), "singularity", str(small_sif)]
    words = subprocess.run(script, capture_output=True, text=True, check=True).stdout.split()
    assert set(words[::2]) == {"--env"}
    assert sorted(words[1::2]) == sorted(variables(small_sif))


def test_a_squashfs_file(small_sif: Path, tmp_path: Path) -> None:
    """The file system in a SIF is one, as Enroot keeps it."""
    data = small_sif.read_bytes()
    made = tmp_path / "tiny.sqsh"
    made.write_bytes(data[data.index(b"hsqs") :])
    found = asked(made)
    assert (found["runner"], found["squashfs_sha256"]) == ("enroot", sha256(made))
    assert "image_platform" not in found


def test_podman_tells_a_privileged_container_its_image(docker_image: None, tmp_path: Path) -> None:
    """What is seen is compared with what is told, and stands for it where nothing is."""
    if "podman" not in engine("--version"):
        pytest.skip("only podman writes /run/.containerenv")
    options = ["--rm", "--privileged", "--network=none", "--user=0:0", "-v", f"{tmp_path}:/out"]
    lie = ["-e", "AUDITCUBE_RUNNER=podman", "-e", f"AUDITCUBE_IMAGE_ID={hashlib.sha256(b'').hexdigest()}"]
    engine("run", *options, IMAGE, "demo", "--output_dir", "/out/untold")
    engine("run", *options, *lie, IMAGE, "verify", "/out/untold", "--output_dir", "/out/told")
    untold, told = (
        json.loads((tmp_path / name / "mlcube.run_audit.json").read_text("utf-8"))["image_identity"]
        for name in ("untold", "told")
    )
    image_id = engine("image", "inspect", "-f", "{{.Id}}", IMAGE)
    assert untold["config_digest"] == {"sha256": image_id}
    assert untold["resolvers"] == {"config_digest": "container"}
    assert untold["unknown"] == ["manifest_digest"]
    assert untold["contradictions"] == []
    assert ["another image id" in text for text in told["contradictions"]] == [True]
