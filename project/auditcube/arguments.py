"""The command line of `auditcube`: names, options and help. What a command does is in `cli`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from auditcube import __version__
from auditcube.scenario import Scenario

_DESCRIPTION = "Benchmark an inference endpoint, audit the result, leave evidence that anyone can check."
_EPILOG = (
    "exit codes: 0 PASS or done, 1 FAIL, 2 invalid input, 3 set-up failed, 4 a run broke off or is partial, "
    "5 evidence rejected, 6 INCONCLUSIVE, 70 a bug of ours, 130 interrupted"
)
_APIS = "videogen, openai_chat or openai_completions"
_OVERWRITE = "replace a result that is there; AUDITCUBE_OVERWRITE=1 says the same"
_UNPACED = [scenario.value for scenario in Scenario if not scenario.paced]


def parser(commands: Mapping[str, Any]) -> argparse.ArgumentParser:
    """The whole parser; `commands` has the function of each command under its name."""
    top = argparse.ArgumentParser(prog="auditcube", description=_DESCRIPTION, epilog=_EPILOG, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"auditcube {__version__}")
    _global_options(top, default=False)
    subparsers = top.add_subparsers(metavar="COMMAND", required=True, title="commands", parser_class=Deferred)
    group = _Commands(subparsers, commands)
    _tasks(group)
    _review(group)
    _demonstration(group)
    _manifest(group)
    _mlperf(group)
    _others(group)
    return top


def _global_options(parser: argparse.ArgumentParser, default: Any) -> None:
    """The options that may stand before or behind the command."""
    for names, text in (
        (("-v", "--verbose"), "where in the code, if a bug of ours shows"),
        (("--no-progress", "--no_progress"), "no progress bars"),
        (("--json",), "print one JSON object on standard output"),
    ):
        parser.add_argument(*names, action="store_true", default=default, help=text)


class Deferred(argparse.ArgumentParser):
    """A parser whose arguments are added when they are first asked for: to know them costs imports."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.defer: Callable[[argparse.ArgumentParser], None] | None = None

        self.wrapped: str | None = None  # what stands behind --, for a command that starts another

    def complete(self) -> None:
        """Add them, if that has not been done."""
        defer, self.defer = self.defer, None
        if defer is not None:
            defer(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.complete()
        if self.wrapped is None or args is None:
            return super().parse_known_args(args, namespace)
        # argparse itself treats -- differently from one version of Python to the next.
        own, separator, command = _split(list(args))
        known, rest = super().parse_known_args(own, namespace)
        if not separator:
            self.error(f"-- and a command are missing: auditcube record [--output_dir DIR] -- {self.wrapped}")
        if known.command:
            self.error(f"unrecognized before --: {known.command[0]}")
        known.command = command
        return known, rest


def _split(args: list[str]) -> tuple[list[str], list[str], list[str]]:
    """What stands before the first --, that word if it is there, and what is behind it."""
    at = args.index("--") if "--" in args else len(args)
    return args[:at], args[at : at + 1], args[at + 1 :]


class _Commands:
    """Adds commands that share the global options."""

    def __init__(self, subparsers: Any, functions: Mapping[str, Any]) -> None:
        self._subparsers = subparsers
        self._functions = functions

    def add(self, name: str, text: str, *, prefix: str = "", function: str | None = None) -> Deferred:
        command: Deferred = self._subparsers.add_parser(
            name, help=text, description=text[:1].upper() + text[1:] + ".", allow_abbrev=False
        )
        run: Callable[[argparse.Namespace], int] = self._functions[function or prefix + name]
        command.set_defaults(run=run, parser=command)
        _global_options(command, default=argparse.SUPPRESS)  # lest they undo what stands before the command
        return command

    def below(self, name: str, text: str) -> _Commands:
        inner = self._subparsers.add_parser(name, help=text, description=text, allow_abbrev=False)
        return _Commands(inner.add_subparsers(metavar="COMMAND", required=True, parser_class=Deferred), self._functions)


def _tasks(group: _Commands) -> None:
    for name, text in (
        ("audit", "make every run that the audits need, back to back, then the verdicts: the main job"),
        ("run_reference", "make the reference run alone"),
        ("run_audit", "make the audit runs for a reference made before"),
    ):
        command = group.add(name, text)
        _path(command, "config", "the job; `auditcube init` writes one", required=True, metavar="FILE")
        _path(command, "dataset", "instead of the config's dataset.path", metavar="FILE")
        _path(command, "mlcube_config", "the mlcube.yaml in use, for its hash", metavar="FILE")
        _path(command, "output_dir", "an empty or new directory for the evidence", required=True)
        if name == "run_audit":
            _path(command, "reference_dir", "the output directory of run_reference", required=True)
        _flag(command, "overwrite", _OVERWRITE)
    verify = group.add("verify", "recompute everything in an output directory from its files")
    verify.add_argument("directory", nargs="?", type=Path, metavar="DIR", help="an output directory of `audit`")
    _path(verify, "reference_dir", "the output directory of run_reference")
    _path(verify, "audit_dir", "the output directory of run_audit")
    _path(verify, "mlcube_config", "the mlcube.yaml in use, for its hash", metavar="FILE")
    _path(verify, "output_dir", "write the findings and a sidecar there")
    _flag(verify, "overwrite", _OVERWRITE)
    _path(verify, "allowed_signers", "demand an SSH signature of somebody in it, as in ssh-keygen(1)", metavar="FILE")
    verify.add_argument("--signer", metavar="NAME", help="of those, the one who must have signed")
    names = ("--dsse_key", "--dsse-key")
    text = "demand an envelope signed with this public key, or one of these; may be repeated"
    verify.add_argument(*names, action="append", type=Path, default=[], metavar="FILE", help=text)
    _record(group)
    sign = group.add("sign", "sign sidecars that hold, offline: beside each comes a file with the signature")
    sign.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="an output directory, or a tree of some")
    _path(
        sign, "key", "a private SSH key, or a public one whose other half an agent has", required=True, metavar="FILE"
    )
    kinds = "by `ssh-keygen -Y sign`, or an envelope around the in-toto Statement, with an ed25519 key (%(default)s)"
    sign.add_argument("--sign", choices=("ssh", "dsse"), default="ssh", help=kinds)
    _flag(sign, "overwrite", "replace a signature that is there")


def _record(group: _Commands) -> None:
    record = group.add("record", "run any MLCube by the real mlcube, and write a sidecar for it")
    record.wrapped = "mlcube run ..."
    record.usage = f"auditcube record [OPTION ...] -- {record.wrapped}"
    text = f"behind --: {record.wrapped}, as it is typed without us"
    record.add_argument("command", nargs="*", metavar="COMMAND", help=text)
    _path(record, "output_dir", "an empty or new directory for the evidence (a new one under ./auditcube_record)")
    _flag(record, "digests_only", "tell outputs by their digests, and make no copies of them")
    _flag(record, "overwrite", _OVERWRITE)


def _review(group: _Commands) -> None:
    review = group.add("review", "recompute every result in a tree, follow the chain between them, and judge")
    review.add_argument("path", type=Path, metavar="PATH", help="a submission, or any directory with results below")
    _path(review, "html", "write a page for people there", metavar="FILE")
    _path(review, "output_dir", "write the judgement there, with a sidecar that names what it is about")
    review.add_argument("--judgement", choices=("accepted", "rejected", "undecided"), default="undecided")
    review.add_argument("--reviewer", default="unnamed", metavar="WHO", help="who judges, as it may be published")
    review.add_argument("--remark", action="append", default=[], metavar="TEXT", help="a remark; may be repeated")
    _flag(review, "overwrite", _OVERWRITE)


def _demonstration(group: _Commands) -> None:
    demo = group.add("demo", "run the main job against the embedded endpoint")
    for name in ("cheat", "nuisance"):
        text = f"a {name} of the endpoint, as in `demo_endpoint --help`; may be repeated"
        text += "; else the variable CHEAT, with commas" if name == "cheat" else ""
        demo.add_argument(f"--{name}", action="append", default=[], metavar="NAME[=VALUE]", help=text)
    demo.add_argument("--scenario", choices=_UNPACED, default="Offline")
    demo.add_argument("--api", default="videogen", help=f"{_APIS} (%(default)s)")
    _path(demo, "mlcube_config", "the mlcube.yaml in use, for its hash", metavar="FILE")
    _path(demo, "output_dir", "an empty or new directory (a new one under ./auditcube_demo)")
    _flag(demo, "overwrite", _OVERWRITE)
    endpoint = group.add("demo_endpoint", "start the embedded endpoint alone; it says where it listens")
    endpoint.defer = _endpoint_options


def _endpoint_options(parser: argparse.ArgumentParser) -> None:
    from auditcube.demo.options import add_arguments

    add_arguments(parser)
    parser.set_defaults(port=8000)


def _manifest(group: _Commands) -> None:
    below = group.below("manifest", "validate, show, or print the schema of sidecar manifests")
    validate = below.add("validate", "check sidecars, and the files that they list", prefix="manifest_")
    validate.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a sidecar, or a directory with some below"
    )
    below.add("schema", "print the JSON Schema of mlcube.run_audit.v1", prefix="manifest_")
    show = below.add("show", "print a sidecar for people", prefix="manifest_")
    show.add_argument("path", type=Path, metavar="PATH")


def _mlperf(group: _Commands) -> None:
    below = group.below("mlperf", "judge logs of the real LoadGen as MLPerf's compliance tests do, and better")
    for name, text in _MLPERF_TESTS.items():
        command = below.add(name, text, function="mlperf_test")
        command.set_defaults(test=name)
        command.defer = _mlperf_options
    check = below.add("check", "say which compliance tests a scenario's directory lacks", prefix="mlperf_")
    check.add_argument("directory", type=Path, metavar="DIR", help="a scenario's directory, with TESTnn below")
    check.add_argument("--model", required=True, metavar="M", help="the model's name, as in the submission")
    check.add_argument("--round", default="v6.1", metavar="V", help="v5.0, v5.1, v6.0 or v6.1 (%(default)s)")


_MLPERF_TESTS = {
    "TEST01": "the same answers in performance mode as in accuracy mode",
    "TEST04": "no caching of repeated samples",
    "TEST06": "first token, end of sequence and length of every logged answer",
    "TEST07": "accuracy in performance mode, by a script's score",
    "TEST08": "normalised entropy of predictions, by sample",
    "TEST09": "mean number of output tokens",
}


def _mlperf_options(parser: argparse.ArgumentParser) -> None:
    """Upstream's options, by its names: those that the test has."""
    test = parser.get_default("test")
    add = parser.add_argument
    add(
        "--rule",
        choices=("strict", "upstream"),
        default="strict",
        help="ours, or what MLPerf's scripts say (%(default)s)",
    )
    if test in ("TEST01", "TEST04", "TEST08"):
        add(
            "-r",
            "--results_dir",
            type=Path,
            required=True,
            metavar="DIR",
            help="accuracy/ and performance/run_1/ of the reference",
        )
    else:
        parser.set_defaults(results_dir=None)
    add("-c", "--compliance_dir", type=Path, required=True, metavar="DIR", help="the logs of the compliance run")
    add("-o", "--output_dir", type=Path, required=True, metavar="DIR", help=f"{test} is written below it")
    if test == "TEST01":
        add("--dtype", choices=("byte", "float32", "int32", "int64"), default="byte", help="of the data (%(default)s)")
        add("--unixmode", dest="unix_mode", action="store_true", help="compare lines, as upstream's option does")
    if test == "TEST06":
        scenarios = ("Offline", "Server", "Interactive", "SingleStream", "MultiStream")
        add("-s", "--scenario", choices=scenarios, required=True, help="the scenario of the compliance run")
        dtypes = ("int64", "int32", "int16", "float32")
        add("-d", "--dtype", choices=dtypes, default="int32", help="of the tokens (%(default)s)")
        add("-e", "--eos", "--eos_token_id", metavar="ID[,ID...]", help="token ids that end a sequence (2)")
    if test in ("TEST07", "TEST09"):
        add("--audit-config", type=Path, metavar="FILE", help="where thresholds stand that are not given here")
    if test in ("TEST01", "TEST07"):
        why = "; compares scores where answers vary" if test == "TEST01" else ""
        add(
            "--accuracy-script",
            required=test == "TEST07",
            metavar="COMMAND",
            help=f"with {{accuracy_log}} where the log's path goes; no shell{why}",
        )
        add(
            "--score-pattern",
            default=argparse.SUPPRESS,
            metavar="RE",
            help="its first group is the score ('exact_match': X)",
        )
        add("--script-timeout", dest="script_timeout_s", type=float, default=3600.0, metavar="S", help="(%(default)s)")
    if test == "TEST01":
        name = "--max-score-difference"
        add(name, type=float, default=0.01, metavar="X", help="relative difference of the two scores (%(default)s)")
    if test == "TEST07":
        add("--accuracy-threshold", type=float, metavar="X", help="the least score")
    if test == "TEST08":
        add("--tolerance", type=float, default=0.001, help="relative difference allowed (%(default)s)")
    if test == "TEST09":
        add("--min-output-tokens", type=float, metavar="X", help="least mean")
        add("--max-output-tokens", type=float, metavar="X", help="largest mean")


def _others(group: _Commands) -> None:
    report = group.add("report", "say where an output directory's HTML report is, or write it anew")
    report.add_argument("directory", type=Path, metavar="DIR")
    _path(report, "reference_dir", "the output directory of run_reference, for one of run_audit")
    _path(report, "output", "write the report there", metavar="FILE")
    redact = group.add("redact", "look for secrets and private data in files, or make a copy of results without them")
    redact.add_argument("directory", nargs="?", type=Path, metavar="DIR", help="output directories, to be copied")
    _path(redact, "output_dir", "the publishable copy: a new or empty directory")
    _path(redact, "salts", "where the private salts of what is withheld go (beside the copy)", metavar="FILE")
    redact.add_argument("--scan", nargs="+", type=Path, metavar="PATH", help="only look, at files or whole trees")
    _flag(redact, "betterleaks", "with --scan, look by a second engine, too (extra `betterleaks`)")
    image = group.add(
        "image", "say by which digests an image is known, from an engine's store or a file, without a network"
    )
    image.add_argument(
        "image",
        metavar="IMAGE",
        help="a name in the store of an engine, or a SIF, squashfs file, OCI layout or archive",
    )
    image.add_argument("--engine", metavar="COMMAND", help="docker, podman or a path of one (the first that is here)")
    image.add_argument("--platform", metavar="OS/ARCH", help="which image of a layout that has several")
    image.add_argument("--tag", metavar="TAG", help="the same, by name")
    image.add_argument("--env", action="store_true", help="as variables to hand in to a task, one a line")
    export = group.add("export", "write a result in a form that others read")
    export.defer = _export_options
    init = group.add("init", "write a commented config, and a data set to try it with")
    init.add_argument("file", nargs="?", type=Path, default=Path("auditcube.yaml"), metavar="FILE")
    init.add_argument("--api", default="videogen", help=f"{_APIS} (%(default)s)")
    init.add_argument("--scenario", choices=_UNPACED, default="Offline")
    plan = group.add("plan", "say what would be run, in which order and about how long, without sending anything")
    _path(plan, "config", "the job", required=True, metavar="FILE")
    _path(plan, "dataset", "instead of the config's dataset.path", metavar="FILE")
    plan.add_argument("--latency-s", "--latency_s", type=float, metavar="S", help="about how long one query takes")
    probe = group.add("probe", "ask the endpoint the first question and print what came back")
    _path(probe, "config", "the job", required=True, metavar="FILE")
    _path(probe, "dataset", "instead of the config's dataset.path", metavar="FILE")


def _export_options(parser: argparse.ArgumentParser) -> None:
    from auditcube.export import FORMATS

    parser.add_argument("path", type=Path, metavar="PATH", help="an output directory, or a sidecar alone")
    told = "; ".join(f"{name}: {form.about}" for name, form in FORMATS.items())
    parser.add_argument("--layout", choices=FORMATS, required=True, help=told)
    text = "a file, by default standard output; for the last three a folder"
    parser.add_argument("-o", "--output", type=Path, metavar="PLACE", help=text)
    parser.add_argument("--license", metavar="URI", help="of the result, for a crate")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")


def _path(
    command: argparse.ArgumentParser, name: str, text: str, *, required: bool = False, metavar: str = "DIR"
) -> None:
    """An option for a path; MLCube writes it with underscores, people may write dashes."""
    names = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
    command.add_argument(*names, type=Path, required=required, metavar=metavar, help=text)


def _flag(command: argparse.ArgumentParser, name: str, text: str) -> None:
    names = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}"))
    command.add_argument(*names, action="store_true", help=text)
