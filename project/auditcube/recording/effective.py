"""The configuration that MLCube itself resolves for one run, as values.

Source: what `mlcube show_config --resolve` prints, by the code that `mlcube run` calls: the system settings' platform,
mlcube.yaml and the command line, merged in this order. Where a parameter lies: `mlcube.shell.Shell.get_host_path`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.errors import InvalidInput
from auditcube.recording.command import Command

RUNNERS = ("docker", "singularity")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Parameter:
    """One input or output of one task; `kind` is file, directory or unknown, `path` where it lies on the host."""

    task: str
    name: str
    io: str
    kind: str
    path: Path
    told: str  # as the configuration says it, before it is made absolute
    given: bool  # on the command line
    opts: str | None = None  # how it is mounted


@dataclass(frozen=True)
class Effective:
    """What is used of the configuration; `document` is the whole, with whatever secrets it holds."""

    name: str
    root: Path
    workspace: Path
    runner: str
    engine: str
    image: str
    tasks: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    document: Mapping[str, Any]

    @property
    def sif(self) -> Path | None:
        """The image's file, of a runner whose images are files."""
        if self.runner != "singularity":
            return None
        return Path(str(self.document["runner"].get("image_dir", "")), self.image)

    def of(self, io: str) -> list[Parameter]:
        """The inputs or the outputs of all tasks."""
        return [parameter for parameter in self.parameters if parameter.io == io]


def effective(document: Any, command: Command) -> Effective:
    """What `document`, as MLCube printed it, says of the tasks of `command`.

    Raises InvalidInput for a runner other than RUNNERS, an unknown task, or names that cannot be recorded.
    """
    try:
        runner, runtime, known = document["runner"], document["runtime"], dict(document["tasks"] or {})
        kind, image = str(runner["runner"]), str(runner["image"])
        root, workspace = Path(runtime["root"]), Path(runtime["workspace"])
        tasks = _tasks(command, known)
        parameters = tuple(_parameters(tasks, known, command, workspace))
    except (LookupError, TypeError, ValueError, AttributeError) as problem:
        raise InvalidInput(f"{command.mlcube}: `mlcube show_config` says nothing of a runner and of tasks") from problem
    if kind not in RUNNERS:
        told = f"the platform {command.platform} has the runner {kind}"
        raise InvalidInput(f"{command.mlcube}: {told}; record knows {' and '.join(RUNNERS)}")
    for name in (*tasks, *(parameter.name for parameter in parameters)):
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"{command.mlcube}: a task or parameter is called {name!r}, which cannot be recorded")
    name = str(document.get("name") or "unknown")
    engine = str(runner.get(kind, kind))
    return Effective(name, root, workspace, kind, engine, image, tasks, parameters, document)


def _tasks(command: Command, known: Mapping[str, Any]) -> tuple[str, ...]:
    """The tasks that MLCube runs: those named, or the only one."""
    has = ", ".join(map(str, known)) or "none"
    if not command.tasks and len(known) != 1:
        raise InvalidInput(f"{command.mlcube}: has the tasks {has}; choose with --task")
    if missing := [task for task in command.tasks if task not in known]:
        raise InvalidInput(f"{command.mlcube}: has no task {missing[0]!r}; it has {has}")
    return command.tasks or tuple(known)


def _parameters(
    tasks: tuple[str, ...], known: Mapping[str, Any], command: Command, workspace: Path
) -> Iterator[Parameter]:
    for task in dict.fromkeys(tasks):
        of_task = (known[task] or {}).get("parameters") or {}
        for io in ("input", "output"):
            for name, entry in (of_task.get(f"{io}s") or {}).items():
                told, opts = str(entry["default"]), entry.get("opts")
                yield Parameter(
                    task, str(name), io, str(entry["type"]), host_path(told, workspace), told,
                    given=str(name) in command.parameters, opts=None if opts is None else str(opts),
                )  # fmt: skip


def host_path(told: str, workspace: Path) -> Path:
    """Where a parameter lies: a relative path below the workspace, after `~` and variables."""
    return workspace / os.path.expandvars(os.path.expanduser(told))
