"""What engines answer about an image in their store, and where nothing is to be found out.

The answers of Docker are as its documentation and source have them: no test machine has a Docker engine. Podman's own
are asked for in tests/mlcube/test_identity.py.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import InvalidInput, SetupFailed
from auditcube.manifest.identity import Told, described, told, variables
from auditcube.manifest.images import inspected, resolve

ONE, TWO, THREE = "1" * 64, "2" * 64, "3" * 64
COMMIT = "c0ffee0"
CONFIG = {"Config": {"Labels": {"org.opencontainers.image.revision": COMMIT}}}

ANSWERS = [
    (
        "docker",
        {"Id": f"sha256:{ONE}", "RepoDigests": [f"a/b@sha256:{TWO}"], "Os": "linux", "Architecture": "amd64", **CONFIG},
        Told(config_digest=ONE, repo_digests=(TWO,), platform="linux/amd64", revision=COMMIT),
    ),
    (
        "docker with containerd's store, an index",
        {
            "Id": f"sha256:{ONE}",
            "Descriptor": {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": f"sha256:{ONE}"},
            "RepoDigests": [f"a/b@sha256:{ONE}"],
            "Os": "linux",
            "Architecture": "arm64",
            "Variant": "v8",
        },
        Told(index_digest=ONE, repo_digests=(ONE,), platform="linux/arm64/v8"),
    ),
    (
        "docker with containerd's store, a manifest",
        {
            "Id": f"sha256:{ONE}",
            "Descriptor": {
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "digest": f"sha256:{ONE}",
            },
        },
        Told(manifest_digest=ONE),
    ),
    (
        "docker names the manifest beside a config digest",
        {
            "Id": f"sha256:{ONE}",
            "Descriptor": {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{TWO}"},
        },
        Told(config_digest=ONE, manifest_digest=TWO),
    ),
    (
        "podman",
        {"Id": ONE, "Digest": f"sha256:{TWO}", "RepoDigests": [f"x@sha256:{THREE}", f"x@sha256:{TWO}"]},
        Told(config_digest=ONE, manifest_digest=TWO, repo_digests=(TWO, THREE)),
    ),
    ("nothing that is known", {"Id": 5, "RepoDigests": None, "Config": None, "Descriptor": None}, Told()),
]


@pytest.mark.parametrize(("answer", "expected"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_an_answer_is_read(answer: Any, expected: Told) -> None:
    assert inspected(answer) == expected


def engine(version: str, stdout: str, code: int = 0) -> Any:
    def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        if command[1:] == ["--version"]:
            return subprocess.CompletedProcess(command, 0, version, "")
        assert command[1:] == ["image", "inspect", "--", "registry.example/a:1"]
        return subprocess.CompletedProcess(command, code, stdout, "")

    return run


def test_podman_under_dockers_name_is_podman() -> None:
    answer = json.dumps([{"Id": ONE}])
    found = resolve("registry.example/a:1", "docker", run=engine("podman version 4.3.1", answer))
    assert found == Told("podman", "registry.example/a:1", ONE)
    found = resolve("registry.example/a:1", "docker", run=engine("Docker version 29.0.0", answer))
    assert found.runner == "docker"


@pytest.mark.parametrize(("stdout", "code"), [("[]", 1), ("[]", 0), ("", 125)])
def test_an_image_that_is_not_there(stdout: str, code: int) -> None:
    with pytest.raises(InvalidInput, match="no such image"):
        resolve("registry.example/a:1", "docker", run=engine("Docker", stdout, code))


def test_an_engine_that_is_none() -> None:
    with pytest.raises(SetupFailed, match="else than JSON"):
        resolve("registry.example/a:1", "docker", run=engine("Docker", "<html>"))
    with pytest.raises(SetupFailed, match="does not run"):
        resolve("registry.example/a:1", "/nonexistent/docker")


def test_without_an_engine_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SetupFailed, match="neither docker nor podman"):
        resolve("registry.example/a:1")


@pytest.mark.parametrize("name", ["oci:nowhere", "docker-archive:nowhere.tar", "./nowhere.sif", "/nowhere.sif"])
def test_a_path_that_is_not_there(name: str) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        resolve(name)


def test_a_path_is_looked_at_with_and_without_its_kind(tmp_path: Path) -> None:
    (tmp_path / "a.sqsh").write_bytes(b"hsqs")
    assert resolve(str(tmp_path / "a.sqsh")) == resolve(f"oci-archive:{tmp_path / 'a.sqsh'}")


def test_what_the_host_found_out_is_said_with_what_it_did_not() -> None:
    assert described(Told("docker", "a:1", ONE, platform="linux/amd64")) == {
        "runner": "docker",
        "reference": "a:1",
        "config_digest": {"sha256": ONE},
        "image_platform": "linux/amd64",
        "resolvers": {"config_digest": "host"},
        "unknown": ["manifest_digest"],
    }


def test_the_variables_say_the_same_inside() -> None:
    said = Told("podman", "a:1", ONE, TWO, THREE, (ONE, TWO), platform="linux/arm64/v8", revision=COMMIT)
    assert told(variables(said)) == said
    assert variables(Told()) == {}
