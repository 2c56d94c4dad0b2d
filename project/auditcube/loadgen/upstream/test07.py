"""TEST07: the score that a command of the submitter's prints, against a threshold.

Source: compliance/TEST07/run_verification.py.
"""

from __future__ import annotations

import io
import re

from auditcube.loadgen.upstream.told import Told

PATTERN = r"'exact_match':\s*([\d.]+)"
_RULE = "=" * 80


def told(output: bytes, threshold: float, pattern: str) -> Told:
    """The verdict on what the command printed; its exit status is not looked at."""
    printed, notes = _read(output)
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
    return Told(passed, 0, {"verify_accuracy.txt": printed + "\n".join([*lines, ""])}, notes)


def _read(output: bytes) -> tuple[str, tuple[str, ...]]:
    """The lines that the script reads, with each end of line as a newline, and why it read no further."""
    printed = io.StringIO()
    try:
        for line in io.TextIOWrapper(io.BytesIO(output), "utf-8"):
            printed.write(line)
    except UnicodeDecodeError as problem:
        return printed.getvalue(), (f"the script stops reading where the output is not UTF-8 ({problem.reason})",)
    return printed.getvalue(), ()
