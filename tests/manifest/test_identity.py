"""Told and seen: who names the runner, which digests get through, and which contradictions are recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import InvalidInput
from auditcube.manifest.identity import MARKS, Seen, Told, identify, told
from auditcube.manifest.surroundings import look

HASH = f"sha256:{'ab' * 32}"
ONE, TWO = "1" * 64, "2" * 64


def seen(*marks: str, machine: str = "x86_64", **more: str) -> Seen:
    return Seen(marks, more.pop("image_file", None), "Linux", machine, **more)


def details(said: Told, saw: Seen) -> Any:
    identity = identify(said, saw, HASH)
    assert identity.image_identity is not None
    return identity.image_identity


def test_on_the_host_there_is_no_image() -> None:
    for said in (Told(), Told(runner="none")):
        identity = identify(said, seen(), HASH)
        assert (identity.runner, identity.image, identity.mlcube_config_hash) == ("none", "none", HASH)
        assert identity.image_identity is None


def test_what_is_told_stands_beside_what_is_seen() -> None:
    said = Told("podman", "localhost/auditcube:1", ONE, repo_digests=(TWO,), platform="linux/arm64/v8")
    assert details(said, seen("container=podman", machine="aarch64")) == {
        "reference": "localhost/auditcube:1",
        "config_digest": {"sha256": ONE},
        "repo_digests": [{"sha256": TWO}],
        "platform": "linux/arm64",
        "image_platform": "linux/arm64/v8",
        "resolved_by": "runner",
        "resolvers": {"config_digest": "runner", "repo_digests": "runner"},
        "unknown": [],
        "marks": ["container=podman"],
        "contradictions": [],
    }
    assert identify(said, seen("container=podman"), HASH).runner == "podman"


@pytest.mark.parametrize("mark", MARKS)
def test_untold_a_mark_names_the_runner(mark: str) -> None:
    identity = identify(Told(), seen(mark), HASH)
    assert (identity.runner, identity.image) == (MARKS[mark], "unknown")
    assert details(Told(), seen(mark))["resolved_by"] == "runtime"
    assert details(Told(), seen(mark))["contradictions"] == []


UNKNOWN = [
    (Told("docker"), ["config_digest", "manifest_digest"]),
    (Told("docker", config_digest=ONE), ["manifest_digest"]),
    (Told("podman", index_digest=ONE), ["config_digest"]),
    (Told("podman", config_digest=ONE, repo_digests=(TWO,)), []),
    (Told("singularity"), ["sif_sha256"]),
    (Told("singularity", sif_sha256=ONE), []),
    (Told("enroot"), ["squashfs_sha256"]),
    (Told("enroot", squashfs_sha256=ONE), []),
]


@pytest.mark.parametrize(("said", "kinds"), UNKNOWN)
def test_what_nobody_told_is_said_to_be_unknown(said: Told, kinds: list[str]) -> None:
    assert details(said, seen())["unknown"] == kinds


def test_what_the_container_finds_out_by_itself_is_said_to_be_its_own() -> None:
    found = details(Told("podman"), seen("/run/.containerenv", image_id=ONE))
    assert found["config_digest"] == {"sha256": ONE}
    assert found["resolvers"] == {"config_digest": "container"}
    assert found["unknown"] == ["manifest_digest"]


CONTRADICTIONS = [
    (
        "another image id",
        Told("podman", config_digest=ONE),
        seen("container=podman", image_id=TWO),
        "Podman wrote another image id",
    ),
    (
        "another machine",
        Told("docker", platform="linux/amd64"),
        seen("/.dockerenv", machine="aarch64"),
        "told to be for linux/amd64, but this is linux/arm64",
    ),
    ("another commit", Told("docker", revision="c0ffee0"), seen("/.dockerenv", commit="decaf00"), "another commit"),
    (
        "a reference by another digest",
        Told("docker", f"a@sha256:{ONE}", repo_digests=(TWO,)),
        seen("/.dockerenv"),
        "by a digest that is none of those",
    ),
    ("a SIF of docker", Told("docker", sif_sha256=ONE), seen("/.dockerenv"), "no image of docker has"),
    ("docker in podman", Told("docker"), seen("cgroup libpod"), "docker, but there are marks of podman"),
    ("none in docker", Told("none"), seen("/.dockerenv"), "none, but there are marks of docker"),
    ("singularity on the host", Told("singularity"), seen(), "no mark of a container"),
    ("an image on the host", Told(image="localhost/auditcube:1"), seen(), "no mark of a container"),
    (
        "another SIF",
        Told("singularity", "a.sif"),
        seen("/.singularity.d", image_file="b.sif"),
        "another name than that of the file",
    ),
]


@pytest.mark.parametrize(("said", "saw", "text"), [c[1:] for c in CONTRADICTIONS], ids=[c[0] for c in CONTRADICTIONS])
def test_a_contradiction_is_recorded(said: Told, saw: Seen, text: str) -> None:
    (found,) = details(said, saw)["contradictions"]
    assert text in found


@pytest.mark.parametrize(
    ("said", "saw"),
    [
        (Told("enroot", squashfs_sha256=ONE), seen()),
        (Told("singularity", "a.sif"), seen("cgroup docker", "/.singularity.d", image_file="a.sif")),
        (Told("docker"), seen("/.dockerenv", "cgroup docker")),
        (
            Told("podman", f"a@sha256:{TWO}", ONE, TWO, platform="linux/arm64/v8", revision="c0ffee0"),
            seen("/run/.containerenv", machine="aarch64", image_id=ONE, commit="c0ffee0"),
        ),
    ],
    ids=["enroot leaves no mark", "singularity in docker", "two marks", "all that can be compared"],
)
def test_no_contradiction(said: Told, saw: Seen) -> None:
    assert details(said, saw)["contradictions"] == []
    assert identify(said, saw, HASH).runner == said.runner


def test_the_variables_are_read() -> None:
    assert told({}) == told({"AUDITCUBE_RUNNER": "", "AUDITCUBE_IMAGE_ID": " "}) == Told()
    environ = {
        "AUDITCUBE_RUNNER": "podman",
        "AUDITCUBE_IMAGE": "localhost:5000/a/b:1@sha256:" + ONE,
        "AUDITCUBE_IMAGE_ID": "sha256:" + ONE,
        "AUDITCUBE_REPO_DIGESTS": f"localhost/a@sha256:{TWO},other/a@sha256:{TWO},x@sha256:{ONE}",
        "AUDITCUBE_SIF_SHA256": TWO,
        "AUDITCUBE_SQUASHFS_SHA256": TWO,
    }
    assert told(environ) == Told("podman", environ["AUDITCUBE_IMAGE"], ONE, None, None, (ONE, TWO), TWO, TWO)


def test_of_a_path_only_the_name_stays() -> None:
    assert told({"AUDITCUBE_IMAGE": "/home/somebody/images/auditcube.sqsh"}).image == "auditcube.sqsh"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNNER", "kubernetes"),
        ("IMAGE", "two words"),
        ("IMAGE_ID", "abc"),
        ("SIF_SHA256", "sha256:" + "g" * 64),
        ("REPO_DIGESTS", "a\nb"),
    ],
)
def test_a_malformed_value_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=f"AUDITCUBE_{name}") as raised:
        told({f"AUDITCUBE_{name}": value})
    assert value not in str(raised.value)


def test_marks_are_found(tmp_path: Path) -> None:
    assert look({}, tmp_path).marks == ()
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/libpod_parent/libpod-0123\n", "utf-8")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").touch()
    found = look({"container": "podman"}, tmp_path)
    assert found.marks == ("/run/.containerenv", "container=podman", "cgroup libpod")
    assert found.engines == ["podman"]
    assert found.image_id is None
    (tmp_path / "run/.containerenv").write_text(f'engine="podman-4.3.1"\nimageid="{ONE}"\nrootless=0\n', "utf-8")
    assert look({}, tmp_path).image_id == ONE
    (tmp_path / ".singularity.d").mkdir()
    found = look({"APPTAINER_CONTAINER": "/images/a.sif", "container": "lxc"}, tmp_path)
    assert found.image_file == "a.sif"
    assert found.engines == ["podman", "singularity"]
