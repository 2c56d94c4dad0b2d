"""The rule `strict`: what the logs prove, judged by the same judges as runs of our own.

A FAIL of the judge stands, whatever is not proven; a PASS stands only where everything is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from auditcube.audits import test01, test04, test06, test08, test09
from auditcube.audits.contract import REFERENCE, Evidence, Outcome, Remark, Verdict
from auditcube.audits.scorers import Scorer
from auditcube.errors import InvalidInput
from auditcube.evidence.answers import Score
from auditcube.loadgen import proofs, scorer
from auditcube.loadgen.compared import Comparison
from auditcube.loadgen.detail_log import Detail
from auditcube.loadgen.facts import LengthFacts, TokenFacts
from auditcube.loadgen.layout import DETAIL, Paths
from auditcube.loadgen.logged import LoggedRun, same_bytes
from auditcube.loadgen.predicted import PredictedRun
from auditcube.loadgen.scorer import Scored
from auditcube.scenario import Scenario


def judge_test01(
    paths: Paths,
    dtype: str,
    scores: Mapping[str, Score] | None = None,
    max_score_difference: float = 0.01,
    known: Comparison | None = None,
) -> Verdict:
    """Whole answers, and a throughput within the band. Of `dtype` float32 each number must be one.

    `scores`: what an accuracy script made of the answers of each run, by label, which decides where answers vary.
    `known`: what came of comparing the answers, if the accuracy logs were read already.
    """
    told = {label: {test01.AUDIT: score} for label, score in (scores or {}).items()}
    detail, label = Detail(paths.audited_detail), test01.AUDIT
    audit = LoggedRun(label, detail, paths.audited_accuracy, dtype, scores=told.get(label, {}))
    reference = LoggedRun(REFERENCE, Detail(paths.detail))
    accuracy_detail = Detail(paths.accuracy.with_name(DETAIL))
    label = test01.ACCURACY
    accuracy = LoggedRun(label, accuracy_detail, paths.accuracy, dtype, scores=told.get(label, {}))
    params = test01.Params(
        compare="float32" if dtype == "float32" else "answers",
        scorer=Scorer() if scores else None,
        max_score_difference=max_score_difference,
    )

    def compared(params: test01.Params, one: Evidence, other: Evidence) -> test01.Compared:
        if known is None:
            return test01.compared(params, one, other)
        audit.tally.take(known.tally)
        return known.found

    runs = {REFERENCE: reference, test01.AUDIT: audit, test01.ACCURACY: accuracy}
    verdict = test01.judge(params, runs, compared)

    def missing() -> Iterator[str]:
        yield from proofs.is_performance(reference)
        yield from proofs.is_performance(audit)
        yield from proofs.enough_issued(reference)
        yield from proofs.enough_issued(audit)
        yield from proofs.is_accuracy(accuracy_detail)
        yield from proofs.are_a_pair(reference.detail, audit.detail)
        yield from proofs.answers_sampled(audit)
        if same_bytes(paths.accuracy, paths.audited_accuracy):
            yield "reference and compliance run have the same accuracy log: they are one run"

    return _proven(verdict, missing())


def judge_test04(paths: Paths) -> Verdict:
    """Throughput, and where arrivals are paced the latencies, of one sample repeated against distinct ones."""
    reference = LoggedRun(REFERENCE, Detail(paths.detail))
    audit = LoggedRun(test04.AUDIT, Detail(paths.audited_detail))
    verdict = test04.judge(test04.Params(), {REFERENCE: reference, test04.AUDIT: audit})

    def missing() -> Iterator[str]:
        yield from proofs.is_performance(reference)
        yield from proofs.is_performance(audit)
        yield from proofs.enough_issued(reference)
        yield from proofs.enough_issued(audit)
        yield from proofs.repeats_one(reference.detail, False, REFERENCE)
        yield from proofs.distinct_enough(reference)
        yield from proofs.repeats_one(audit.detail, True, test04.AUDIT)
        yield from proofs.are_a_pair(reference.detail, audit.detail)

    return _proven(verdict, missing())


def judge_test06(
    paths: Paths, scenario: str, dtype: str, eos: tuple[int, ...], known: TokenFacts | None = None
) -> Verdict:
    """All checks of every logged answer; `scenario` is what the command line says it is.

    `known`: what was found in the accuracy log, if it was read already.
    """
    run = LoggedRun(test06.AUDIT, Detail(paths.audited_detail), paths.audited_accuracy, dtype)

    def inspected(params: test06.Params, logged: Evidence, whole: test06.Wholes | None) -> Counter[str]:
        if known is None:
            return test06.inspected(params, logged, whole)
        run.tally.take(known.tally)
        missing = {} if run.scenario is Scenario.OFFLINE else {"no_first_token": known.without_first}
        return known.found + Counter(missing)

    # The log holds both, what was told first and the whole answer.
    verdict = test06.judge(test06.Params(eos=eos, whole=False), {test06.AUDIT: run}, inspected)

    def missing() -> Iterator[str]:
        yield from proofs.is_performance(run)
        yield from proofs.answers_sampled(run)
        if scenario not in (run.scenario.value, *(("Interactive",) if run.scenario.paced else ())):
            yield f"the scenario is told as {scenario}, and the log says {run.scenario.value}"

    return _proven(verdict, missing())


def judge_test07(paths: Paths, scored: Scored, threshold: float, pattern: str) -> Verdict:
    """The score that the command printed, if it ended well and the log holds every answer once."""
    run = LoggedRun("test07", Detail(paths.audited_detail), paths.audited_accuracy, "byte")
    for _ in run.answers():
        pass  # read to its end, and counted
    if not math.isfinite(threshold):
        raise InvalidInput(f"a threshold of {threshold} is none: no score can be held against it")
    verdict = _score_verdict(scored, threshold, pattern)

    def missing() -> Iterator[str]:
        yield from proofs.is_performance(run)
        yield from proofs.answers_sampled(run)
        yield from proofs.every_answer_logged(run)

    return _proven(verdict, missing())


def _score_verdict(scored: Scored, threshold: float, pattern: str) -> Verdict:
    score = scorer.score(scored, pattern)
    numbers = {"threshold": threshold, "exit_status": scored.exit_status, "score": score.value}
    if score.value is None:
        code = "scorer_failed" if scored.exit_status != 0 else "no_score"
        return Verdict(Outcome.INCONCLUSIVE, code, score.problem, numbers)
    if score.value < threshold:
        return Verdict(Outcome.FAIL, "accuracy", f"the score {score.value:g} is below {threshold:g}", numbers)
    return Verdict(Outcome.PASS, "accuracy", f"the score {score.value:g} reaches {threshold:g}", numbers)


def judge_test08(paths: Paths, tolerance: float) -> Verdict:
    """The normalised entropy of every logged sample, in double precision, against that of the accuracy run."""
    if not 0 <= tolerance < 1:
        raise InvalidInput(f"--tolerance: {tolerance} is none; a relative difference from 0 to 1 is wanted")
    accuracy_detail = Detail(paths.accuracy.with_name(DETAIL))
    samples: dict[tuple[float, float], int] = {}
    audit = PredictedRun(test08.AUDIT, Detail(paths.audited_detail), paths.audited_accuracy, "float32", samples=samples)
    accuracy = PredictedRun(test08.ACCURACY, accuracy_detail, paths.accuracy, "float32", samples=samples, labelled=True)
    verdict = test08.judge(test08.Params(tolerance=tolerance), {test08.ACCURACY: accuracy, test08.AUDIT: audit})

    def missing() -> Iterator[str]:
        yield from proofs.is_performance(audit)
        yield from proofs.is_accuracy(accuracy_detail)
        yield from proofs.answers_sampled(audit)
        for key in ("sut_name", "qsl_name", "qsl_reported_total_count", "effective_scenario"):
            if accuracy_detail.get(key) != audit.detail.get(key):
                yield f"accuracy and compliance run differ in {key}"
        if same_bytes(paths.accuracy, paths.audited_accuracy):
            yield "accuracy and compliance run have the same accuracy log: they are one run"

    return _proven(verdict, missing())


def judge_test09(paths: Paths, low: float, high: float, known: LengthFacts | None = None) -> Verdict:
    """The mean length, and that every answer was logged and has one.

    `known`: what was found in the accuracy log, if it was read already.
    """
    run = LoggedRun(test09.AUDIT, Detail(paths.audited_detail), paths.audited_accuracy, "int32")
    try:
        params = test09.Params(min_output_tokens=low, max_output_tokens=high)
    except ValueError as problem:
        raise InvalidInput(f"the bounds {low} and {high} are none: {problem}") from None

    def lengths_of(logged: Evidence) -> test09.Lengths:
        if known is None:
            return test09.lengths_of(logged)
        run.tally.take(known.tally)
        return known.lengths

    verdict = test09.judge(params, {test09.AUDIT: run}, lengths_of)

    def missing() -> Iterator[str]:
        yield from proofs.is_performance(run)
        yield from proofs.answers_sampled(run)
        yield from proofs.every_answer_logged(run)

    return _proven(verdict, missing())


def _proven(verdict: Verdict, missing: Iterable[str]) -> Verdict:
    reasons = tuple(missing)
    remarks = (*verdict.remarks, *(Remark("not_proven", reason) for reason in reasons))
    if reasons and verdict.outcome is Outcome.PASS:
        text = f"{verdict.reason}, but it is not proven that this counts: {reasons[0]}"
        return Verdict(Outcome.INCONCLUSIVE, "not_proven", text, verdict.numbers, remarks)
    return replace(verdict, remarks=remarks)
