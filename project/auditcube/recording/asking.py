"""Asks the very `mlcube` that is to run which configuration it resolves; nothing of the MLCube is run or changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from auditcube.errors import InvalidInput, SetupFailed
from auditcube.recording.command import Command

_TIMEOUT_S = 120


def mlcube_file(command: Command) -> Path:
    """The file that MLCube reads, mlcube.yaml in a directory. Raises InvalidInput if there is none."""
    place = Path(os.path.abspath(command.mlcube))
    file = place if place.is_file() else place / "mlcube.yaml"
    if not file.is_file():
        raise InvalidInput(f"{command.mlcube}: has no mlcube.yaml; give the MLCube's directory with --mlcube")
    return file


def check_engine(engine: str, where: str) -> None:
    """Raises SetupFailed if the program by which MLCube's runner starts containers is not here."""
    program = engine.split()[0] if engine.strip() else ""
    if re.fullmatch(r"[\w./+-]+", program) and shutil.which(program) is None:
        raise SetupFailed(
            f"{where}: its platform calls {program}, and there is no such command; install it, or set another"
        )


def ask(command: Command) -> Any:
    """The resolved configuration as MLCube prints it.

    Raises SetupFailed where there is no such program, InvalidInput where it refuses the configuration.
    """
    program = command.program[0]
    if shutil.which(program) is None:
        raise SetupFailed(f"{program}: no such command; `make mlcube` installs MLCube, or give the path of one")
    try:
        done = subprocess.run(
            command.show_config(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise SetupFailed(f"{program}: does not run, or does not answer to show_config") from problem
    if done.returncode:
        why = _why(done.stderr).replace("Missing key runner", f"it knows no platform {command.platform}")
        raise InvalidInput(
            f"{command.mlcube}: mlcube cannot resolve its configuration: {why}; see `mlcube show_config`"
        )
    try:
        return yaml.safe_load(done.stdout)
    except yaml.YAMLError as problem:
        raise InvalidInput(f"{command.mlcube}: mlcube show_config prints something else than YAML") from problem


def _why(text: str) -> str:
    """The line of a traceback that says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line.split(":")[0]), lines[-1] if lines else "no word")
