"""The rule `strict`: what passes upstream and should not, and every proof that may be missing."""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditcube.audits.contract import Verdict
from auditcube.errors import InvalidInput
from auditcube.loadgen import strict
from auditcube.loadgen.detail_log import Detail
from auditcube.loadgen.errors import Malformed
from auditcube.loadgen.layout import DETAIL, Paths
from auditcube.loadgen.scorer import Scored
from auditcube.loadgen.upstream import test07
from auditcube.scenario import Scenario
from loadgen.logs import (
    ACCURATE,
    REPEATED,
    SAMPLED,
    case,
    detail,
    entry,
    predictions,
    tokens,
    write_accuracy,
    write_detail,
)

SCORE = Scored(b"'exact_match': 70", 0)
JUDGES: dict[str, Callable[[Paths], Verdict]] = {
    "TEST01": lambda paths: strict.judge_test01(paths, "int32"),
    "TEST04": strict.judge_test04,
    "TEST06": lambda paths: strict.judge_test06(paths, scenario_of(paths), "int32", (2,)),
    "TEST07": lambda paths: strict.judge_test07(paths, SCORE, 60.0, test07.PATTERN),
    "TEST08": lambda paths: strict.judge_test08(paths, 0.001),
    "TEST09": lambda paths: strict.judge_test09(paths, 10.0, 20.0),
}
SCENARIOS = [scenario.value for scenario in Scenario]


def scenario_of(paths: Paths) -> str:
    return str(Detail(paths.audited_detail).get("effective_scenario"))


def unique(test: str) -> dict[str, Any]:
    return {"effective_performance_issue_unique": True} if test in ("TEST07", "TEST09") else {}


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("test", JUDGES)
def test_a_whole_case_passes(tmp_path: Path, test: str, scenario: str) -> None:
    verdict = JUDGES[test](case(tmp_path, test, scenario))
    assert (verdict.outcome.value, [remark.text for remark in verdict.remarks]) == ("PASS", [])
    json.dumps(verdict.to_json(), allow_nan=False)


BREAKS: list[tuple[str, dict[str, Any]]] = [
    ("mode", {"effective_test_mode": "AccuracyOnly"}),
    ("no mode", {"effective_test_mode": ...}),
    ("INVALID", {"result_validity": "INVALID"}),
    ("no validity", {"result_validity": ...}),
    ("errors", {"num_errors": 3}),
    ("errors not told", {"num_errors": None}),
    ("no count", {"result_query_count": ...}),
    ("no such count", {"result_query_count": 10**400}),
]


@pytest.mark.parametrize("change", [change for _, change in BREAKS], ids=[name for name, _ in BREAKS])
@pytest.mark.parametrize("test", JUDGES)
def test_no_pass_without_a_proof(tmp_path: Path, test: str, change: dict[str, Any]) -> None:
    paths = case(tmp_path, test)
    settings = REPEATED if test == "TEST04" else SAMPLED
    write_detail(paths.audited_detail, detail("Offline", 1000.0, **settings, **unique(test), **change))
    assert JUDGES[test](paths).outcome.value == "INCONCLUSIVE"


@pytest.mark.parametrize("test", ["TEST01", "TEST06", "TEST07", "TEST08", "TEST09"])
@pytest.mark.parametrize("target", [0, ..., None, "64", True, 10**400, math.inf, math.nan])
def test_the_sampling_target_was_in_force(tmp_path: Path, test: str, target: Any) -> None:
    paths = case(tmp_path, test)
    settings = {**SAMPLED, "effective_accuracy_log_sampling_target": target}
    write_detail(paths.audited_detail, detail("Offline", 1000.0, **settings, **unique(test)))
    assert JUDGES[test](paths).code == "not_proven"


@pytest.mark.parametrize("scenario", ["Offline", "SingleStream"])  # a rate, and a latency
@pytest.mark.parametrize("test", ["TEST01", "TEST04"])
@pytest.mark.parametrize("score", [10**400, 1e-320, 1e300, math.inf, math.nan, -1.0, 0, True, "1000"])
def test_a_score_that_no_run_has_proves_nothing(tmp_path: Path, test: str, scenario: str, score: Any) -> None:
    settings = REPEATED if test == "TEST04" else SAMPLED
    for name in ("before", "after", "both"):
        paths = case(tmp_path / name, test, scenario)
        if name != "after":
            write_detail(paths.detail, detail(scenario, score))
        if name != "before":
            write_detail(paths.audited_detail, detail(scenario, score, **settings))
        verdict = JUDGES[test](paths)
        assert verdict.outcome.value == "INCONCLUSIVE"
        json.dumps(verdict.to_json(), allow_nan=False)


@pytest.mark.parametrize("told", [False, ..., None, "true"])
def test_one_sample_was_issued_again_and_again(tmp_path: Path, told: Any) -> None:
    paths = case(tmp_path, "TEST04")
    write_detail(paths.audited_detail, detail(**{**REPEATED, "effective_performance_issue_same": told}))
    assert strict.judge_test04(paths).code == "not_proven"
    paths = case(tmp_path / "other", "TEST04")
    write_detail(paths.detail, detail(effective_performance_issue_same=True))
    assert strict.judge_test04(paths).code == "not_proven"


@pytest.mark.parametrize("test", ["TEST01", "TEST04", "TEST08"])
def test_reference_and_audit_are_two_runs_of_one_system(tmp_path: Path, test: str) -> None:
    same = case(tmp_path / "same", test)
    shutil.copyfile(same.audited_detail, same.detail)
    shutil.copyfile(same.audited_accuracy, same.accuracy)
    assert JUDGES[test](same).outcome.value != "PASS"
    if test != "TEST08":  # whose reference is no performance run
        copy = case(tmp_path / "copy", test)
        edited = detail(effective_performance_issue_same=test == "TEST04", effective_accuracy_log_sampling_target=64)
        write_detail(copy.audited_detail, edited)
        assert "they are one run" in JUDGES[test](copy).reason
    other = case(tmp_path / "other", test)
    changed = detail(sut_name="other", **(REPEATED if test == "TEST04" else SAMPLED))
    write_detail(other.audited_detail, changed)
    assert JUDGES[test](other).code == "not_proven"


def test_the_accuracy_run_was_one(tmp_path: Path) -> None:
    for test in ("TEST01", "TEST08"):
        paths = case(tmp_path / test, test)
        write_detail(paths.accuracy.with_name(DETAIL), detail())
        assert JUDGES[test](paths).code == "not_proven"


@pytest.mark.parametrize("test", ["TEST01", "TEST06", "TEST07", "TEST08", "TEST09"])
def test_too_few_logged_answers_prove_nothing(tmp_path: Path, test: str) -> None:
    paths = case(tmp_path, test)
    answers = [json.loads(line.rstrip(",")) for line in paths.audited_accuracy.read_text().splitlines()[1:-1]]
    write_accuracy(paths.audited_accuracy, answers[:20])
    assert JUDGES[test](paths).code == "not_proven"
    write_accuracy(paths.audited_accuracy, [*answers[:-1], answers[0]])
    assert JUDGES[test](paths).code == "not_proven"  # one of them twice
    write_accuracy(paths.audited_accuracy, [])
    assert JUDGES[test](paths).outcome.value == "INCONCLUSIVE"


N, NAN, log = range(64), float("nan"), write_accuracy
HOLES: list[tuple[str, str, Callable[[Paths], Any]]] = [
    ("TEST01", "a tail that differs", lambda p: change(p, entry(3, [1003, *range(10, 23), 9], token_count=15))),
    ("TEST01", "an index that is unknown", lambda p: log(p.accuracy, [tokens(n) for n in range(60)])),
    ("TEST01", "two answers to one sample", lambda p: log(p.accuracy, [*map(tokens, range(64)), entry(3, [1])])),
    ("TEST06", "only EOS", lambda p: change(p, entry(3, [2, 2], first=[2], token_count=2))),
    ("TEST06", "EOS and padding", lambda p: change(p, entry(3, [5, 2, 2, 0], first=[5], token_count=4))),
    ("TEST06", "tokens behind EOS", lambda p: change(p, entry(3, [5, 2, 7], first=[5], token_count=3))),
    ("TEST06", "no tokens", lambda p: change(p, entry(3, [], first=[], token_count=0))),
    ("TEST06", "another first token", lambda p: change(p, entry(3, [5, 2], first=[6], token_count=2))),
    ("TEST06", "another length", lambda p: change(p, entry(3, [5, 2], first=[5], token_count=3))),
    ("TEST06", "no length", lambda p: change(p, entry(3, [5, 2], first=[5]))),
    ("TEST08", "a prediction that is no number", lambda p: change(p, entry(3, [3, 7, NAN, 0.4, 0.6, 0.9], "float32"))),
    ("TEST08", "one prediction for all", lambda p: change(p, entry(3, [3, 7, 0.5], "float32"))),
    ("TEST08", "weights of 0", lambda p: weigh(p, 0.0)),
    ("TEST08", "labels that are no numbers", lambda p: weigh(p, NAN)),
    ("TEST09", "answers without tokens", lambda p: log(p.audited_accuracy, [entry(n, [5] * 30 * (n % 2)) for n in N])),
    ("TEST09", "lengths that are told otherwise", lambda p: change(p, entry(3, [5, 2], token_count=20))),
    ("TEST09", "tokens of 8 bytes", lambda p: log(p.audited_accuracy, [entry(n, [5] * 8, "int64") for n in N])),
]  # fmt: skip


def change(paths: Paths, changed: dict[str, Any]) -> None:
    """Put this entry in the place of the one that has its number."""
    answers = [json.loads(line.rstrip(",")) for line in paths.audited_accuracy.read_text().splitlines()[1:-1]]
    write_accuracy(paths.audited_accuracy, [changed if a["seq_id"] == changed["seq_id"] else a for a in answers])


def weigh(paths: Paths, weight: float) -> None:
    data = [3.0, 7.0, 0.2, 0.8, 0.0, 1.0, weight, weight, 2.0]
    known = [predictions(n, labelled=True) for n in range(64) if n != 3]
    write_accuracy(paths.accuracy, [*known, entry(3, data, "float32")])
    change(paths, entry(3, [3.0, 7.0, 0.9, 0.1], "float32"))


@pytest.mark.parametrize(("test", "hole"), [(t, h) for t, _, h in HOLES], ids=[f"{t} {name}" for t, name, _ in HOLES])
def test_no_hole_of_upstreams_is_left(tmp_path: Path, test: str, hole: Callable[[Paths], Any]) -> None:
    paths = case(tmp_path, test, "Server")
    hole(paths)
    assert JUDGES[test](paths).outcome.value != "PASS"


def test_several_ends_of_a_sequence(tmp_path: Path) -> None:
    paths = case(tmp_path, "TEST06")
    change(paths, entry(3, [5, 128009], first=[5], token_count=2))
    assert strict.judge_test06(paths, "Offline", "int32", (2, 128009)).outcome.value == "PASS"
    change(paths, entry(3, [5, 128009, 2], first=[5], token_count=3))
    assert strict.judge_test06(paths, "Offline", "int32", (2, 128009)).code == "several_eos"


def test_tokens_of_another_type_are_none(tmp_path: Path) -> None:
    """Whole numbers read as float32 are far below 1: no EOS is seen among them."""
    paths = case(tmp_path, "TEST06")
    change(paths, entry(3, [5, 2, 2], first=[5], token_count=3))
    assert strict.judge_test06(paths, "Offline", "float32", (2,)).code == "no_ids"
    write_accuracy(paths.audited_accuracy, [tokens(n, "float32") for n in range(64)])
    assert strict.judge_test06(paths, "Offline", "float32", (2,)).outcome.value == "PASS"


def test_the_scenario_on_the_command_line_is_that_of_the_log(tmp_path: Path) -> None:
    paths = case(tmp_path, "TEST06", "Server")
    assert strict.judge_test06(paths, "Offline", "int32", (2,)).code == "not_proven"
    assert strict.judge_test06(paths, "Interactive", "int32", (2,)).outcome.value == "PASS"


@pytest.mark.parametrize(
    ("scored", "code"),
    [
        (Scored(b"'exact_match': 60.0", 0), "accuracy"),
        (Scored(b"'exact_match': 70", 1), "scorer_failed"),
        (Scored(b"TEST PASS", 0), "no_score"),
        (Scored(b"'exact_match': 1.2.3", 0), "no_score"),
        (Scored(b"'exact_match': 99e-9", 0), "no_score"),  # of which the pattern takes 99
        (Scored(b"'exact_match': 60.0, 'e': 1.", 0), "accuracy"),
        (Scored(b"'exact_match': 70 'exact_match': 10", 0), "no_score"),
        (Scored(b"'exact_match': 70 'exact_match': 70.0", 0), "no_score"),
    ],
)
def test_a_score_counts_if_it_is_one(tmp_path: Path, scored: Scored, code: str) -> None:
    verdict = strict.judge_test07(case(tmp_path, "TEST07"), scored, 60.0, test07.PATTERN)
    assert verdict.code == code
    assert (verdict.outcome.value == "PASS") == (code == "accuracy")


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), float("-inf")])
def test_a_threshold_that_is_no_number_is_refused(tmp_path: Path, threshold: float) -> None:
    with pytest.raises(InvalidInput, match="no score can be held against it"):
        strict.judge_test07(case(tmp_path, "TEST07"), SCORE, threshold, test07.PATTERN)


@pytest.mark.parametrize("tolerance", [float("nan"), float("inf"), -0.001, 1.0])
def test_a_tolerance_that_is_none_is_refused(tmp_path: Path, tolerance: float) -> None:
    with pytest.raises(InvalidInput, match="relative difference"):
        strict.judge_test08(case(tmp_path, "TEST08"), tolerance)


@pytest.mark.parametrize(("data", "dtype"), [([float("nan"), 1.0], "float32"), ([], "int32"), ([], "byte")])
def test_equal_answers_that_say_nothing_are_no_pass(tmp_path: Path, data: list[float], dtype: str) -> None:
    paths = case(tmp_path, "TEST01")
    answers = [entry(n, data, "float32") for n in range(64)]
    write_accuracy(paths.accuracy, answers[::-1])
    write_accuracy(paths.audited_accuracy, answers)
    assert strict.judge_test01(paths, dtype).code == "no_tokens"


def test_numbers_are_compared_whole(tmp_path: Path) -> None:
    paths = case(tmp_path, "TEST01")
    write_accuracy(paths.accuracy, [entry(n, [1.0, 2.0], "float32") for n in range(64)][::-1])
    write_accuracy(paths.audited_accuracy, [entry(n, [1.0, 2.0], "float32") for n in range(64)])
    assert strict.judge_test01(paths, "float32").outcome.value == "PASS"
    change(paths, entry(3, [1.0, 2.5], "float32"))
    assert strict.judge_test01(paths, "float32").code == "answers_differ"


@pytest.mark.parametrize(("before", "after", "outcome"), [(1500, 1000, "FAIL"), (1499, 1000, "INCONCLUSIVE"),
                                                         (1100, 1000, "INCONCLUSIVE"), (1099, 1000, "PASS"),
                                                         (500, 1000, "PASS"), (0, 1000, "INCONCLUSIVE")])  # fmt: skip
def test_paced_arrivals_are_judged_by_latency(tmp_path: Path, before: int, after: int, outcome: str) -> None:
    paths = case(tmp_path, "TEST04", "Server")
    name = "result_50.00_percentile_latency_ns"
    write_detail(paths.detail, detail("Server", 400.0, **{name: before}))
    write_detail(paths.audited_detail, detail("Server", 400.0, **REPEATED, **{name: after}))
    assert strict.judge_test04(paths).outcome.value == outcome


@pytest.mark.parametrize(
    ("scenario", "size", "issued", "proven"),
    [
        ("Offline", 10, 100, True),
        ("Offline", 9, 100, False),
        ("SingleStream", 11, 100, True),
        ("SingleStream", 9, 100, False),
        ("Server", 100, 100, True),
        ("Server", 50, 100, False),
        ("Server", ..., 100, False),
    ],
)
def test_a_reference_that_repeats_its_samples_shows_no_cache(
    tmp_path: Path, scenario: str, size: Any, issued: int, proven: bool
) -> None:
    paths = case(tmp_path, "TEST04", scenario)
    score = 400.0 if scenario in ("Offline", "Server") else 1_000_000
    changes = {"effective_performance_sample_count": size}
    counts = {"effective_samples_per_query": issued, "result_query_count": 1}
    counts = counts if scenario == "Offline" else {"result_query_count": issued}
    write_detail(paths.detail, detail(scenario, score, **changes, **counts))
    write_detail(paths.audited_detail, detail(scenario, score, **REPEATED, **changes, **counts))
    assert (strict.judge_test04(paths).outcome.value == "PASS") is proven


@pytest.mark.parametrize("test", ["TEST01", "TEST04"])
@pytest.mark.parametrize(
    ("before", "after", "proven"), [(20, 20, True), (19, 64, False), (64, 19, False), (1, 1, False)]
)
def test_a_speed_is_told_from_many_samples(tmp_path: Path, test: str, before: int, after: int, proven: bool) -> None:
    """Of one sample that is asked for once, even a perfect cache is as slow as any system."""
    paths = case(tmp_path, test)
    audited = {"TEST01": SAMPLED, "TEST04": REPEATED}[test]
    write_detail(paths.detail, detail("Offline", 1000.0, effective_samples_per_query=before))
    write_detail(paths.audited_detail, detail("Offline", 1000.0, **audited, effective_samples_per_query=after))
    assert (JUDGES[test](paths).outcome.value == "PASS") is proven


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 0, -5, None, "1000", True])
def test_a_score_that_is_no_number_is_no_pass(tmp_path: Path, score: Any) -> None:
    paths = case(tmp_path, "TEST04")
    write_detail(paths.audited_detail, detail("Offline", score, **REPEATED))
    assert strict.judge_test04(paths).outcome.value == "INCONCLUSIVE"
    paths = case(tmp_path / "b", "TEST01")
    write_detail(paths.detail, detail("Offline", score))
    assert JUDGES["TEST01"](paths).outcome.value == "INCONCLUSIVE"


@pytest.mark.parametrize("test", JUDGES)
def test_no_damage_passes_or_is_a_bug(tmp_path: Path, test: str) -> None:
    """A hundred damaged logs: each is told as malformed, or judged, and the judgement is a PASS only where the damage
    changed nothing that is compared."""
    chance = random.Random(test)
    original = case(tmp_path / "good", test)
    for number in range(100):
        root = tmp_path / str(number)
        shutil.copytree(tmp_path / "good", root)
        paths = Paths(root / "results", root / "compliance")
        victim = chance.choice([paths.audited_detail, paths.audited_accuracy, paths.detail, paths.accuracy])
        data = bytearray(victim.read_bytes())
        kind = chance.choice(["cut", "empty", "drop line", "flip", "double"])
        lines = bytes(data).splitlines(keepends=True)
        if kind == "cut":
            data = data[: chance.randrange(len(data))]
        elif kind == "empty":
            data = bytearray()
        elif kind == "flip":
            data[chance.randrange(len(data))] = chance.choice(b'0{}",:9ab\xff')
        else:
            at = chance.randrange(len(lines))
            lines[at : at + 1] = [] if kind == "drop line" else [lines[at]] * 2
            data = bytearray(b"".join(lines))
        victim.write_bytes(data)
        try:
            verdict = JUDGES[test](paths)
        except Malformed:
            continue
        if kind in ("cut", "empty") and victim == paths.audited_accuracy and test != "TEST04":
            assert verdict.outcome.value != "PASS"
    assert JUDGES[test](original).outcome.value == "PASS"


def test_accuracy_mode_needs_no_result(tmp_path: Path) -> None:
    """The counter-check of the cases above: their accuracy run has none."""
    paths = case(tmp_path, "TEST01")
    assert "result_validity" not in paths.accuracy.with_name(DETAIL).read_text()
    assert ACCURATE["result_validity"] is ...
