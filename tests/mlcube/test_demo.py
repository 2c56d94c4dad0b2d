"""`mlcube run --task=demo`: PASS, and a sidecar that names the engine and the image's digests."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

from auditcube.manifest.validator import validate
from mlcube.cube import CANARY, IMAGE, ROOT, SIF, Cube, auditcube, engine, everything, sha256, sidecar

pytestmark = pytest.mark.engine


def test_demo_passes_and_names_its_container(cube: Cube) -> None:
    out = cube.tmp / "out"
    done = cube.run("demo", f"output_dir={out}", "--network=none")
    assert done.code == 0, done.out
    assert validate([out]).findings == []
    assert auditcube("verify", out) == 0
    manifest = sidecar(out)
    assert [verdict["outcome"] for verdict in manifest["verdicts"]] == ["PASS"]
    assert manifest["mlcube_config_hash"] == f"sha256:{sha256(ROOT / 'mlcube.yaml')}"
    assert manifest["config_hashes"]["mlcube_yaml"] == sha256(ROOT / "mlcube.yaml")
    check_identity(cube, manifest)
    # Whoever called owns all of it, and nothing of the caller's environment is in it.
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in [out, *out.rglob("*")]}
    assert owners == {(os.getuid(), os.getgid())}
    assert not any(CANARY.encode() in data for data in everything(out).values())


def check_identity(cube: Cube, manifest: Any) -> None:
    """What the engine itself says of the image stands in the sidecar."""
    identity = manifest["image_identity"]
    assert identity["contradictions"] == []
    assert identity["resolved_by"] == "runner"
    assert identity["unknown"] == []
    assert set(identity["resolvers"].values()) == {"runner"}
    assert identity["image_platform"] == identity["platform"]
    assert identity["marks"]
    if cube.platform == "docker":
        assert manifest["runner"] == engine("--version").split()[0].lower()  # docker, or podman under its name
        assert manifest["image"] == identity["reference"] == IMAGE
        told = engine("image", "inspect", "-f", '{{.Id}} {{join .RepoDigests ","}}', IMAGE).split()
        assert identity["config_digest"]["sha256"] == told[0].removeprefix("sha256:")
        digests = {digest.rsplit(":", 1)[1] for digest in ",".join(told[1:]).split(",") if digest}
        assert {digest["sha256"] for digest in identity.get("repo_digests", [])} == digests
        assert identity["platform"] == engine("image", "inspect", "-f", "{{.Os}}/{{.Architecture}}", IMAGE)
    else:
        assert manifest["runner"] == "singularity"
        assert manifest["image"] == identity["reference"] == SIF.name
        assert identity["sif_sha256"] == sha256(SIF)


def test_a_cheat_is_handed_on(cube: Cube) -> None:
    out = cube.tmp / "out"
    by_name = {"CUBE_DOCKER": "podman"} if shutil.which("podman") else {}
    assert cube.run("demo", f"output_dir={out}", variables={"CHEAT": "exact_cache", **by_name}).code == 1
    assert [verdict["outcome"] for verdict in sidecar(out)["verdicts"]] == ["FAIL"]


def test_the_outputs_belong_to_the_user_told(docker_cube: Cube) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can run a container as somebody else")
    out = docker_cube.tmp / "out"
    out.mkdir()
    os.chown(out, 12345, 12346)
    done = docker_cube.run("demo", f"output_dir={out}", variables={"AUDITCUBE_USER": "12345:12346"})
    assert done.code == 0, done.out
    assert {(path.stat().st_uid, path.stat().st_gid) for path in out.rglob("*")} == {(12345, 12346)}


def test_a_runner_that_lies_is_recorded(docker_cube: Cube) -> None:
    """A sidecar that says singularity, from a container with the marks of another engine."""
    out = docker_cube.tmp / "out"
    out.mkdir()
    out.chmod(0o777)
    options = ["--rm", "--network=none", "--read-only", "--tmpfs", "/tmp", "-v", f"{out}:/out"]
    engine("run", *options, IMAGE, "demo", "--output_dir", "/out/untold")
    lie = ["-e", "AUDITCUBE_RUNNER=singularity"]
    engine("run", *options, *lie, IMAGE, "verify", "/out/untold", "--output_dir", "/out/told")
    told, untold = sidecar(out / "told"), sidecar(out / "untold")
    assert told["runner"] == "singularity"
    assert len(told["image_identity"]["contradictions"]) == 1
    assert untold["runner"] == engine("--version").split()[0].lower()
    assert untold["image"] == "unknown"
    assert untold["image_identity"]["resolved_by"] == "runtime"
    # As the image comes: an ordinary user, whom nobody named.
    assert {path.stat().st_uid for path in out.iterdir()} == {65532}
