"""TEST07: the score that a command of the submitter's prints, against a threshold.

Source: compliance/TEST07/run_verification.py.
"""

from __future__ import annotations

import re

from auditcube.loadgen.upstream.told import Told

PATTERN = r"'exact_match':\s*([\d.]+)"
_RULE = "=" * 80


def told(printed: str, threshold: float, pattern: str) -> Told:
    """The verdict on what the command printed; its exit status is not looked at."""
    found = re.search(pattern, printed)
    score = None
    if found is not None:
        try:
            score = float(found[1])
        except (ValueError, TypeError, IndexError):
            score = None
    lines = ["", _RULE, "TEST07 Verification Summary", _RULE]
    if score is None:
        passed = False
        lines += ["Error: Could not parse accuracy score", "TEST FAIL"]
    else:
        passed = score >= threshold
        lines += [f"Accuracy score: {score}", f"Accuracy threshold: {threshold}", f"Accuracy check pass: {passed}"]
        lines += ["TEST PASS" if passed else "TEST FAIL"]
    return Told(passed, 0, {"verify_accuracy.txt": printed + "\n".join([*lines, ""])})
