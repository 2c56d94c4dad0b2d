"""`mlcube run` as a submitter types it, and an endpoint on the host for it to audit.

Tests look at exit codes and at the files that are left, not at what MLCube prints: its own noise differs by version.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube import __version__

ROOT = Path(__file__).resolve().parents[2]
MLCUBE = ROOT / ".mlcube" / "bin" / "mlcube"
AUDITCUBE = Path(sys.executable).with_name("auditcube")
SIDECAR = "mlcube.run_audit.json"
SIF = ROOT / ".image" / f"auditcube-{__version__}.sif"
# A name of this checkout's own: another one may be tested on the same machine at the same time.
IMAGE = f"localhost/auditcube-test-{hashlib.sha256(bytes(ROOT)).hexdigest()[:8]}:{__version__}"
PLATFORMS = ("docker", "singularity")
# Stands in the environment of whoever builds and runs; it must be found nowhere.
CANARY = "canary-4f1d8c2e9b7a"


@functools.cache
def missing(platform: str) -> str | None:
    """Why nothing can be run on this platform here, or None."""
    command = {"docker": "docker", "singularity": str(ROOT / "scripts" / "singularity")}[platform]
    if shutil.which(command) is None or subprocess.run([command, "--version"], capture_output=True).returncode:
        return f"no {platform} here; see docs/mlcube.md"
    if platform == "docker" and subprocess.run(["docker", "images"], capture_output=True).returncode:
        return "docker answers, but has no engine"
    return None if MLCUBE.exists() else "MLCube is not set up; run `make mlcube`"


def environment(tmp: Path, **extra: str) -> dict[str, str]:
    """What a submitter's shell has, with a secret in it, and MLCube's own settings kept out of the home directory."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR") if name in os.environ}
    own = {"MLCUBE_SYSTEM_SETTINGS": str(tmp / "mlcube-settings.yaml"), "AUDITCUBE_IMAGE": IMAGE}
    return {**kept, **own, "LC_ALL": "C.UTF-8", "ENDPOINT_API_KEY": CANARY, **extra}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str


@dataclass(frozen=True)
class Cube:
    """The cube on one platform, with a folder for whatever a test makes."""

    platform: str
    tmp: Path

    def command(self, verb: str, *arguments: str) -> list[str]:
        return [str(MLCUBE), verb, f"--mlcube={ROOT}", f"--platform={self.platform}", *arguments]

    def run(self, task: str, *arguments: str, variables: Mapping[str, str] | None = None) -> Ended:
        """`mlcube run` to its end, from a directory that is not the cube's."""
        return self.call("run", f"--task={task}", *arguments, variables=variables)

    def call(self, verb: str, *arguments: str, variables: Mapping[str, str] | None = None) -> Ended:
        done = subprocess.run(
            self.command(verb, *arguments),
            env=environment(self.tmp, **(variables or {})),
            cwd=self.tmp,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=240,
            text=True,
        )
        return Ended(done.returncode, done.stdout)

    def workspace(self, url: str, name: str = "workspace", **test04: Any) -> Path:
        """A workspace with a small job for the endpoint at `url`, under the names that mlcube.yaml expects."""
        folder = self.tmp / name
        folder.mkdir()
        rows = [{"prompt": f"a river under bridge number {number:03d}"} for number in range(32)]
        (folder / "video_prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        job = {
            "benchmark": "river",
            "scenario": "Offline",
            "endpoint": {
                "url": "${ENDPOINT_URL:-" + url + "}",
                "api": "videogen",
                "model": "demo",
                "api_key_env": "ENDPOINT_API_KEY",
            },
            "dataset": {"path": "video_prompts.jsonl", "id": "rivers", "provenance": "written by a test"},
            "load": {"max_in_flight": 16, "max_duration_s": 120.0},
            "audits": [{"test": "test04", "samples": 24, "threshold": 0.9, **test04}],
        }
        (folder / "demo.yaml").write_text(json.dumps(job), "utf-8")  # JSON is YAML
        return folder


class Endpoint:
    """`auditcube demo_endpoint` on a free port of the host; use it in `with`."""

    def __init__(self, *arguments: str, service_ms: float = 20) -> None:
        self._process = subprocess.Popen(
            [str(AUDITCUBE), "demo_endpoint", "--port", "0", "--service-ms", str(service_ms), *arguments],
            env={**os.environ, "ENDPOINT_API_KEY": CANARY},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = str(json.loads(self._process.stdout.readline())["url"])

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()


def auditcube(*arguments: str | Path) -> int:
    """The exit code of a command on the host."""
    return subprocess.run([str(AUDITCUBE), *map(str, arguments)], capture_output=True, timeout=60).returncode


def sidecar(folder: Path) -> Any:
    return json.loads((folder / SIDECAR).read_text("utf-8"))


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def engine(*arguments: str) -> str:
    """What docker, or podman under its name, prints."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
