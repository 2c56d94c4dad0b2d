"""The rule `upstream`: every boundary and every hole, as MLPerf's scripts have them (facts of 2026-08)."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auditcube.loadgen.layout import ACCURACY, DETAIL, SUMMARY, Paths
from auditcube.loadgen.upstream import test01, test04, test06, test07, test08, test09
from auditcube.loadgen.upstream.told import Told
from loadgen.logs import case, detail, entry, predictions, tokens, write_accuracy, write_detail, write_summary

NAN = math.nan


def performance(tmp_path: Path, before: dict[str, Any], after: dict[str, Any], **more: Any) -> tuple[bool, str]:
    paths = case(tmp_path, "TEST01")
    write_detail(paths.detail, before)
    write_detail(paths.audited_detail, after, **more)
    told = test01.told(paths, "byte", False)
    text = told.files["verify_performance.txt"]
    assert "TEST PASS" in told.files["verify_accuracy.txt"]
    return told.passed is True, text


@pytest.mark.parametrize(
    ("scenario", "before", "after", "passed"),
    [
        ("Offline", 1000, 1100, True), ("Offline", 100, 110, True), ("Offline", 1.13, 1.243, False),
        ("Offline", 1.01, 1.111, True), ("Offline", 1000, 900, True), ("Offline", 1.05, 0.945, False),
        ("Offline", 1000, 1101, False), ("Offline", 1000, 899, False), ("Offline", 0, 0, True),
        ("Offline", NAN, 1, False), ("Offline", math.inf, math.inf, True), ("Offline", "1e3", "1000", True),
        ("SingleStream", 200_000, 240_000, True), ("SingleStream", 200_001, 240_000, False),
        ("MultiStream", 1_600_000, 1_920_000, True), ("MultiStream", 1_600_001, 1_920_000, False),
        ("Server", 400, 440, True), ("Server", 400, 441, False), ("Interactive", 1, 1, False),
        ("Offline", None, 1, False), ("Offline", True, 1, True),
    ],
)  # fmt: skip
def test01_the_band(tmp_path: Path, scenario: str, before: Any, after: Any, passed: bool) -> None:
    assert performance(tmp_path, detail(scenario, before), detail(scenario, after))[0] is passed


@pytest.mark.parametrize(
    ("change", "passed", "text"),
    [
        ({"result_validity": "INVALID"}, False, "TEST FAIL: Invalid results in"),
        ({"result_validity": ...}, False, "TEST FAIL: Invalid results in"),
        ({"num_errors": 1}, False, ""),
        ({"effective_target_latency_ns": 1_000_000.0}, True, "TEST PASS"),
        ({"effective_target_latency_ns": "1000000"}, False, "target latency mismatch"),
        ({"effective_target_latency_ns": ...}, False, "target latency mismatch"),
        ({"effective_scenario": "Offline", "result_samples_per_second": 400}, False, "scenarios do not match"),
        ({"sut_name": "other"}, True, "TEST PASS"),  # nothing else is compared
    ],
)
def test01_what_else_is_compared(tmp_path: Path, change: dict[str, Any], passed: bool, text: str) -> None:
    found, told = performance(tmp_path, detail("Server", 400), detail("Server", 400, **change))
    assert found is passed
    assert text in told


def test01_errors_crash_the_script_unless_their_number_is_told(tmp_path: Path) -> None:
    good = detail("Server", 400)
    assert performance(tmp_path / "a", good, good, errors=["e"])[0]
    assert not performance(tmp_path / "b", good, detail("Server", 400, num_errors=...), errors=["e"])[0]


@pytest.mark.parametrize("metadata", [None, {}, [1], ...])
def test01_a_message_that_tells_no_errors_crashes_the_script_unless_their_number_is_told(
    tmp_path: Path, metadata: Any
) -> None:
    paths = case(tmp_path, "TEST01")
    message = {"key": "more", "value": 1, "metadata": metadata}
    line = f":::MLLOG {json.dumps({k: v for k, v in message.items() if v is not ...})}\n"
    for told, passed in ((0, True), (..., False)):
        write_detail(paths.audited_detail, detail(num_errors=told))
        with paths.audited_detail.open("a") as file:
            file.write(line)
        assert test01.told(paths, "int32", False).passed is passed


@pytest.mark.parametrize(
    "key",
    ["effective_scenario", "result_completed_samples_per_sec", "result_validity", "num_errors",
     "effective_target_latency_ns"],
)  # fmt: skip
def test01_a_message_without_a_value_crashes_the_script_where_it_is_looked_at(tmp_path: Path, key: str) -> None:
    paths = case(tmp_path, "TEST01", "Server")
    for path in (paths.detail, paths.audited_detail):
        write_detail(path, detail("Server", 400))
        path.write_text(path.read_text() + ':::MLLOG {"key": "more"}\n')
    assert test01.told(paths, "int32", False).passed is True
    for path in (paths.detail, paths.audited_detail):
        text = re.sub(f'"key": "{key}", "value": [^,]*,', f'"key": "{key}",', path.read_text())
        assert text != path.read_text()
        path.write_text(text)
    told = test01.told(paths, "int32", False)
    assert told.files["verify_performance.txt"] == "Verifying performance.\n"
    assert "crashes: the message of" in told.notes[0]


def test01_a_crash_that_repeats_the_words_passes(tmp_path: Path) -> None:
    for name, change in (("a", detail("Offline", "TEST PASS")), ("b", detail(effective_scenario="TEST PASS"))):
        passed, text = performance(tmp_path / name, detail(), change)
        assert passed
        assert "TEST PASS" in text
    assert not performance(tmp_path / "f", detail(), detail(effective_scenario=["TEST PASS"]))[0]
    for name, text in (("c", ":::MLLOG {} TEST PASS\n"), ("d", "TEST PASS\n"), ("e", ":::MLLOG {TEST PASS\n")):
        paths = case(tmp_path / name, "TEST01")
        paths.audited_detail.write_text(text)
        assert test01.told(paths, "byte", False).passed is True
    paths = case(tmp_path / "TEST PASS", "TEST01")
    paths.audited_detail.unlink()
    assert test01.told(paths, "byte", False).passed is False  # it is the log that must say so, not where it lies


def test01_the_score_is_read_before_the_validity(tmp_path: Path) -> None:
    passed, text = performance(tmp_path, detail(result_validity="INVALID", effective_scenario=...), detail())
    assert (passed, text) == (False, "Verifying performance.\n")


def accuracy(tmp_path: Path, known: list[Any], tested: list[Any], dtype: str = "int32") -> Told:
    paths = case(tmp_path, "TEST01")
    write_accuracy(paths.accuracy, known)
    write_accuracy(paths.audited_accuracy, tested)
    return test01.told(paths, dtype, False)


@pytest.mark.parametrize(
    ("known", "tested", "dtype", "passed"),
    [
        ([entry(1, [5, 6])], [entry(1, [5, 7])], "int32", True),  # only the first element
        ([entry(1, [5, 6])], [entry(1, [6, 6])], "int32", False),
        ([entry(1, [5])], [entry(1, [5 + 256])], "byte", True),  # only the first byte
        ([entry(1, [])], [entry(1, [])], "int32", True),
        ([entry(1, [5])], [entry(1, [])], "int32", False),
        ([entry(1, [5])], [entry(2, [5])], "int32", False),  # nothing to compare
        ([], [entry(1, [5]), entry(1, [5])], "int32", True),  # an answer that matches itself
        ([entry(1, [5]), entry(1, [6])], [entry(1, [5])], "int32", True),  # the first counts
        ([entry(1, [5])], [], "int32", False),
        ([entry(1, [NAN], "float32")], [entry(1, [NAN], "float32")], "float32", False),
        ([entry(1, [-0.0], "float32")], [entry(1, [0.0], "float32")], "float32", True),
        ([{**entry(1, [5]), "qsl_idx": 1.0}], [{**entry(1, [5]), "qsl_idx": True}], "int32", True),
        ([{**entry(1, [5]), "qsl_idx": "1"}], [entry(1, [5])], "int32", False),
        ([entry(1, [5])], [{"qsl_idx": 1, "data": "0500000"}], "int32", False),  # a crash
        ([entry(1, [5])], [{"qsl_idx": 1, "data": "05 00 00 00"}], "int32", True),
        ([{"qsl_idx": 2, "data": "zz"}, entry(1, [5])], [entry(1, [5])], "int32", True),  # never decoded
        ([entry(1, [5])], [{"qsl_idx": 1}], "int32", False),
        ([entry(1, [5])], [3], "int32", False),
        ([entry(1, [5])], [{**entry(1, [5]), "qsl_idx": [1]}], "int32", False),
    ],
)
def test01_answers(tmp_path: Path, known: list[Any], tested: list[Any], dtype: str, passed: bool) -> None:
    assert accuracy(tmp_path, known, tested, dtype).passed is passed


def test01_counts(tmp_path: Path) -> None:
    known = [entry(1, [5]), entry(1, [6]), entry(2, [7]), entry(2, [7])]
    told = accuracy(tmp_path, known, [entry(1, [5]), entry(2, [8]), entry(3, [9])])
    assert told.files["verify_accuracy.txt"].splitlines() == [
        "num_acc_log_entries = 4",
        "num_acc_log_duplicate_keys = 2",
        "num_acc_log_data_mismatch = 1",
        "num_perf_log_entries = 3",
        "num_perf_log_qsl_idx_match = 2",
        "num_perf_log_data_mismatch = 1",
        "num_missing_qsl_idxs = 1",
        "TEST FAIL",
        "",
    ]


@pytest.mark.parametrize(("count", "change", "passed"), [(97, None, False), (98, None, True), (98, 50, False)])
def test01_unixmode(tmp_path: Path, count: int, change: int | None, passed: bool) -> None:
    """Whole lines; fewer than 98 entries are divided by zero."""
    paths = case(tmp_path, "TEST01")
    write_accuracy(paths.accuracy, [entry(n, [5, n], seq=200 - n) for n in range(120)])
    write_accuracy(paths.audited_accuracy, [entry(n, [5, n + (n == change)]) for n in range(count)])
    assert test01.told(paths, "byte", True).passed is passed


def test01_unixmode_of_no_lines_divides_by_nothing(tmp_path: Path) -> None:
    paths = case(tmp_path, "TEST01")
    paths.audited_accuracy.write_text("")
    told = test01.told(paths, "byte", True).files["verify_accuracy.txt"].splitlines()
    assert told[2:4] == ["num_perf_log_entries = -2", "TEST FAIL"]


@pytest.mark.parametrize(
    ("old", "new", "mismatches"),
    [
        (b"\n", b"\r\n", 99),
        (b" },", b" }, ", 98),  # the last entry has no comma
        (b'"seq_id" : ', b'"seq_id" :  ', 99),
        (b'"seq_id" : 1', b'"seq_id" : 9', 0),  # which is not compared
        (b"[\n", b"[\n\n", 1),  # an empty line, and an index is wanted of every one but the first and the last
        (b"\n]\n", b"\njunk\n]\n", 1),
        (b"\n]\n", b"\n]", 0),
    ],
)
def test01_unixmode_compares_lines_as_they_are(tmp_path: Path, old: bytes, new: bytes, mismatches: int) -> None:
    paths = case(tmp_path, "TEST01")
    write_accuracy(paths.accuracy, [entry(n, [5, n], seq=200 - n) for n in range(120)])
    write_accuracy(paths.audited_accuracy, [entry(n, [5, n]) for n in range(99)])
    paths.audited_accuracy.write_bytes(paths.audited_accuracy.read_bytes().replace(old, new))
    told = test01.told(paths, "byte", True).files["verify_accuracy.txt"].splitlines()
    assert told[1] == f"num_perf_log_data_mismatch = {mismatches}"
    assert told[3] == ("TEST FAIL" if mismatches else "TEST PASS")


def scores(tmp_path: Path, scenario: str, before: Any, after: Any, *more: str, result: str = "VALID") -> Told:
    paths = case(tmp_path, "TEST04")
    write_summary(paths.summary, scenario, before)
    write_summary(paths.audited_summary, scenario, after, *more, result=result)
    return test04.told(paths)


@pytest.mark.parametrize(
    ("scenario", "before", "after", "passed"),
    [
        ("Offline", "1000", "1100", False), ("Offline", "1000", "1099.99", True), ("Offline", "100", "110", True),
        ("Offline", "10", "11", False), ("Offline", "1.13", "1.243", False), ("Offline", "1.01", "1.111", True),
        ("Offline", "1000", "0", True), ("Offline", "1000", None, True), ("Offline", None, "1", False),
        ("Offline", None, None, False), ("Offline", "nan", "1", False), ("Offline", "1", "nan", False),
        ("Offline", "inf", "inf", False), ("Offline", "inf", "5", True), ("Offline", "1.23457e+06", "1.3e6", True),
        ("Offline", "-1", "-5", True), ("Offline", "abc", "1", False), ("Offline", "1_000", "1000", True),
        ("SingleStream", "1200000", "1000000", False), ("SingleStream", "1200000", "1000001", True),
        ("SingleStream", "4999", "4300", False), ("SingleStream", "5000", "4300", True),
        ("SingleStream", "0", "1", False),
        ("MultiStream", "625", "550", True), ("MultiStream", "624", "550", False),
        ("Server", "400.0", "399.9", True), ("Server", "400", "440", True), ("Server", "400", "441", False),
        ("Other", "1", "1", False),
    ],
)  # fmt: skip
def test04_the_boundary(tmp_path: Path, scenario: str, before: Any, after: Any, passed: bool) -> None:
    assert scores(tmp_path, scenario, before, after).passed is passed


@pytest.mark.parametrize(
    ("more", "passed", "text"),
    [
        (["Samples per second: 5000"], False, "test score = 5000"),  # the last counts
        (["target_latency (ns): 5"], True, "TEST PASS"),
        (["2 ERRORS encountered."], True, "WARNING: 2 ERROR reported in test results"),
        (["Result is : INVALID"], False, "TEST FAIL: Test results are invalid"),
        (["Result is : invalid"], True, "TEST PASS"),
        (["Result is INVALID"], False, ""),
        (["Scenario : Server"], False, "Test and reference scenarios do not match!"),
        (["Samples per second: 1, Result is : INVALID"], False, ""),  # no number
    ],
)
def test04_lines(tmp_path: Path, more: list[str], passed: bool, text: str) -> None:
    told = scores(tmp_path, "Offline", "1000", "1000", *more)
    assert told.passed is passed
    assert text in told.files["verify_performance.txt"]


@pytest.mark.parametrize(("before", "after", "passed"), [(None, "5", False), ("5", "5", True), ("5", "6", False)])
def test04_the_latency_that_is_never_there(tmp_path: Path, before: str | None, after: str, passed: bool) -> None:
    paths = case(tmp_path, "TEST04", "Server")
    more = [] if before is None else [f"target_latency ns: {before}"]
    write_summary(paths.summary, "Server", "400", *more)
    write_summary(paths.audited_summary, "Server", "400", f"target_latency ns: {after}")
    assert test04.told(paths).passed is passed


def test04_a_crash_that_repeats_the_words_passes(tmp_path: Path) -> None:
    words = "TEST PASS"
    for scenario, before, after in (("Offline", 1, words), ("Offline", words, "x"), ("Server", words, 1)):
        assert scores(tmp_path / "a", scenario, before, after).passed is True
    told = scores(tmp_path / "a", "SingleStream", "TEST PASS", 1)
    assert told.passed is True
    assert "TEST PASS" in told.files["verify_performance.txt"]
    assert scores(tmp_path / "a", "Offline", 1, 1, "Scenario TEST PASS").passed is False
    paths = case(tmp_path / "TEST PASS", "TEST04")
    paths.summary.unlink()
    assert test04.told(paths).passed is False


def test04_a_stream_with_token_latencies_is_scored_by_the_last(tmp_path: Path) -> None:
    line = " * Early stopping 90th percentile estimate: 10"
    assert scores(tmp_path, "SingleStream", "1000000", "1000000", line).passed is False


def tokens06(tmp_path: Path, entries: list[Any], scenario: str = "Server", eos: str | None = None) -> Told:
    paths = case(tmp_path, "TEST06", scenario)
    write_accuracy(paths.audited_accuracy, entries)
    return test06.told(paths, scenario, "int32", eos)


GOOD = tokens(1)


@pytest.mark.parametrize(
    ("changed", "checks"),
    [
        (entry(1, [5, 2], first=[5], token_count=2), (True, True, True)),
        (entry(1, [5, 2, 2], first=[5], token_count=3), (True, False, True)),
        (entry(1, [2, 2], first=[2], token_count=2), (True, True, True)),  # the first is never looked at
        (entry(1, [5, 2, 2, 0], first=[5], token_count=4), (True, True, True)),  # hidden by what follows
        (entry(1, [5, 2], first=[6], token_count=2), (False, True, True)),
        (entry(1, [5, 2], first=[], token_count=2), (True, True, True)),
        (entry(1, [5, 2], first=[5, 2, 9], token_count=2), (True, True, True)),
        (entry(1, [5, 2], token_count=2), (False, True, True)),
        (entry(1, [5, 2], first=[5], token_count=3), (True, True, False)),
        (entry(1, [5, 2], first=[5], token_count="2"), (True, True, True)),
        (entry(1, [5, 2], first=[5], token_count=2.9), (True, True, True)),
        (entry(1, [], first=[5], token_count=0), (True, True, True)),
    ],
)
def test06_checks(tmp_path: Path, changed: dict[str, Any], checks: tuple[bool, bool, bool]) -> None:
    told = tokens06(tmp_path, [GOOD, changed])
    names = ("First token", "EOS", "Sample length")
    lines = [f"{name} check pass: {check}" for name, check in zip(names, checks, strict=True)]
    whole = "complete" if all(checks) else "failed"
    assert told.files["verify_accuracy.txt"].splitlines() == [*lines, f"TEST06 verification {whole}"]
    assert told.passed is all(checks)


@pytest.mark.parametrize(
    "changed",
    [
        {"data": "0"},
        {"data": "zz" * 4},
        {"data": "000000"},
        {"token_count": None},
        {"token_count": "x"},
        {"data": None},
    ],
)
def test06_what_crashes_it(tmp_path: Path, changed: dict[str, Any]) -> None:
    told = tokens06(tmp_path, [{**GOOD, **changed}])
    assert (told.passed, told.exit_code, told.files) == (None, 1, {})
    # Not once an earlier entry has failed the same check.
    assert tokens06(tmp_path / "b", [entry(1, [5], first=[5], token_count=9), {**GOOD, **changed}]).passed is False


def test06_holes(tmp_path: Path) -> None:
    assert tokens06(tmp_path / "a", []).passed is True
    double = entry(1, [5, 2, 2], first=[6], token_count=3)
    assert tokens06(tmp_path / "b", [double], "Offline", "2").passed is True
    assert "First token check pass: Skipped" in tokens06(tmp_path / "c", [GOOD], "Offline").files["verify_accuracy.txt"]


@pytest.mark.parametrize(
    ("printed", "passed"),
    [
        ("{'exact_match': 60.698}", True),
        ("{'exact_match': 60.697}", False),
        ("{'exact_match':61}", True),
        ('{"exact_match": 99}', False),
        ("'exact_match': 6.2e1", False),
        ("'exact_match': 99e-9", True),
        ("'exact_match': -99", False),
        ("'exact_match': nan", False),
        ("'exact_match': 1.2.3", False),
        ("'exact_match': 62,15", True),
        ("'exact_match': 1 'exact_match': 99", False),
        ("TEST PASS", False),
        ("", False),
    ],
)
def test07_the_score(printed: str, passed: bool) -> None:
    told = test07.told(printed.encode(), 60.698, test07.PATTERN)
    assert told.passed is passed
    assert told.files["verify_accuracy.txt"].rstrip().endswith("TEST PASS" if passed else "TEST FAIL")


@pytest.mark.parametrize(
    ("output", "kept", "passed"),
    [
        (b"10%\r20%\r\n'exact_match': 99\r", "10%\n20%\n'exact_match': 99\n", True),
        (b"\xff\n'exact_match': 99\n", "", False),  # nothing of a piece with bytes that are no text is read
        (b"'exact_match': 99\n" + b"x" * 8192 + b"\n\xff", "'exact_match': 99\n", True),  # what came before is
    ],
)
def test07_what_is_read_of_the_output(output: bytes, kept: str, passed: bool) -> None:
    told = test07.told(output, 60.698, test07.PATTERN)
    assert told.passed is passed
    assert told.files["verify_accuracy.txt"].startswith(f"{kept}\n====")
    assert bool(told.notes) == (b"\xff" in output)


def predicted(tmp_path: Path, known: list[Any], tested: list[Any], tolerance: float = 0.001) -> Told:
    paths = case(tmp_path, "TEST08")
    write_accuracy(paths.accuracy, known)
    write_accuracy(paths.audited_accuracy, tested)
    return test08.told(paths, tolerance)


def floats(*values: float) -> dict[str, Any]:
    return entry(1, list(values), "float32")


KNOWN = floats(1, 7, 0.2, 0.8, 0, 1, 1, 1, 2)


@pytest.mark.parametrize(
    ("known", "tested", "passed"),
    [
        (KNOWN, floats(1, 7, 0.2, 0.8), True),
        (KNOWN, floats(1, 7, 0.2, 0.7), False),
        (KNOWN, floats(1, 8, 0.2, 0.8), False),  # unknown
        (KNOWN, floats(1.9, 7.9, 0.2, 0.8), True),  # cut off to whole numbers
        (KNOWN, floats(1, 7, NAN, 0.8), True),
        (KNOWN, floats(1, 7, 0.5), False),  # broadcast
        (KNOWN, floats(1, 7, 0.2, 0.8, 0.1), None),
        (KNOWN, floats(1), None),
        (KNOWN, floats(NAN, 7, 0.2, 0.8), None),
        (floats(1, 7, 0.2, 0.8, 0, 1, 0, 0, 2), floats(1, 7, 0.9, 0.1), True),  # weights of 0
        (floats(1, 7, 0), floats(1, 7, 0.5), True),  # no candidates
        (floats(1, 7, 0), floats(1, 7), True),
        (floats(1, 7, 0.2, 0.8, 0, 1, 1, 1, 3), floats(1, 7, 0.2, 0.8), None),
        (floats(2**24, 1, 0.2, 0.8, 0, 1, 1, 1, 2), floats(2**24 + 1, 1, 0.2, 0.8), True),  # collide in float32
    ],
)
def test08_entropies(tmp_path: Path, known: dict[str, Any], tested: dict[str, Any], passed: bool | None) -> None:
    told = predicted(tmp_path, [known], [tested])
    assert told.passed is passed
    assert told.exit_code == (0 if passed else 1)


def test08_the_last_reference_counts_and_none_is_none(tmp_path: Path) -> None:
    other = floats(1, 7, 0.5, 0.5, 0, 1, 1, 1, 2)
    assert predicted(tmp_path / "a", [other, KNOWN], [floats(1, 7, 0.2, 0.8)]).passed is True
    assert predicted(tmp_path / "b", [KNOWN, other], [floats(1, 7, 0.2, 0.8)]).passed is False
    assert predicted(tmp_path / "c", [KNOWN], []).passed is False
    assert predicted(tmp_path / "d", [KNOWN], [floats(1, 7, 0.2, 0.7)], NAN).passed is True


def test08_entropy_is_that_of_the_definition(tmp_path: Path) -> None:
    """The tolerance lies between the relative difference, computed here in double precision, and a bit of room."""
    paths = case(tmp_path, "TEST08")
    write_accuracy(paths.accuracy, [predictions(1, labelled=True)])
    changed = predictions(1, labelled=False)
    values = np.frombuffer(bytes.fromhex(changed["data"]), np.float32).copy()
    before = values[2:].astype(float)
    values[2] += np.float32(0.01)
    labels = np.clip(np.array([0.0, 0.0, 1.0, 1.0]), 1e-7, 1 - 1e-7)

    def crossed(p: Any) -> float:
        return float(-(labels * np.log(p) + (1 - labels) * np.log(1 - p)).sum())

    difference = abs(crossed(values[2:].astype(float)) - crossed(before)) / crossed(before)
    write_accuracy(paths.audited_accuracy, [entry(1, values.tolist(), "float32")])
    assert test08.told(paths, difference * 1.01).passed is True
    assert test08.told(paths, difference * 0.99).passed is False


def lengths(tmp_path: Path, text: str, low: float = 2, high: float = 3) -> Told:
    paths = case(tmp_path, "TEST09")
    paths.audited_accuracy.write_text(text, "utf-8")
    return test09.told(paths, low, high)


def of(tokens_: int) -> str:
    return '{"data": "%s"}' % ("00" * 4 * tokens_)


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        (f"[{of(2)}]", True),
        (f"[{of(3)}]", True),
        (f"[{of(1)}, {of(2)}]", False),
        (f"[{of(3)}, {of(4)}]", False),
        (f"[{of(0)}, {of(5)}]", True),
        ('[{"data": "00000000000000000000"}]', True),  # what is left over is dropped
        ('[{"data": "zz"}, {"data": "%s"}]' % ("00" * 20), True),  # counts 0
        ('[{}, {"data": "%s"}]' % ("00" * 20), True),
        ('[{"data": " %s "}]' % ("00" * 8), True),
        ("[]", None),
        ("", None),
        ("[3]", None),
        (of(2), True),  # one object
        (f"{of(2)}\n\n{of(3)}\n", True),
        (f"{of(2)}{of(2)}\n", True),
        (f"{of(1)} \t{of(5)}\n", True),  # whatever space is between them
        (f"{of(1)},{of(5)}\n", False),  # and no further than what is no object
        (f"[\n{of(2)},\n{of(2)},\n", True),  # its end is lost
        (f"\ufeff[\n{of(2)},\n{of(2)}\n]\n", True),
        ('{\n"data": "00"\n}', None),
        (f"[3,\n{of(2)}\n", True),  # it is no list, so the 3 is no entry of one
        (f"[3,\n{of(2)}\n]", None),
        (" " * 70_000 + f"[{of(2)}]", True),
        (f"\x0c[\n{of(2)}\n]", True),
        (f'[\n{of(2)},{{"x": {"9" * 5000}}}\n]', None),  # JSON that Python cannot hold is not read by lines
        (f'{of(2)},{{"x": {"9" * 5000}}}', True),
    ],
)
def test09_the_mean(tmp_path: Path, text: str, passed: bool | None) -> None:
    told = lengths(tmp_path, text)
    assert told.passed is passed
    assert told.exit_code == (0 if passed else 1)
    assert bool(told.files) == (passed is not None)


def test09_bounds_that_are_no_numbers(tmp_path: Path) -> None:
    assert lengths(tmp_path, f"[{of(2)}]", NAN, 3).passed is False


def test_the_names_of_the_logs() -> None:
    paths = Paths(Path("r"), Path("c"))
    assert paths.accuracy == Path("r/accuracy") / ACCURACY
    assert paths.summary == Path("r/performance/run_1") / SUMMARY
    assert paths.audited_detail == Path("c") / DETAIL
