"""TEST01: the first element of each answer, and the two scores.

Source: compliance/TEST01/{verify_accuracy,verify_performance,run_verification}.py.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.detail_log import Detail, messages
from auditcube.loadgen.errors import Malformed
from auditcube.loadgen.hexdata import numbers
from auditcube.loadgen.layout import Paths
from auditcube.loadgen.upstream.told import MARK, Crash, Told, as_float

_SCORES = {
    "Offline": "result_samples_per_second",
    "SingleStream": "early_stopping_latency_ss",
    "MultiStream": "early_stopping_latency_ms",
    "Server": "result_completed_samples_per_sec",
}
_RELAXED_UP_TO_NS = {"SingleStream": 200_000, "MultiStream": 1_600_000}
_SEQUENCE = re.compile(rb'"seq_id" : \S+')
_FIELDS = re.compile(rb": |,")
_INDEX = re.compile(rb'"qsl_idx" : ([^,]*),')


def told(paths: Paths, dtype: str, unix_mode: bool, known: Mapping[str, int] | None = None) -> Told:
    """Both halves. The script as a whole never fails: it only writes both verdicts down.

    `known`: what verify_accuracy.py counts without `unix_mode`, if the accuracy logs were read already.
    """
    notes = []
    same, fast = False, False
    accuracy, performance = "", ["Verifying performance."]
    try:
        if unix_mode:
            same, accuracy = _unix_accuracy(paths.accuracy, paths.audited_accuracy)
        else:
            counts = _counted(paths.accuracy, paths.audited_accuracy, dtype) if known is None else known
            same, accuracy = _accuracy(counts)
    except (Crash, Malformed) as problem:
        notes.append(f"verify_accuracy.py crashes: {problem}")
    try:
        fast = _performance(paths.detail, paths.audited_detail, performance)
    except (Crash, Malformed) as problem:
        notes.append(f"verify_performance.py crashes: {problem}")
        if MARK in problem.quoted:
            fast = True
            performance.append(f"Error: {problem.quoted}")
    files = {"verify_accuracy.txt": accuracy, "verify_performance.txt": "\n".join([*performance, ""])}
    return Told(same and fast, 0, files, tuple(notes))


def members(entry: Any, *names: str) -> list[Any]:
    """These members of an entry. Raises Crash where the script's `entry["name"]` would."""
    if not isinstance(entry, dict):
        raise Crash(f"an entry is no object but {type(entry).__name__}")
    try:
        return [entry[name] for name in names]
    except KeyError as problem:
        raise Crash(f"an entry has no {problem}") from None


def decoded(data: Any, dtype: str) -> Any:
    """The numbers of an answer. Raises Crash where the script's conversion would fail."""
    try:
        return numbers(data, dtype)
    except (ValueError, TypeError) as problem:
        raise Crash(f"the data of an entry cannot be decoded: {problem}") from None


def _counted(reference: Path, compliance: Path, dtype: str) -> Counter[str]:
    wanted = _wanted(compliance)
    known: dict[Any, Any] = {}  # of the answers only those that will be compared: the log may be large
    marks: dict[Any, int] = {}
    counts: Counter[str] = Counter()
    for entry in entries(reference):
        index, data = members(entry, "qsl_idx", "data")
        counts["acc_log_entries"] += 1
        mark = _hashed(data)
        if _hashable(index) in marks:
            counts["acc_log_duplicate_keys"] += 1
            counts["acc_log_data_mismatch"] += marks[index] != mark
            continue
        marks[index] = mark
        if index in wanted:
            known[index] = data
    del marks
    for entry in entries(compliance):
        index, data = members(entry, "qsl_idx", "data")
        counts["perf_log_entries"] += 1
        tested = decoded(data, dtype)
        if index in known:
            counts["perf_log_qsl_idx_match"] += 1
            counts["perf_log_data_mismatch"] += _differ(decoded(known[index], dtype), tested)
        else:
            counts["missing_qsl_idxs"] += 1
        known[index] = data
    return counts


def _accuracy(counts: Mapping[str, int]) -> tuple[bool, str]:
    passed = counts["perf_log_data_mismatch"] == 0 and counts["perf_log_qsl_idx_match"] > 0
    reference_names = "acc_log_entries acc_log_duplicate_keys acc_log_data_mismatch"
    names = f"{reference_names} perf_log_entries perf_log_qsl_idx_match perf_log_data_mismatch missing_qsl_idxs".split()
    lines = [f"num_{name} = {counts[name]}" for name in names]
    return passed, "\n".join([*lines, _verdict(passed), "", ""])


def _wanted(compliance: Path) -> set[Any]:
    return {_hashable(members(entry, "qsl_idx")[0]) for entry in entries(compliance)}


def _hashable(index: Any) -> Any:
    if isinstance(index, (list, dict)):
        raise Crash("a qsl_idx is a list or an object")
    return index


def _hashed(data: Any) -> int:
    """Stands for data that are only ever compared with each other."""
    return hash(data) if isinstance(data, str) else hash(repr(data))


def _differ(one: Any, other: Any) -> bool:
    if not len(one) or not len(other):
        return len(one) != len(other)
    return bool(one[0] != other[0])


def _verdict(passed: bool) -> str:
    return "TEST PASS" if passed else "TEST FAIL"


def _unix_accuracy(reference: Path, compliance: Path) -> tuple[bool, str]:
    """`--unixmode`: whole lines, by their MD5; only LoadGen's own spelling can be read.

    A line is what ends in a newline, as `wc -l` counts; one without an index is like no line of the reference.
    """
    try:
        tested, known = (path.read_bytes().split(b"\n")[:-1] for path in (compliance, reference))
    except OSError as problem:
        raise Crash(str(problem.strerror)) from problem
    if 0 < len(tested) < 100:
        raise Crash("a log of fewer than 100 lines is divided by zero")
    by_index: dict[bytes, list[bytes]] = {}
    for line in known:
        for index in dict.fromkeys(_INDEX.findall(line)):
            by_index.setdefault(index, []).append(line)
    matches = mismatches = 0
    for line in tested[1:-1]:
        index = (_FIELDS.split(line) + [b""] * 4)[3].rstrip()
        same = _digest(by_index.get(index, [])) == _digest([line])
        matches += same
        mismatches += not same
    passed = mismatches == 0 and matches > 0
    told = (len(known) - 2, mismatches, len(tested) - 2)
    names = ("num_acc_log_entries", "num_perf_log_data_mismatch", "num_perf_log_entries")
    lines_out = [f"{name} = {value}" for name, value in zip(names, told, strict=True)]
    return passed, "\n".join([*lines_out, _verdict(passed), "", ""])


def _digest(lines: list[bytes]) -> str:
    text = b"".join(_SEQUENCE.sub(b"", line.replace(b",", b"")) + b"\n" for line in lines)
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _performance(reference: Path, compliance: Path, lines: list[str]) -> bool:
    """Two-sided: the compliance run is neither slower nor faster by more than the threshold."""
    scores, scenarios, latencies = [], [], []
    for path in (reference, compliance):
        log = Detail(path)
        scenario = _value(log, "effective_scenario")
        if not isinstance(scenario, str) or scenario not in _SCORES:
            quoted = scenario if isinstance(scenario, str) else ""  # of a list the traceback tells the type alone
            raise Crash(f"no score is known for the scenario {scenario!r}", quoted)
        scores.append(as_float(_value(log, _SCORES[scenario])))
        if _value(log, "result_validity") != "VALID":
            lines.append(f"TEST FAIL: Invalid results in {path}")
            return False
        if _errors(log):
            raise Crash("name 'line' is not defined, which a log with errors leads to")
        scenarios.append(scenario)
        latencies.append(_value(log, "effective_target_latency_ns") if scenario == "Server" else None)
    before, after = scores
    if scenarios[0] != scenarios[1]:
        lines.append("TEST FAIL: Test and reference scenarios do not match!")
        return False
    if latencies[0] != latencies[1]:
        lines.append("TEST FAIL: Server target latency mismatch")
        return False
    relaxed = scenarios[0] in _RELAXED_UP_TO_NS and before <= _RELAXED_UP_TO_NS[scenarios[0]]
    threshold = 0.20 if relaxed else 0.10
    passed = before * (1 - threshold) <= after <= before * (1 + threshold)
    lines += [f"Reference score = {before}", f"Test score = {after}"]
    lines.append("TEST PASS" if passed else "TEST FAIL: Test score invalid")
    return passed


def _value(log: Detail, key: str) -> Any:
    """The first value of a key, None without one. Raises Crash where its message has no value, as the script does."""
    if key in log.valueless:
        raise Crash(f"the message of {key} has no value")
    return log.get(key)


def _errors(log: Detail) -> bool:
    if "num_errors" in log.values:
        return bool(_value(log, "num_errors") != 0)
    try:
        return any([message["metadata"]["is_error"] for message in messages(log.path)])
    except (KeyError, TypeError) as problem:
        raise Crash(f"a message does not tell whether it is an error: {problem}") from None
