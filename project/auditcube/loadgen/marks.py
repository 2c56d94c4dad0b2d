"""The texts that MLPerf's checker reads, as the rule `strict` has them: a marker of success only beside a PASS.

Source: tools/submission/submission_checker/checks/compliance_check.py, of mlcommons/inference as of 2026-08.
"""

from __future__ import annotations

from collections.abc import Mapping

from auditcube.audits.contract import Outcome, Verdict


def texts(test: str, verdict: Verdict, *, offline: bool, printed: str = "") -> dict[str, str]:
    """The files of one test, by name. What an accuracy script `printed` must not claim success by itself."""
    passed = verdict.outcome is Outcome.PASS
    mark = "TEST PASS" if passed else "TEST FAIL"
    told = f"auditcube mlperf, rule strict: {verdict.outcome.value}: {_harmless(verdict.reason)}"
    if test == "TEST01" and verdict.code == "same_scores":  # the answers do differ: the checker goes on to the scores
        return {"verify_accuracy.txt": f"{told}\nTEST FAIL\n", "verify_performance.txt": f"{told}\n{mark}\n"}
    if test == "TEST01":
        return dict.fromkeys(("verify_accuracy.txt", "verify_performance.txt"), f"{told}\n{mark}\n")
    if test == "TEST04":
        return {"verify_performance.txt": f"{told}\n{mark}\n"}
    if test == "TEST06":
        return {"verify_accuracy.txt": _test06(told, verdict, offline)}
    if test == "TEST09":
        numbers = verdict.numbers
        return {"verify_output_len.txt": f"{told}\nMean output tokens: {numbers.get('mean')}\n\n{mark}\n"}
    return {"verify_accuracy.txt": f"{_harmless(printed)}{told}\n{mark}\n"}


_TEST06 = {"first_token_differs": 0, "several_eos": 1, "eos_within": 1, "length_differs": 2}


def _test06(told: str, verdict: Verdict, offline: bool) -> str:
    passed = verdict.outcome is Outcome.PASS
    checks: list[bool | str] = [passed] * 3
    if verdict.code in _TEST06:  # this check failed; of the others is said what was found
        checks = [not _found(verdict.numbers, place) for place in range(3)]
    if offline and checks[0] is True:
        checks[0] = "Skipped"
    lines = [
        told,
        f"First token check pass: {checks[0]}",
        f"EOS check pass: {checks[1]}",
        f"Sample length check pass: {checks[2]}",
        f"TEST06 verification {'complete' if passed else 'failed'}",
    ]
    return "\n".join([*lines, ""])


def _found(numbers: Mapping[str, object], place: int) -> bool:
    return any(numbers.get(code) for code, at in _TEST06.items() if at == place)


def _harmless(text: str) -> str:
    """A text in which nobody finds a marker."""
    return text.replace("TEST PASS", "TEST_PASS")
