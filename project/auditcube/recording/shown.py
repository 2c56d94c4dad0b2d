"""The effective configuration as it may be shown: every key that shapes the run, and no value that could be private.

A closed world: of the arguments of an engine only names are kept, and values of a few plain forms; of variables the
names; of parameters no path that was given on the command line or that lies outside of the MLCube. Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from auditcube.recording.effective import Effective, Parameter

WITHHELD = "[withheld]"
_PLAIN = re.compile(
    r"[0-9]{1,12}([kmgtKMGT][bB]?)?|[0-9]{1,6}(:[0-9]{1,6}|[-,][0-9]{1,6})*"
    r"|ro|rw|true|false|host|none|bridge|private|all|ALL|no-new-privileges|docker|podman|singularity|apptainer"
)
_ENV = ("-e", "--env", "--build-arg")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_OPTION = re.compile(r"-[A-Za-z]|--[A-Za-z][A-Za-z0-9-]{0,40}")  # to a letter, a value may be glued
_WORDS = ("build_args", "env_args", "cpu_args", "gpu_args", "run_args")
_AS_IT_IS = re.compile(r"\.|[A-Za-z0-9][\w .:@/+-]{0,200}", re.ASCII)


def shown(effective: Effective) -> bytes:
    """The file config.yaml of a record."""
    runner = effective.document["runner"]
    name, version = effective.document.get("name"), effective.document.get("version")
    told = {
        "name": None if name is None else str(name),
        "version": None if version is None else str(version),
        "platform": {"accelerator_count": _accelerators(effective.document)},
        "runner": {str(key): _setting(str(key), value, effective) for key, value in runner.items()},
        "tasks": {task: _task(effective, task) for task in dict.fromkeys(effective.tasks)},
    }
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=1000).encode()


def _accelerators(document: Mapping[str, Any]) -> int:
    platform = document.get("platform")
    count = platform.get("accelerator_count") if isinstance(platform, Mapping) else None
    return count if isinstance(count, int) else 0


def _setting(key: str, value: Any, effective: Effective) -> Any:
    """One setting of the runner."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if key in _WORDS:
        return " ".join(arguments(str(value)))
    if key.startswith("--"):
        return plain(str(value))
    return _place(str(value), effective)


def arguments(text: str) -> Iterator[str]:
    """The words of an engine's arguments: names of options and of variables, and values of plain forms."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    before = ""
    for word in words:
        name, equals, value = word.partition("=")
        if before in _ENV:
            yield _variable(word)
        elif name in _ENV and equals:
            yield f"{name}={_variable(value)}"
        elif _OPTION.fullmatch(name):
            yield f"{name}={plain(value)}" if equals else name
        else:
            yield plain(word)
        before = word


def _variable(assignment: str) -> str:
    """NAME or NAME=VALUE without the value."""
    name, equals, _ = assignment.partition("=")
    return f"{name if _ENV_NAME.fullmatch(name) else WITHHELD}{f'={WITHHELD}' if equals else ''}"


def plain(value: str) -> str:
    """A value of a plain form, or the mark."""
    return value if _PLAIN.fullmatch(value) else WITHHELD


def _task(effective: Effective, task: str) -> dict[str, Any]:
    sides = {}
    for io in ("input", "output"):
        found = (parameter for parameter in effective.of(io) if parameter.task == task)
        sides[f"{io}s"] = {
            parameter.name: {"type": parameter.kind, **_opts(parameter), "default": _default(parameter, effective)}
            for parameter in found
        }
    entrypoint = (effective.document["tasks"][task] or {}).get("entrypoint")
    custom = {} if entrypoint is None else {"entrypoint": " ".join(arguments(str(entrypoint)))}
    return {"parameters": sides, **custom}


def _opts(parameter: Parameter) -> dict[str, str]:
    return {} if parameter.opts is None else {"opts": plain(parameter.opts)}


def _default(parameter: Parameter, effective: Effective) -> str:
    return WITHHELD if parameter.given else _place(str(parameter.path), effective)


def _place(value: str, effective: Effective) -> str:
    """A path below the MLCube or its workspace as one that says no more than that; another one is withheld."""
    for name, folder in (("${workspace}", effective.workspace), ("${runtime.root}", effective.root)):
        if _below(value, folder):
            return str(Path(name, Path(value).relative_to(folder)))
    return value if _AS_IT_IS.fullmatch(value) else WITHHELD


def _below(value: str, folder: Path) -> bool:
    return value.startswith("/") and Path(value).is_relative_to(folder)
