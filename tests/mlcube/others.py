"""MLCubes written like MLCommons' public examples, and `auditcube record` around a real `mlcube run` of one.

Each test gets a copy of its own: the workspace lies in an MLCube's directory, and a task writes to it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlcube.cube import AUDITCUBE, CANARY, IMAGE, MLCUBE, environment, sidecar

CUBES = Path(__file__).parent / "cubes"
NAMES = ("hello_world", "matmul")
BASE = "localhost/python-base:3.11"
IMAGES = {name: IMAGE.replace("auditcube-test", f"auditcube-{name.replace('_', '-')}") for name in NAMES}
# MLCube 0.0.9 prints its help and ends with 0 where a word that begins with -P has an h in it; nothing is run.
PRINTS_HELP = "-Pdocker.cpu_args=--hostname=x"


@dataclass(frozen=True)
class Recording:
    """What came of one command, and the directory that it was to write."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def manifest(self) -> Any:
        return sidecar(self.folder)


@dataclass(frozen=True)
class Other:
    """A copy of somebody else's MLCube on one platform."""

    root: Path
    tmp: Path
    platform: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    def edit(self, old: str, new: str, name: str = "mlcube.yaml") -> None:
        """Change one word of a file."""
        text = (self.root / name).read_text("utf-8")
        assert old in text
        (self.root / name).write_text(text.replace(old, new, 1), "utf-8")

    def environment(self) -> dict[str, str]:
        measured = {name: value for name, value in os.environ.items() if name.startswith("COV")}
        return {**environment(self.tmp, **self.variables), **measured}

    def command(self, *words: str, to: str = "out", options: tuple[str, ...] = ()) -> list[str]:
        given = (f"--mlcube={self.root}", f"--platform={self.platform}")
        own = [str(AUDITCUBE), "record", "--output_dir", str(self.tmp / to), *options]
        return [*own, "--", str(MLCUBE), "run", *given, *words]

    def record(self, *words: str, to: str = "out", options: tuple[str, ...] = ()) -> Recording:
        """`auditcube record -- mlcube run ...` to its end, from a directory that is not the MLCube's."""
        done = subprocess.run(
            self.command(*words, to=to, options=options), env=self.environment(), cwd=self.tmp,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        return Recording(done.returncode, done.stdout, done.stderr, self.tmp / to)


def variables(folder: Path) -> dict[str, str]:
    """What the MLCubes read: names of images, the base to build on, where SIFs lie, and a secret."""
    local = subprocess.run(["docker", "image", "inspect", BASE], capture_output=True).returncode == 0
    return {
        **{f"{name.split('_')[0].upper()}_IMAGE": image for name, image in IMAGES.items()},
        **({"CUBE_BASE": BASE} if local else {}),
        "CUBE_SIF_DIR": str(folder),
        "MATMUL_TOKEN": CANARY,
    }


def copied(name: str, platform: str, tmp: Path, given: Mapping[str, str]) -> Other:
    """A copy of one of the MLCubes, with a secret among its variables."""
    return Other(Path(shutil.copytree(CUBES / name, tmp / name)), tmp, platform, given)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
