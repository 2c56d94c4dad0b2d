"""What is set up around the cube, tried without an engine: the runner's environment, the variables, the lock."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from auditcube import __version__
from mlcube.cube import CANARY, ROOT


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return path


def test_the_cube_has_the_packages_version_and_every_task_its_own_output() -> None:
    cube = yaml.safe_load((ROOT / "mlcube.yaml").read_text("utf-8"))
    assert cube["version"] == __version__
    tasks = cube["tasks"]
    assert set(tasks) == {"demo", "audit", "run_reference", "run_audit", "verify"}
    outputs = [task["parameters"]["outputs"]["output_dir"]["default"] for task in tasks.values()]
    assert len(set(outputs)) == len(outputs)
    inputs = [each for task in tasks.values() for each in task["parameters"]["inputs"].values()]
    assert all(each["opts"] == "ro" for each in inputs)


@pytest.mark.parametrize(("version", "text"), [("3.12", "distutils"), ("3.13", "typing.io"), ("3.9", "tried with no")])
def test_another_python_is_explained(tmp_path: Path, version: str, text: str) -> None:
    python = script(tmp_path / "python", f"#!/bin/sh\necho {version}\n")
    done = subprocess.run(
        [str(ROOT / "scripts" / "mlcube-env"), str(tmp_path / "env"), str(python)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert text in done.stderr
    assert "MLCUBE_PYTHON=" in done.stderr
    assert not (tmp_path / "env").exists()


def test_singularity_gets_variables_by_name(tmp_path: Path) -> None:
    script(tmp_path / "apptainer", '#!/bin/sh\nenv | grep ENV_ | sort\necho "$@"\n')
    variables = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "ENDPOINT_API_KEY": CANARY,
        "CHEAT": "",
        "HOME": "/nowhere",
    }
    wrapper = str(ROOT / "scripts" / "singularity")
    out = subprocess.run([wrapper, "run", "x"], env=variables, check=True, capture_output=True, text=True).stdout
    assert out.splitlines() == [
        "APPTAINERENV_CHEAT=",
        f"APPTAINERENV_ENDPOINT_API_KEY={CANARY}",
        "SINGULARITYENV_CHEAT=",
        f"SINGULARITYENV_ENDPOINT_API_KEY={CANARY}",
        "run x",
    ]
    named = {**variables, "AUDITCUBE_KEY_NAME": "MY_KEY", "MY_KEY": "mine"}
    out = subprocess.run([wrapper, "run", "x"], env=named, check=True, capture_output=True, text=True).stdout
    assert "APPTAINERENV_MY_KEY=mine" in out
    assert CANARY not in out


BROKEN_LOCKS = [
    ("no file", None, "not there"),
    ("a hash less", (" \\\n    --hash=sha256:", "#"), "not as scripts/lock writes it"),
    ("a package less", ("orjson==", "other=="), "setup.py requires orjson"),
    ("an old version", ("orjson==", "orjson==0."), "setup.py requires orjson"),
    ("other requirements", ("# for orjson", "# for json"), "not as scripts/lock writes it"),
]


@pytest.mark.parametrize(
    ("change", "text"), [case[1:] for case in BROKEN_LOCKS], ids=[case[0] for case in BROKEN_LOCKS]
)
def test_a_stale_lock_is_found(tmp_path: Path, change: tuple[str, str] | None, text: str) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("setup.py", "scripts/lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    if change is not None:
        assert change[0] in lock
        (tmp_path / "requirements.lock").write_text(lock.replace(*change, 1), "utf-8")
    done = subprocess.run([sys.executable, tmp_path / "scripts" / "lock", "--check"], capture_output=True, text=True)
    assert done.returncode == 1
    assert text in done.stderr
