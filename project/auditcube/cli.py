"""The command `auditcube`: parses arguments, calls one task, prints what came of it, returns its exit code.

Imports are inside the functions: `--help` and a bad option answer at once.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from auditcube.arguments import parser
from auditcube.errors import AuditCubeError, ExitCode, Interrupted
from auditcube.load.crew import crew_of

if TYPE_CHECKING:
    from auditcube.results import Performed
    from auditcube.signing import Trust
    from auditcube.tasks import Options


def main(arguments: list[str] | None = None) -> int:
    """Run one command. The outermost frame: the one place that turns exceptions into exit codes."""
    options = parser(globals()).parse_args(arguments)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _interrupt)
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # while a reader that has gone can still be answered for
        return code
    except Interrupted as stop:
        makes_runs = hasattr(options, "output_dir")
        _complain(f"{stop}{'; no result was written, the events so far are kept' if makes_runs else ''}")
        return stop.status
    except AuditCubeError as problem:
        _complain(str(problem))
        return int(problem.exit_code)
    except OSError as problem:
        if problem.errno not in (errno.EPIPE, errno.ENOSPC):  # all others are mapped where they arise
            return _bug(problem, options.verbose)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has nowhere to go
        if problem.errno == errno.ENOSPC:
            _complain("standard output: no space left on the device")
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
    """A bug of ours: where it is, but no values, which an exception's text could hold."""
    import traceback

    frame = traceback.extract_tb(bug.__traceback__)[-1]
    where = f"{Path(frame.filename).name}, line {frame.lineno}"
    _complain(f"a bug of ours: {type(bug).__name__} in {where}; please report it, with the output of -v")
    if verbose:
        for line in traceback.format_tb(bug.__traceback__):
            print(line, end="", file=sys.stderr)
    return int(ExitCode.BUG)


def audit(options: argparse.Namespace) -> int:
    with crew_of(1) as crew:  # the one worker that every run has starts while this process imports and reads
        from auditcube import tasks

        return _tell(tasks.audit(_task_options(options), os.environ, crew), options)


def run_reference(options: argparse.Namespace) -> int:
    with crew_of(1) as crew:
        from auditcube import tasks

        return _tell(tasks.run_reference(_task_options(options), os.environ, crew), options)


def run_audit(options: argparse.Namespace) -> int:
    with crew_of(1) as crew:
        from auditcube import tasks

        return _tell(tasks.run_audit(_task_options(options), options.reference_dir, os.environ, crew), options)


def verify(options: argparse.Namespace) -> int:
    from auditcube import reviewing, terminal

    given = [options.directory] if options.directory else [options.reference_dir, options.audit_dir]
    directories = [path for path in given if path is not None]
    if not directories or (options.directory and (options.reference_dir or options.audit_dir)):
        options.parser.error("give one DIR, or --reference_dir and --audit_dir")
    verification = reviewing.verify(
        directories, options.output_dir, _overwrite(options), options.mlcube_config, os.environ, _trust(options)
    )
    if options.json:
        signed = [{"signer": signer, "key": key} for part in verification.parts for signer, key in part.signed]
        _print_json({**verification.to_json(), "signed": signed})
    else:
        terminal.print_verification(verification)
    return int(verification.exit_code)


def _trust(options: argparse.Namespace) -> Trust | None:
    from auditcube.signing import Trust

    if options.signer and not options.allowed_signers:
        options.parser.error("--signer is one of the --allowed_signers: give that file")
    if not options.allowed_signers and not options.dsse_key:
        return None
    return Trust(options.allowed_signers, options.signer, options.dsse_key)


def record(options: argparse.Namespace) -> int:
    from auditcube import record as recorder

    directory = options.output_dir or _fresh_directory("auditcube_record")
    asked = recorder.Options(options.command, directory, _overwrite(options), not options.digests_only)
    done = recorder.record(asked, os.environ)
    if done.problem is not None:
        _complain(str(done.problem))
    elif not options.json:  # on standard error: standard output is the command's own
        state = done.manifest["task_status"]["state"]
        _complain(f"{done.manifest['mlcube_task']}: {state}: {done.why}; evidence: {done.store.root}")
    if options.json:
        _print_json(done.to_json())
    return done.exit_code


def sign(options: argparse.Namespace) -> int:
    from auditcube import reviewing

    made = reviewing.sign(options.paths, options.key, options.sign, _overwrite(options))
    if options.json:
        _print_json({"signed": [str(path) for path in made]})
    else:
        print("".join(f"{path}\n" for path in made), end="")
    return ExitCode.PASS


def export(options: argparse.Namespace) -> int:
    from auditcube import reviewing

    if options.output is None:
        sys.stdout.write(reviewing.exported_document(options.path, options.layout))
        return ExitCode.PASS
    made = reviewing.export(options.path, options.layout, options.output, _overwrite(options), options.license)
    if options.json:
        _print_json({"written": [str(path) for path in made]})
    else:
        print("".join(f"{path}\n" for path in made), end="")
    return ExitCode.PASS


def review(options: argparse.Namespace) -> int:
    from auditcube import judging
    from auditcube.evidence.store import keep_apart
    from auditcube.manifest.statement import Judgement
    from auditcube.terminal import print_review

    if options.html is not None:
        keep_apart(options.html, options.path, *filter(None, [options.output_dir]))
    if options.output_dir is None:
        reviewed = judging.review(options.path)
    else:
        judgement = Judgement(options.judgement, options.reviewer, tuple(options.remark))
        reviewed = judging.judge(options.path, judgement, options.output_dir, _overwrite(options), os.environ)
    if options.html is not None:
        judging.page(options.path, reviewed, options.html)
    if options.json:
        _print_json(reviewed.to_json())
    else:
        print_review(reviewed.results, reviewed.findings)
    return int(reviewed.exit_code)


def demo(options: argparse.Namespace) -> int:
    from auditcube import demonstration

    cheats = options.cheat or [name for name in os.environ.get("CHEAT", "").split(",") if name]
    switches = [("--cheat", cheats), ("--nuisance", options.nuisance)]
    arguments = [part for flag, values in switches for value in values for part in (flag, value)]
    output_dir = options.output_dir or _fresh_directory("auditcube_demo")
    outcome = demonstration.run(
        arguments, options.scenario, options.api, output_dir, _overwrite(options),
        _progress(options), options.mlcube_config, os.environ,
    )  # fmt: skip
    return _tell(outcome, options)


def demo_endpoint(options: argparse.Namespace) -> int:
    from auditcube.demo.server import options_from, serve
    from auditcube.errors import InvalidInput, SetupFailed

    try:
        settings = options_from(options)
    except ValueError as problem:
        raise InvalidInput(f"demo_endpoint: {problem}") from problem
    try:
        serve(settings)
    except OSError as problem:
        raise SetupFailed(f"demo_endpoint: cannot listen on {settings.host}:{settings.port}: {problem}") from problem
    return ExitCode.PASS


def manifest_validate(options: argparse.Namespace) -> int:
    from auditcube.manifest.validator import validate
    from auditcube.terminal import print_findings

    found = validate(options.paths)
    if options.json:
        told = {"findings": found.findings, "unfollowed": found.unfollowed}
        lists = {name: [finding.to_json() for finding in each] for name, each in told.items()}
        _print_json({"validated": [str(path) for path in found.sidecars], **lists})
    else:
        print_findings([str(finding) for finding in found.findings])
        for finding in found.unfollowed:
            print(f"not followed: {finding.path}#{finding.pointer}: {finding.message}; give the whole tree")
        print(f"{len(found.sidecars)} manifests, {len(found.findings)} findings")
    return ExitCode.EVIDENCE_REJECTED if found.findings else ExitCode.PASS


def manifest_schema(options: argparse.Namespace) -> int:
    from auditcube.manifest.schema import text

    sys.stdout.write(text())
    return ExitCode.PASS


def manifest_show(options: argparse.Namespace) -> int:
    from auditcube.manifest.validator import validate
    from auditcube.terminal import print_findings, print_manifest

    found = validate([options.path], follow=False)
    path = found.sidecars[0]
    if found.findings:
        print_findings([str(finding) for finding in found.findings])
        return ExitCode.EVIDENCE_REJECTED
    manifest = json.loads(path.read_text("utf-8"))
    if options.json:
        _print_json(manifest)
    else:
        print_manifest(manifest)
    return ExitCode.PASS


def image(options: argparse.Namespace) -> int:
    from auditcube.manifest import identity, images
    from auditcube.terminal import print_image

    said = images.resolve(options.image, options.engine, options.platform, options.tag)
    if options.env:
        print("".join(f"{name}={value}\n" for name, value in identity.variables(said).items()), end="")
    elif options.json:
        _print_json(identity.described(said))
    else:
        print_image(identity.described(said))
    return ExitCode.PASS


def init(options: argparse.Namespace) -> int:
    from auditcube import demonstration, starter
    from auditcube.errors import SetupFailed
    from auditcube.evidence.files import write_atomically

    dataset = options.file.parent / starter.DATASET
    for path in (options.file, dataset):
        if path.exists():
            raise SetupFailed(f"{path}: is already there; choose another name or remove it")
    text = starter.config_text("${ENDPOINT_URL:-http://127.0.0.1:8000}", api=options.api, scenario=options.scenario)
    write_atomically(options.file, text.encode())
    write_atomically(dataset, demonstration.dataset_bytes())
    print(f"Wrote {options.file} and {dataset}. Try them:")
    print("  auditcube demo_endpoint &")
    print(f"  auditcube audit --config {options.file} --output_dir results")
    return ExitCode.PASS


def probe(options: argparse.Namespace) -> int:
    from auditcube import readiness
    from auditcube.job import read_job

    job = read_job(options.config, options.dataset, os.environ)
    readiness.check_reachable(job.endpoint)
    came_back = readiness.ask(job.endpoint, job.dataset.samples[0], os.environ)
    if options.json:
        _print_json(came_back)
    else:
        for name, value in came_back.items():
            print(f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    return ExitCode.PASS


def mlperf_test(options: argparse.Namespace) -> int:
    from dataclasses import fields

    from auditcube import mlperf
    from auditcube.terminal import print_judged

    given = {field.name: getattr(options, field.name) for field in fields(mlperf.Options) if field.name in options}
    done = mlperf.judge(mlperf.Options(**given), os.environ)
    if options.json:
        _print_json(done.judged.to_json())
    else:
        print_judged(done.judged, done.directory)
    return int(done.exit_code)


def mlperf_check(options: argparse.Namespace) -> int:
    from auditcube.errors import InvalidInput
    from auditcube.loadgen import rounds
    from auditcube.terminal import print_findings

    tests = rounds.tests_of(options.model, options.round)
    if not options.directory.is_dir():
        raise InvalidInput(f"{options.directory}: no such directory")
    findings = rounds.check(options.directory, tests)
    if options.json:
        told = [{"test": f.test, "path": f.path, "message": f.message} for f in findings]
        _print_json({"model": options.model, "round": options.round, "tests": list(tests), "findings": told})
    else:
        print_findings([f"{finding.path}: {finding.message}" for finding in findings])
        print(f"{options.model} in {options.round} needs {', '.join(tests) or 'no test'}; {len(findings)} findings")
    return ExitCode.FAIL if findings else ExitCode.PASS


def plan(options: argparse.Namespace) -> int:
    from auditcube.forecast import forecast
    from auditcube.job import read_job
    from auditcube.terminal import print_forecast

    told = forecast(read_job(options.config, options.dataset, os.environ).plan, options.latency_s)
    if options.json:
        _print_json(told)
    else:
        print_forecast(told)
    return ExitCode.PASS


def report(options: argparse.Namespace) -> int:
    from auditcube import reviewing

    path = reviewing.report(options.directory, options.reference_dir, options.output)
    print(path)
    return ExitCode.PASS


def redact(options: argparse.Namespace) -> int:
    copies = options.directory is not None and options.output_dir is not None
    if bool(options.scan) == copies or (options.scan and (options.directory or options.output_dir)):
        options.parser.error("give --scan PATH..., or DIR and --output_dir")
    if options.betterleaks and not options.scan:
        options.parser.error("--betterleaks goes with --scan")
    return _look(options) if options.scan else _withhold(options)


def _look(options: argparse.Namespace) -> int:
    from auditcube.scan.files import look_through
    from auditcube.scan.second import betterleaks
    from auditcube.terminal import print_looked

    looked = look_through(options.scan, betterleaks() if options.betterleaks else None)
    if options.json:
        _print_json(looked.to_json())
    else:
        print_looked(looked)
    return ExitCode.EVIDENCE_REJECTED if looked.leaks else ExitCode.PASS


def _withhold(options: argparse.Namespace) -> int:
    from auditcube.publish import publish
    from auditcube.terminal import print_published

    published = publish(options.directory, options.output_dir, options.salts)
    if options.json:
        _print_json(published.to_json())
    else:
        print_published(published, options.output_dir)
    return ExitCode.PASS


def _task_options(options: argparse.Namespace) -> Options:
    from auditcube.tasks import Options

    return Options(
        options.config, options.output_dir, options.dataset, options.mlcube_config, _overwrite(options),
        _progress(options),
    )  # fmt: skip


def _overwrite(options: argparse.Namespace) -> bool:
    """As asked for on the command line, or in the variable that mlcube.yaml hands on: MLCube passes no flags."""
    return options.overwrite or os.environ.get("AUDITCUBE_OVERWRITE", "") not in ("", "0")


def _progress(options: argparse.Namespace) -> bool:
    return not (options.no_progress or options.json)


def _fresh_directory(below: str) -> Path:
    """A name that is not taken, for people who only want to see something."""
    from datetime import datetime, timezone

    return Path(below, datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ"))


def _tell(outcome: Performed, options: argparse.Namespace) -> int:
    from auditcube import terminal

    if options.json:
        _print_json(terminal.outcome_json(outcome))
    else:
        terminal.print_outcome(outcome)
    return int(outcome.exit_code)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
