"""The endpoint's options: their defaults, the command line that sets them, and what is refused. Cheap to import."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from auditcube.demo import switches
from auditcube.demo.cheats import CHEATS
from auditcube.demo.nuisances import NUISANCES
from auditcube.demo.prompts import prompts
from auditcube.demo.sse import STYLES, style_of

ERROR_BODIES = ("json", "text", "html")


def _built_in_prompts() -> frozenset[str]:
    return frozenset(row["prompt"] for row in prompts())


@dataclass(frozen=True)
class Options:
    """How the endpoint behaves; as it comes, honest and even."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: a free one."""
    model: str = "demo"
    slots: int = 4
    service_ms: float = 25.0
    """How long a request holds its slot, without its tokens."""
    token_ms: float = 1.0
    """How much longer for each generated token."""
    seed: int = 0
    """Of jitter, errors and partial caching; no answer depends on it."""
    max_frames: int = 16
    video_dir: Path | None = None
    """Where videos are written; None: a temporary directory that goes with the process."""
    raw_mp4: bool = False
    strict_fields: bool = False
    error_body: str = "json"
    sse_style: str = ""
    require_key_env: str | None = None
    """The environment variable that holds the API key which `/v1/` asks for."""
    cheats: tuple[switches.Switch, ...] = ()
    nuisances: tuple[switches.Switch, ...] = ()
    preload: frozenset[str] = field(default_factory=_built_in_prompts, repr=False)
    """The prompts whose answers the cheat `preloaded` has ready."""
    parent_pid: int | None = None
    """End when this process is no longer the parent."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add an argument for every option to `parser`; `options_from` reads what it then returns."""
    default = Options(preload=frozenset())
    add = parser.add_argument
    add("--host", default=default.host, help="address to listen on (%(default)s)")
    add("--port", type=int, default=default.port, help="0, the default, takes a free one")
    add("--model", default=default.model, help="the model's name (%(default)s)")
    add("--slots", type=int, default=default.slots, metavar="N", help="requests served at once (%(default)s)")
    add("--service-ms", type=float, default=default.service_ms, metavar="MS", help="time per request (%(default)s)")
    add("--token-ms", type=float, default=default.token_ms, metavar="MS", help="and per token (%(default)s)")
    add("--seed", type=int, default=default.seed, help="of jitter, errors, partial caching (%(default)s)")
    add("--max-frames", type=int, default=default.max_frames, metavar="N", help="frames in a video (%(default)s)")
    add("--video-dir", type=Path, metavar="DIR", help="where videos are written (a temporary directory)")
    add("--raw-mp4", action="store_true", help="answer with bare MP4 bytes whatever was asked")
    add("--strict-fields", action="store_true", help="refuse unknown fields with 400")
    add("--error-body", choices=ERROR_BODIES, default=default.error_body, help="kind of error bodies (%(default)s)")
    add("--sse-style", default=default.sse_style, metavar="WORDS", help=f"comma-separated: {', '.join(STYLES)}")
    add("--require-key-env", metavar="NAME", help="ask for the API key in this environment variable")
    add("--cheat", action="append", default=[], metavar="NAME[=VALUE]", help=switches.describe(CHEATS))
    add("--nuisance", action="append", default=[], metavar="NAME[=VALUE]", help=switches.describe(NUISANCES))
    add("--preload", type=Path, metavar="FILE.jsonl", help="prompts for the cheat preloaded (the built-in ones)")
    add(
        "--exit-with-parent", type=int, nargs="?", const=os.getppid(), metavar="PID",
        help="end when process PID, by default the one that started this, is no longer the parent",
    )  # fmt: skip


def options_from(namespace: argparse.Namespace) -> Options:
    """The options that the parsed command line asks for. Raises `ValueError` with one clear line for a bad value."""
    _check(namespace)
    plain = "host port model slots service_ms token_ms seed max_frames video_dir raw_mp4 strict_fields error_body"
    return Options(
        **{name: getattr(namespace, name) for name in [*plain.split(), "sse_style", "require_key_env"]},
        cheats=switches.read("cheat", namespace.cheat, CHEATS),
        nuisances=switches.read("nuisance", namespace.nuisance, NUISANCES),
        preload=_built_in_prompts() if namespace.preload is None else _prompts_of(namespace.preload),
        parent_pid=namespace.exit_with_parent,
    )


def _check(namespace: argparse.Namespace) -> None:
    style_of(namespace.sse_style)
    ranges = {"port": (0, 65535), "slots": (1, 4096), "max_frames": (1, 1000)}
    ranges |= {"service_ms": (0, 86_400_000), "token_ms": (0, 3_600_000)}
    for name, (low, high) in ranges.items():
        if not low <= getattr(namespace, name) <= high:
            option = "--" + name.replace("_", "-")
            raise ValueError(f"{option} needs a value from {low} to {high}: {getattr(namespace, name)}")
    if namespace.require_key_env is not None and not os.environ.get(namespace.require_key_env):
        raise ValueError(f"--require-key-env: the environment variable {namespace.require_key_env} is not set")


def _prompts_of(path: Path) -> frozenset[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"--preload: {path}: {error}") from None
    return frozenset(_prompt_of(path, number, line) for number, line in enumerate(lines, 1) if line.strip())


def _prompt_of(path: Path, number: int, line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"--preload: {path}, line {number}: {error}") from None
    prompt = row.get("prompt") if isinstance(row, dict) else None
    if not isinstance(prompt, str):
        raise ValueError(f"--preload: {path}, line {number}: an object with a text 'prompt' is needed")
    return prompt
