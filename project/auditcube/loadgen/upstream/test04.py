"""TEST04: the scores of two summaries; one-sided, and silent about what is missing.

Source: compliance/TEST04/{verify_performance,run_verification}.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from auditcube.loadgen.errors import Malformed
from auditcube.loadgen.layout import Paths
from auditcube.loadgen.upstream.told import MARK, Crash, Told, as_float

_STREAMS = {
    "SingleStream": re.compile(r".*Early stopping (90th|90.0th|99.9th) percentile estimate"),
    "MultiStream": re.compile(r".*Early stopping (99th|99.0th) percentile estimate"),
}
_RATES = {"Server": re.compile("Completed samples per second"), "Offline": re.compile("Samples per second")}
_LATENCY = re.compile(r"target_latency (ns)")  # as upstream spells it: the brackets are a group
_ERRORS = re.compile(r"\d+ ERROR")
_RELAXED_UP_TO = {"SingleStream": 200_000, "MultiStream": 1_600_000}


class _Ends(Exception):
    """The script ends here, with this exit code; what it printed stands."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class _Scan:
    """One summary as the script reads it."""

    def __init__(self) -> None:
        self.mode = ""
        self.score: float | str = 0
        self.latency: str | None = None


def told(paths: Paths) -> Told:
    """The verdict of the script, which ends with 0 whatever it is."""
    lines = ["Verifying performance."]
    notes: list[str] = []
    try:
        _compare(paths, lines)
    except _Ends:
        pass
    except (Crash, Malformed) as problem:
        notes.append(f"verify_performance.py crashes: {problem}")
        if MARK in problem.quoted:
            lines.append(f"Error: {problem.quoted}")
    text = "\n".join([*lines, ""])
    return Told(MARK in text, 0, {"verify_performance.txt": text}, tuple(notes))


def _compare(paths: Paths, lines: list[str]) -> None:
    reference = _scan(paths.summary, lines, "Reference results are invalid", "reference results", None)
    test = _scan(paths.audited_summary, lines, "Test results are invalid", "test results", reference)
    if test.mode != reference.mode:
        lines.append("Test and reference scenarios do not match!")
        raise _Ends(1)
    relaxed = reference.mode in _RELAXED_UP_TO and as_float(reference.score) <= _RELAXED_UP_TO[reference.mode]
    threshold = 0.20 if relaxed else 0.10
    lines += [f"reference score = {reference.score}", f"test score = {test.score}"]
    passed = as_float(test.score) < as_float(reference.score) * (1 + threshold)
    lines.append(MARK if passed else "TEST FAIL: Test score invalid")


def _scan(path: Path, lines: list[str], invalid: str, name: str, reference: _Scan | None) -> _Scan:
    found = _Scan()
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                _line(found, line, lines, invalid, name, reference)
    except OSError as problem:
        raise Malformed(path, str(problem.strerror)) from None
    except UnicodeDecodeError as problem:
        raise Malformed(path, f"is not UTF-8 ({problem.reason})") from None
    return found


def _line(found: _Scan, line: str, lines: list[str], invalid: str, name: str, reference: _Scan | None) -> None:
    """One line, of which only the first thing that it is counts."""
    if line.startswith("Scenario"):
        found.mode = _value(line)
    elif (stream := _STREAMS.get(found.mode)) is not None and stream.match(line):
        try:
            found.score = 1e9 / as_float(_value(line))
        except ZeroDivisionError:
            raise Crash("float division by zero") from None
    elif (rate := _RATES.get(found.mode)) is not None and rate.match(line):
        found.score = _value(line)
    elif found.mode == "Server" and _LATENCY.match(line):
        found.latency = _value(line)
        if reference is not None:
            if reference.latency is None:
                raise Crash("the reference's latency is used before it is set")
            if reference.latency != found.latency:
                lines.append("TEST FAIL: Server target latency mismatch")
                raise _Ends(0)
    elif line.startswith("Result is"):
        if _value(line) == "INVALID":
            lines.append(f"TEST FAIL: {invalid}")
            raise _Ends(1)
    elif _ERRORS.match(line):
        lines.append(f"WARNING: {line.split(' ', 1)[0]} ERROR reported in {name}")


def _value(line: str) -> str:
    _, mark, value = line.partition(": ")
    if not mark:
        raise Crash(f"list index out of range at {line.strip()!r}")
    return value.strip()
