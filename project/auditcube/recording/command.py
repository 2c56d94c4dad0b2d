"""The words of `mlcube run ...`, read as MLCube's own parser reads them. Pure.

Source: mlcube 0.0.9 and 0.0.10rc2, `mlcube.__main__.run` and `mlcube.parser.CliParser.parse_extra_arg`: options take a
value behind `=` or as the next word, the last one counts, and whatever is no option is `-Pkey=value` or `name=value`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from auditcube.errors import InvalidInput

USAGE = "auditcube record [--output_dir DIR] -- mlcube run --mlcube=PATH --platform=NAME --task=TASK [name=value ...]"
# Options of `mlcube run` that change how an engine is called, by the key that each is in a platform's section.
_ENGINE_KEYS: Mapping[str, Mapping[str, str]] = {
    "docker": {
        "network": "--network", "security": "--security-opt", "gpus": "--gpus", "memory": "--memory",
        "cpu": "--cpuset-cpus",
    },
    "singularity": {
        "network": "--network", "security": "--security", "memory": "--vm-ram", "cpu": "--vm-cpu",
    },
}  # fmt: skip
_VALUED = ("mlcube", "platform", "task", "workspace", "network", "security", "gpus", "memory", "cpu", "mount")
_LOG_LEVEL = ("--log-level", "--log_level")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Command:
    """One `mlcube run`: `program` is what comes before the word run, `argv` the whole as it is to be started."""

    argv: tuple[str, ...]
    program: tuple[str, ...]
    options: Mapping[str, str]
    configuration: tuple[str, ...]  # -Pkey=value
    parameters: Mapping[str, str]  # name=value
    unknown: tuple[str, ...]  # the names of other options, which MLCube passes over in silence

    @property
    def mlcube(self) -> str:
        """The MLCube's directory or file."""
        return self.options.get("mlcube", ".")

    @property
    def platform(self) -> str:
        return self.options.get("platform", "docker")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks named; none where MLCube is to find the only one."""
        named = self.options.get("task", "")
        return tuple(named.split(",")) if named else ()

    def show_config(self) -> tuple[str, ...]:
        """The command by which the same program says which configuration this one has."""
        keys = _ENGINE_KEYS.get(self.platform, {})
        engine = (f"-P{self.platform}.{key}={self.options[name]}" for name, key in keys.items() if name in self.options)
        where = (f"--{name}={self.options[name]}" for name in ("mlcube", "workspace") if name in self.options)
        given = (f"{name}={value}" for name, value in self.parameters.items())
        platform = f"--platform={self.platform}"
        return (*self.program, "show_config", "--resolve", platform, *where, *self.configuration, *engine, *given)


def parse(argv: Sequence[str]) -> Command:
    """The command in `argv`. Raises InvalidInput for anything but a `mlcube run` that MLCube would start."""
    length = _program(argv)
    if not length or list(argv[length : length + 1]) != ["run"]:
        told = f"not `{' '.join(argv[: length + 1])}`" if argv else "and there is nothing"
        raise InvalidInput(f"record: `mlcube run ...` is wanted behind --, {told}; write {USAGE}")
    options: dict[str, str] = {}
    configuration: list[str] = []
    parameters: dict[str, str] = {}
    unknown: list[str] = []
    words = list(argv[length + 1 :])
    while words:
        word = words.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        if word in ("-h", "--help"):
            raise InvalidInput(
                f"record: {word} runs nothing, so there is nothing to record; leave out `auditcube record`"
            )
        if word.startswith("--") and name in _VALUED:
            if not equals and not words:
                raise InvalidInput(f"record: {word} wants a value")
            options[name] = value if equals else words.pop(0)
        elif word.startswith("-P") and equals:
            configuration.append(word)
        elif word[:2].lower() == "-p":
            raise InvalidInput(
                f"record: {word}: write -Pkey=value as one word; MLCube 0.0.9 ignores any other spelling"
            )
        elif not equals:
            raise InvalidInput(f"record: {word!r} is no option of `mlcube run`, and no name=value")
        elif word.startswith("-"):
            unknown.append(_shown(name.lstrip("-")))
        else:
            parameters[name] = value
    return Command(
        tuple(argv), tuple(argv[:length]), options, tuple(configuration), parameters, tuple(dict.fromkeys(unknown))
    )


def _program(argv: Sequence[str]) -> int:
    """How many words name the program, with options of its own: `mlcube`, or `python -m mlcube`; 0 for another one."""
    if argv and PurePath(argv[0]).name == "mlcube":
        length = 1
    elif len(argv) > 2 and PurePath(argv[0]).name.startswith("python") and list(argv[1:3]) == ["-m", "mlcube"]:
        length = 3
    else:
        return 0
    while length < len(argv) and argv[length].split("=")[0] in _LOG_LEVEL:
        length += 1 if "=" in argv[length] else 2
    return length


def ignored(command: Command, known: Sequence[str]) -> tuple[str, ...]:
    """Names on the command line that no task of this call has, and that MLCube passes over; none of their values."""
    strange = (_shown(name) for name in command.parameters if name not in known)
    return tuple(dict.fromkeys((*command.unknown, *strange)))


def _shown(name: str) -> str:
    """A name that may be told; what has not the form of one could be a value."""
    return name if _NAME.fullmatch(name) else "a word of another form"
