"""The images under test, made once from this checkout, and the cube on each platform that is here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlcube.cube import PLATFORMS, ROOT, Cube, Endpoint, environment, missing


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
