"""The image itself: small, locked down, labelled, the same each time, and nothing of the building machine in it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditcube import __version__
from mlcube.cube import CANARY, IMAGE, ROOT, Cube, engine, environment, sidecar

pytestmark = pytest.mark.engine

LIMIT_BYTES = 160_000_000


@pytest.fixture(scope="module")
def archive(docker_image: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported image."""
    path = tmp_path_factory.mktemp("archive") / "image.tar"
    engine("save", "--output", str(path), IMAGE)
    return path


@pytest.fixture(autouse=True)
def _needs_docker(docker_cube: Cube) -> None:
    """Skips with the reason."""


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def test_labels_and_build_info_name_the_commit() -> None:
    labels = json.loads(engine("image", "inspect", "-f", "{{json .Config.Labels}}", IMAGE))
    built = json.loads(engine("run", "--rm", "--entrypoint", "cat", IMAGE, "/opt/auditcube/lib/auditcube/_build.json"))
    commit = git("rev-parse", "HEAD")
    assert labels["org.opencontainers.image.version"] == built["version"] == __version__
    assert labels["org.opencontainers.image.revision"] == built["commit"] == commit
    assert labels["io.auditcube.dirty"] == json.dumps(built["dirty"])
    assert labels["org.opencontainers.image.source"] == (built["repo"] or "")
    assert (built["diff_sha256"] is not None) == built["dirty"]


def test_it_is_small() -> None:
    base = engine("image", "inspect", "-f", "{{.Size}}", base_image())
    assert int(engine("image", "inspect", "-f", "{{.Size}}", IMAGE)) - int(base) < LIMIT_BYTES


def base_image() -> str:
    (base,) = (each.removeprefix("BASE=") for each in image_arguments() if each.startswith("BASE="))
    return base


def image_arguments() -> list[str]:
    script = str(ROOT / "scripts" / "image-args")
    return subprocess.run([script, "docker"], check=True, capture_output=True, text=True).stdout.split()


def layers(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of every layer, and the archive's own JSON, under names."""
    with tarfile.open(archive) as outer:
        for member in outer:
            stream = outer.extractfile(member) if member.isreg() else None
            data = stream.read() if stream is not None else b""
            if data[257:262] == b"ustar" or data[:2] == b"\x1f\x8b":
                yield from files(data)
            else:
                yield member.name, data


def files(layer: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as inner:
        for member in inner:
            stream = inner.extractfile(member) if member.isreg() else None
            yield member.name.removeprefix("./"), stream.read() if stream is not None else member.linkname.encode()


def test_nothing_of_the_building_machine_is_in_any_layer(archive: Path) -> None:
    needles = {CANARY.encode(), bytes(ROOT)}
    if (home := os.path.expanduser("~")) != "/root":  # which every Debian speaks of
        needles.add(f"{home}/".encode())
    if len(socket.gethostname()) > 5:
        needles.add(socket.gethostname().encode())
    found = []
    names = 0
    for name, data in layers(archive):
        names += 1
        if (
            re.search(r"(^|/)(pip\.conf|\.?pydistutils\.cfg|\.netrc|\.pypirc|uv\.toml|\.git/)|^etc/hostname$", name)
            and data
        ):
            found.append(name)
        if re.search(r"^etc/apt/sources\.list|^(src|root/\.cache|wheels|tmp/.)", name) and data:
            found.append(name)
        found += [f"{name}: {needle.decode()}" for needle in needles if needle in data]
    assert not found
    assert names > 3000


def test_the_scan_finds_what_it_looks_for(tmp_path: Path) -> None:
    """A build that does what must not be done."""
    recipe = tmp_path / "Dockerfile"
    recipe.write_text(f"FROM {base_image()}\nARG KEY\nRUN echo $KEY > /a && rm /a\n", "utf-8")
    name = IMAGE.replace("auditcube-test", "auditcube-leak")
    engine("build", "--quiet", "--build-arg", f"KEY={CANARY}", "--tag", name, str(tmp_path))
    try:
        engine("save", "--output", str(tmp_path / "image.tar"), name)
        assert any(CANARY.encode() in data for _, data in layers(tmp_path / "image.tar"))
    finally:
        engine("rmi", name)


def test_from_a_wheelhouse_without_network_the_same(tmp_path: Path) -> None:
    """An air-gapped build, with no network at all, leaves the same files as the one from the index."""
    context = tmp_path / "context"
    shutil.copytree(ROOT, context, ignore=shutil.ignore_patterns(".*", "tests", "workspace", "build", "wheelhouse"))
    shutil.copy(ROOT / ".dockerignore", context)
    wanted = [f"WHEELHOUSE={context / 'wheelhouse'}", f"MACHINES={os.uname().machine}"]
    subprocess.run(["make", "--no-print-directory", "wheelhouse", *wanted], cwd=ROOT, check=True, capture_output=True)
    name = IMAGE.replace("auditcube-test", "auditcube-wheelhouse")
    engine("build", "--quiet", "--no-cache", "--network=none", *image_arguments(), "--tag", name, str(context))
    sums = "find /opt/auditcube -type f -print0 | sort -z | xargs -0 sha256sum"
    ours, theirs = (
        engine("run", "--rm", "--network=none", "--entrypoint", "sh", each, "-c", sums).splitlines()
        for each in (IMAGE, name)
    )
    engine("rmi", name)
    assert len(ours) > 1000
    assert sorted({*ours} ^ {*theirs}) == []


def test_arm64_under_emulation(tmp_path: Path) -> None:
    """The image for Grace, built without emulation; the demo in it says which machine it ran on."""
    base = f"{base_image()}-arm64"
    try:
        engine("image", "inspect", base)
        engine("run", "--rm", "--platform", "linux/arm64", base, "true")
    except subprocess.CalledProcessError:
        pytest.skip("no arm64 base image or no emulator here; ENGINES_ARM64=1 installs both")
    subprocess.run(
        [str(ROOT / "scripts" / "image"), "arm64"], env=environment(tmp_path), check=True, capture_output=True
    )
    image, out = f"{IMAGE}-arm64", tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    done = subprocess.run(
        ["docker", "run", "--rm", "--init", "--platform", "linux/arm64", "--read-only", "--tmpfs", "/tmp"]
        + ["--cap-drop=ALL", "--network=none", "-v", f"{out}:/out", image, "demo", "--output_dir", "/out/demo"],
        capture_output=True,
        text=True,
        timeout=400,
    )
    manifest = sidecar(out / "demo")
    assert manifest["image_identity"]["platform"] == "linux/arm64"
    assert manifest["environment"]["machine"] == "aarch64"
    # An emulator's timing is nobody's: the verdict may be any, and the exit code says the same.
    assert done.returncode == manifest["task_status"]["exit_code"]
    assert manifest["task_status"]["state"] == "completed"
