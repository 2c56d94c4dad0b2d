"""The images under test, made once from this checkout, and the cube on each platform that is here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mlcube.cube import MLCUBE, PLATFORMS, ROOT, Cube, Endpoint, engine, environment, missing
from mlcube.others import IMAGES, NAMES, Other, copied, variables


@pytest.fixture(scope="session")
def docker_image(tmp_path_factory: pytest.TempPathFactory) -> None:
    if reason := missing("docker"):
        pytest.skip(reason)
    _make("docker", tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def sif(docker_image: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    _make("sif", tmp_path_factory.mktemp("sif"))


def _make(what: str, tmp: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "scripts" / "image"), what], env=environment(tmp), capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=PLATFORMS)
def cube(request: pytest.FixtureRequest, tmp_path: Path) -> Cube:
    """The cube on each platform, one after the other."""
    return _cube(request, request.param, tmp_path)


@pytest.fixture
def docker_cube(request: pytest.FixtureRequest, tmp_path: Path) -> Cube:
    return _cube(request, "docker", tmp_path)


def _cube(request: pytest.FixtureRequest, platform: str, tmp_path: Path) -> Cube:
    if reason := missing(platform):
        pytest.skip(reason)
    request.getfixturevalue("docker_image" if platform == "docker" else "sif")
    return Cube(platform, tmp_path)


@pytest.fixture(scope="session")
def honest() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The images of the MLCubes that are not ours, by MLCube itself; the variables with which they are run."""
    if reason := missing("docker"):
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("others")
    given = variables(folder)
    for name in NAMES:
        _mlcube("configure", copied(name, "docker", folder / "docker", given))
    return given


@pytest.fixture(scope="session")
def other_sifs(others: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("other_sifs")
    for name in NAMES:
        cube = copied(name, "singularity", folder, others)
        (cube.root / ".image").mkdir()
        archive = cube.root / ".image" / f"{name}.tar"
        podman = ["--format", "docker-archive"] if "podman" in engine("--version") else []
        engine("save", "--quiet", *podman, "--output", str(archive), IMAGES[name])
        _mlcube("configure", cube)
    return others


def _mlcube(verb: str, cube: Other) -> None:
    command = [str(MLCUBE), verb, f"--mlcube={cube.root}", f"--platform={cube.platform}"]
    done = subprocess.run(command, env=cube.environment(), cwd=cube.tmp, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=PLATFORMS)
def matmul(request: pytest.FixtureRequest, tmp_path: Path) -> Other:
    return _other(request, "matmul", request.param, tmp_path)


@pytest.fixture(params=PLATFORMS)
def hello_world(request: pytest.FixtureRequest, tmp_path: Path) -> Other:
    return _other(request, "hello_world", request.param, tmp_path)


@pytest.fixture
def docker_matmul(request: pytest.FixtureRequest, tmp_path: Path) -> Other:
    return _other(request, "matmul", "docker", tmp_path)


@pytest.fixture
def docker_hello(request: pytest.FixtureRequest, tmp_path: Path) -> Other:
    return _other(request, "hello_world", "docker", tmp_path)


def _other(request: pytest.FixtureRequest, name: str, platform: str, tmp: Path) -> Other:
    if reason := missing(platform):
        pytest.skip(reason)
    given = request.getfixturevalue("others" if platform == "docker" else "other_sifs")
    return copied(name, platform, tmp, given)
