"""`auditcube mlperf`: MLPerf's compliance tests on the real LoadGen's logs, and the files that a submission needs."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from auditcube.audits import test01 as live01
from auditcube.audits.contract import Outcome, Verdict
from auditcube.errors import ExitCode, InvalidInput
from auditcube.evidence.files import file_bytes
from auditcube.evidence.replacing import replacing, writing
from auditcube.evidence.store import Store
from auditcube.loadgen import audit_config, facts, fallback, marks, scorer, strict
from auditcube.loadgen.columns import Passed
from auditcube.loadgen.compared import compared
from auditcube.loadgen.detail_log import Detail
from auditcube.loadgen.errors import Malformed
from auditcube.loadgen.judged import Judged, Rule
from auditcube.loadgen.layout import ACCURACY, DETAIL, SUMMARY, Paths
from auditcube.loadgen.upstream import test01, test04, test06, test07, test08, test09
from auditcube.loadgen.upstream.told import Told
from auditcube.manifest import build, digest, provenance, surroundings
from auditcube.manifest.sealing import artifacts_of, seal

WITH_REFERENCE = ("TEST01", "TEST04", "TEST08")
# What each test's part of a submission holds of the compliance run's logs.
_ANSWERS = ("TEST01", "TEST06", "TEST07", "TEST08", "TEST09")
_PERFORMANCE = ("TEST01", "TEST04", "TEST07", "TEST09")
BASELINE, COMPLIANCE = "baseline", "compliance"  # of TEST01's fallback


@dataclass(frozen=True)
class Options:
    """What the command line says, under upstream's names."""

    test: str
    rule: Rule
    results_dir: Path | None
    compliance_dir: Path
    output_dir: Path
    dtype: str | None = None
    unix_mode: bool = False
    scenario: str | None = None
    eos: str | None = None
    accuracy_script: str | None = None
    accuracy_threshold: float | None = None
    score_pattern: str = test07.PATTERN
    audit_config: Path | None = None
    min_output_tokens: float | None = None
    max_output_tokens: float | None = None
    tolerance: float = 0.001
    script_timeout_s: float = 3600.0
    max_score_difference: float = 0.01


@dataclass(frozen=True)
class Done:
    """A judged test and where its files are."""

    judged: Judged
    directory: Path

    @property
    def exit_code(self) -> ExitCode:
        return self.judged.exit_code


def judge(options: Options, environ: Mapping[str, str]) -> Done:
    """Judge one test and write OUTPUT_DIR/TESTnn, whole or not at all.

    Raises InvalidInput for logs that are missing or malformed, SetupFailed if the files cannot be written.
    """
    started_on, started_ns = provenance.utc_now(), time.monotonic_ns()
    paths = _paths(options)
    target = options.output_dir / options.test
    with replacing(target) as folder, _Logs(options.test, paths, folder, target) as logs:
        judged = _judged(options, paths, logs.passing)
        with writing(target):
            if judged.files:
                logs.copy()
            else:  # a crash of upstream's leaves none
                logs.drop()
            for name, text in judged.files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text, "utf-8", errors="surrogateescape", newline="")
            test_id = options.test.lower()
            (folder / f"audit_{test_id}.json").write_bytes(file_bytes(judged.to_json()))
            timing = build.Timing(started_on, provenance.utc_now(), time.monotonic_ns() - started_ns)
            _write_sidecar(Store(folder), options, paths, judged, timing, logs, environ)
    return Done(judged, target)


def _paths(options: Options) -> Paths:
    """The logs that a test reads. Where upstream's script goes on without one, and says FAIL, so does its rule."""
    if options.results_dir is None and options.test in WITH_REFERENCE:
        raise InvalidInput(f"-r: {options.test} compares with a reference; give its results directory")
    paths = Paths(options.results_dir, options.compliance_dir)
    strictly = options.rule == "strict"
    wanted = [paths.audited_detail] if strictly else []
    if options.test in _ANSWERS and (strictly or options.test != "TEST01"):
        wanted.append(paths.audited_accuracy)
    if options.test in ("TEST01", "TEST08") and strictly:
        wanted += [paths.accuracy, paths.accuracy.with_name(DETAIL)]
    if options.test in ("TEST01", "TEST04") and strictly:
        wanted.append(paths.detail)
    for path in wanted:
        if not path.is_file():
            raise InvalidInput(f"{path}: is missing, and {options.test} reads it")
    return paths


Both = tuple[Callable[[], Verdict], Told, Mapping[str, str]]
"""The judge of the rule strict, what upstream says, and what an accuracy script printed, by run."""

Passing = Callable[[Path], Passed]
"""What takes the pieces of a log while they are judged."""


def _test01(options: Options, paths: Paths, passing: Passing) -> Both:
    dtype = options.dtype or "byte"
    passed = (passing(paths.accuracy), passing(paths.audited_accuracy))
    known = compared(paths.accuracy, paths.audited_accuracy, dtype, passed)
    told = test01.told(paths, dtype, options.unix_mode, None if known is None else known.counts)
    judge = partial(strict.judge_test01, paths, dtype, known=known)
    if options.accuracy_script is None:
        return judge, told, {}
    if not 0 <= options.max_score_difference < 1:
        raise InvalidInput(f"--max-score-difference: {options.max_score_difference} is none; 0 to 1 is wanted")
    _check_pattern(options.score_pattern)
    with tempfile.TemporaryDirectory(prefix="auditcube-") as folder:
        baseline = Path(folder, ACCURACY)
        try:
            fallback.write_baseline(paths.accuracy, paths.audited_accuracy, baseline)
        except InvalidInput:
            if options.rule == "strict":
                raise
            return judge, told, {}  # which tells what cannot be read
        logs = {BASELINE: baseline, COMPLIANCE: paths.audited_accuracy.absolute()}
        done = {run: scorer.run(options.accuracy_script, log, options.script_timeout_s) for run, log in logs.items()}
    labels = {live01.ACCURACY: BASELINE, live01.AUDIT: COMPLIANCE}
    scores = {label: scorer.score(done[run], options.score_pattern) for label, run in labels.items()}
    judge = partial(judge, scores=scores, max_score_difference=options.max_score_difference)
    return judge, told, {run: scored.printed for run, scored in done.items()}


def _test04(options: Options, paths: Paths, _: Passing) -> Both:
    return partial(strict.judge_test04, paths), test04.told(paths), {}


def _test06(options: Options, paths: Paths, passing: Passing) -> Both:
    if options.scenario is None:
        raise InvalidInput("-s: TEST06 wants the scenario: Offline, Server, Interactive, SingleStream or MultiStream")
    dtype = options.dtype or "int32"
    try:
        eos = tuple(int(text) for text in (options.eos or str(test06.EOS)).split(","))
    except ValueError:
        raise InvalidInput(f"-e: one or more token ids, with commas, are wanted, not {options.eos}") from None
    passed, told_first = passing(paths.audited_accuracy), options.scenario != "Offline"
    known = facts.tokens(paths.audited_accuracy, dtype, eos, told_first=told_first, passed=passed)
    judge = partial(strict.judge_test06, paths, options.scenario, dtype, eos, known)
    checks = None if known is None else known.checks
    return judge, test06.told(paths, options.scenario, dtype, options.eos, checks), {}


def _test07(options: Options, paths: Paths, _: Passing) -> Both:
    if options.accuracy_script is None:
        raise InvalidInput(f"--accuracy-script: TEST07 wants a command that scores the log: 'CMD ... {scorer.PLACE}'")
    threshold = options.accuracy_threshold
    if threshold is None and options.audit_config is not None:
        threshold = audit_config.number(options.audit_config, "test07_accuracy_threshold", comments=False)
    if threshold is None:
        raise InvalidInput("--accuracy-threshold: is wanted, or an --audit-config that has test07_accuracy_threshold")
    _check_pattern(options.score_pattern)
    scored = scorer.run(options.accuracy_script, paths.audited_accuracy.absolute(), options.script_timeout_s)
    judge = partial(strict.judge_test07, paths, scored, threshold, options.score_pattern)
    return judge, test07.told(scored.output, threshold, options.score_pattern), {COMPLIANCE: scored.printed}


def _check_pattern(pattern: str) -> None:
    try:
        if not re.compile(pattern).groups:
            raise InvalidInput("--score-pattern: has no group for the score")
    except re.error as problem:
        raise InvalidInput(f"--score-pattern: is no regular expression: {problem}") from None


def _test08(options: Options, paths: Paths, _: Passing) -> Both:
    return partial(strict.judge_test08, paths, options.tolerance), test08.told(paths, options.tolerance), {}


def _test09(options: Options, paths: Paths, passing: Passing) -> Both:
    low = _bound(options, "min", options.min_output_tokens)
    high = _bound(options, "max", options.max_output_tokens)
    known = facts.lengths(paths.audited_accuracy, passing(paths.audited_accuracy))
    lengths = None if known is None else list(map(int, known.lengths.lengths))
    return partial(strict.judge_test09, paths, low, high, known), test09.told(paths, low, high, lengths), {}


def _bound(options: Options, name: str, given: float | None) -> float:
    found = given
    if found is None and options.audit_config is not None:
        found = audit_config.number(options.audit_config, f"test09_{name}_output_tokens", comments=True)
    if found is None:
        raise InvalidInput(f"--{name}-output-tokens: is wanted, or an --audit-config that has it")
    return found


TESTS: Mapping[str, Callable[[Options, Paths, Passing], Both]] = {
    "TEST01": _test01,
    "TEST04": _test04,
    "TEST06": _test06,
    "TEST07": _test07,
    "TEST08": _test08,
    "TEST09": _test09,
}


def _judged(options: Options, paths: Paths, passing: Passing) -> Judged:
    """Both rules. What the rule strict cannot read is an error where it was asked for, else part of what it says."""
    judge, upstream, printed = TESTS[options.test](options, paths, passing)
    try:
        verdict = judge()
    except InvalidInput as problem:
        if options.rule == "strict":
            raise
        verdict = Verdict(Outcome.INCONCLUSIVE, "malformed", str(problem))
    if options.rule == "upstream":
        files = {**upstream.files, **_scored_files(options.test, printed)}
        return Judged(options.test, options.rule, verdict, upstream, files)
    offline = options.scenario == "Offline"
    texts = marks.texts(options.test, verdict, offline=offline, printed=printed.get(COMPLIANCE, ""))
    return Judged(options.test, options.rule, verdict, upstream, texts | _scored_files(options.test, printed))


def _scored_files(test: str, printed: Mapping[str, str]) -> dict[str, str]:
    """What TEST01's fallback wants beside the log: what the accuracy script said of either run."""
    if test != "TEST01" or not printed:
        return {}
    told = {f"accuracy/{run}_accuracy.txt": text for run, text in printed.items()}
    return {**told, "accuracy/accuracy.txt": printed[COMPLIANCE]}


class _Logs:
    """Logs as they are read, each measured on the way, and the copies of the compliance run's that a submission wants.

    What is judged while it passes here is read once: its digest and its copy are of the very bytes that were judged.
    """

    def __init__(self, test: str, paths: Paths, folder: Path, target: Path) -> None:
        self._folder, self._target = folder, target
        self._names = {paths.audited_accuracy: f"accuracy/{ACCURACY}"} if test in _ANSWERS and test != "TEST08" else {}
        if test in _PERFORMANCE:
            self._names |= {paths.audited_summary: f"performance/run_1/{SUMMARY}"}
            self._names |= {paths.audited_detail: f"performance/run_1/{DETAIL}"}
        self._passing: dict[Path, digest.Passing] = {}
        self._open = ExitStack()
        self.copied: dict[str, tuple[int, str]] = {}  # size and sha256, by name

    def __enter__(self) -> _Logs:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def passing(self, path: Path) -> Passed:
        """What takes a log, piece by piece, from its one reader."""
        own: digest.Passing | None = None

        def taken(piece: memoryview) -> None:
            nonlocal own
            with writing(self._target):
                if own is None:  # no copy of a log that is not there
                    own = digest.Passing(self._place(path) if path in self._names else None)
                    self._passing[path] = self._open.enter_context(own)
                own(piece)

        return taken

    def _place(self, path: Path) -> Path:
        place = self._folder / self._names[path]
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def copy(self) -> None:
        """Copy what has not passed from beginning to end."""
        self._open.close()
        for path, name in self._names.items():
            if (passing := self._passing.get(path)) is not None and passing.ended:
                self.copied[name] = passing.measured
            elif path.is_file():  # what is missing, `mlperf check` tells
                self.copied[name] = digest.copied(path, self._place(path))

    def drop(self) -> None:
        """Leave no copy."""
        self._open.close()
        shutil.rmtree(self._folder / "accuracy", ignore_errors=True)

    def measured(self, path: Path) -> tuple[int, str]:
        """Size and sha256 of a log, as it was read."""
        passing = self._passing.get(path)
        if passing is not None and passing.ended:
            return passing.measured
        copied = self.copied.get(self._names.get(path, ""))
        return copied or digest.of_file(path)


def _write_sidecar(
    store: Store, options: Options, paths: Paths, judged: Judged, timing: build.Timing,
    logs: _Logs, environ: Mapping[str, str],
) -> None:  # fmt: skip
    name = f"audit_{options.test.lower()}.json"
    derived = {
        "benchmark": _system(paths),
        "claim_status": "diagnostic",
        "result_paths": [name, *judged.files],
        "task_status": {"state": "completed", "exit_code": int(judged.exit_code)},
        "config_hashes": {},
        "verdicts": [judged.to_json()["verdict"]],
        "non_claims": ["No file was scanned.", *build.NON_CLAIMS[1:], f"The verdict is by the rule {judged.rule}."],
    }
    manifest = build.manifest(
        task=f"mlperf {options.test}",
        run_id=provenance.new_run_id(),
        identity=surroundings.identity(None, environ),
        timing=timing,
        dataset_refs=_inputs(paths, logs),
        artifacts=artifacts_of(store, logs.copied),
        parents=[],
        derived=derived,
        provenance=provenance.provenance(timing.finished_on),
        environment=provenance.environment(environ),
    )
    # LoadGen's logs may be gigabytes of digits: `auditcube redact` looks at them when they are to be published.
    seal(store, manifest, scan=False)


def _system(paths: Paths) -> str:
    """The name of the system under test, where the log tells it."""
    try:
        name = Detail(paths.audited_detail).get("sut_name")
    except Malformed:
        return provenance.UNKNOWN
    return name[:200] if isinstance(name, str) and name else provenance.UNKNOWN


def _inputs(paths: Paths, logs: _Logs) -> list[dict[str, Any]]:
    """The logs that were read, by digest; where they lay is the submitter's own business."""
    read = {
        "reference accuracy log": paths.accuracy if paths.results_dir else None,
        "reference detail log": paths.detail if paths.results_dir else None,
        "reference summary": paths.summary if paths.results_dir else None,
        "compliance accuracy log": paths.audited_accuracy,
        "compliance detail log": paths.audited_detail,
        "compliance summary": paths.audited_summary,
    }
    found = []
    for name, path in read.items():
        if path is not None and path.is_file():
            size, sha256 = logs.measured(path)
            told = {"digest": {"sha256": sha256}, "size": size, "format": "loadgen"}
            shared = {"kind": "loadgen_log", "provenance": "LoadGen", "redaction_status": "not_scanned"}
            found.append({"source_id": name, **shared, **told})
    return found
