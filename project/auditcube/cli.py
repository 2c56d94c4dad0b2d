"""The command `auditcube`: parses arguments, calls one task, prints what came of it, returns its exit code.

Imports are inside the functions: `--help` and a bad option answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from auditcube import __version__
from auditcube.errors import AuditCubeError, ExitCode, Interrupted

if TYPE_CHECKING:
    from auditcube.tasks import Options, Outcome


def main(arguments: list[str] | None = None) -> int:
    """Run one command. The outermost frame: the one place that turns exceptions into exit codes."""
    options = _parser().parse_args(arguments)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    try:
        return int(options.run(options))
    except Interrupted as stop:
        _complain(str(stop))
        return stop.status
    except AuditCubeError as problem:
        _complain(str(problem))
        return int(problem.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; nothing to tell
        return int(ExitCode.SETUP_FAILED)
    except Exception as bug:  # noqa: BLE001 - the outermost frame
        return _bug(bug, options.verbose)


def _interrupt(signum: int, _: FrameType | None) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the clean-up that follows must not be interrupted
    raise Interrupted(signum)


def _complain(text: str) -> None:
    print(f"auditcube: {text}", file=sys.stderr)


def _bug(bug: Exception, verbose: bool) -> int:
    """A bug of ours: where it is, but no values, which a traceback's text could hold."""
    import traceback

    frame = traceback.extract_tb(bug.__traceback__)[-1]
    _complain(
        f"a bug of ours: {type(bug).__name__} in {Path(frame.filename).name}, line {frame.lineno}; please report it"
    )
    if verbose:
        for line in traceback.format_tb(bug.__traceback__):
            print(line, end="", file=sys.stderr)
    return int(ExitCode.BUG)


def _audit(options: argparse.Namespace) -> int:
    from auditcube import tasks

    return _tell(tasks.audit(_task_options(options), os.environ), options)


def _run_reference(options: argparse.Namespace) -> int:
    from auditcube import tasks

    return _tell(tasks.run_reference(_task_options(options), os.environ), options)


def _run_audit(options: argparse.Namespace) -> int:
    from auditcube import tasks

    return _tell(tasks.run_audit(_task_options(options), options.reference_dir, os.environ), options)


def _task_options(options: argparse.Namespace) -> Options:
    from auditcube.tasks import Options

    return Options(
        options.config, options.output_dir, options.dataset, options.mlcube_config, options.overwrite,
        not (options.no_progress or options.json),
    )  # fmt: skip


def _tell(outcome: Outcome, options: argparse.Namespace) -> int:
    from auditcube import terminal

    if options.json:
        _print_json(terminal.outcome_json(outcome))
    else:
        terminal.print_outcome(outcome)
    return int(outcome.exit_code)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _verify(options: argparse.Namespace) -> int:
    from auditcube import tasks, terminal

    given = [options.directory] if options.directory else [options.reference_dir, options.audit_dir]
    directories = [path for path in given if path is not None]
    if not directories or (options.directory and (options.reference_dir or options.audit_dir)):
        options.parser.error("give one DIR, or --reference_dir and --audit_dir")
    verification = tasks.verify(directories, options.output_dir, options.overwrite)
    if options.json:
        _print_json(verification.to_json())
    else:
        terminal.print_verification(verification)
    return int(verification.exit_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="auditcube", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"auditcube {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, run, text in (
        ("audit", _audit, "benchmark the endpoint and audit the result: the main job"),
        ("run_reference", _run_reference, "make the reference run alone"),
        ("run_audit", _run_audit, "make the audit runs for a reference made before"),
    ):
        command = _command(commands, name, run, text)
        _task_arguments(command)
        if name == "run_audit":
            command.add_argument("--reference_dir", "--reference-dir", type=Path, required=True, metavar="DIR")
    verify = _command(commands, "verify", _verify, "recompute everything in an output directory from its files")
    verify.add_argument("directory", nargs="?", type=Path, metavar="DIR")
    for name in ("reference_dir", "audit_dir", "output_dir"):
        verify.add_argument(f"--{name}", f"--{name.replace('_', '-')}", type=Path, metavar="DIR")
    verify.add_argument("--overwrite", action="store_true")
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    command.set_defaults(run=run, parser=command)
    command.add_argument("-v", "--verbose", action="store_true", help="more detail on errors")
    command.add_argument("--no-progress", "--no_progress", action="store_true", help="no progress bars")
    command.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    return command


def _task_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, required=True, metavar="FILE")
    command.add_argument("--dataset", type=Path, metavar="FILE", help="instead of the config's dataset.path")
    command.add_argument("--mlcube_config", "--mlcube-config", type=Path, metavar="FILE", help="the mlcube.yaml in use")
    command.add_argument("--output_dir", "--output-dir", type=Path, required=True, metavar="DIR")
    command.add_argument("--overwrite", action="store_true", help="replace a result that is there")
