"""TEST08: the normalised entropy of each sample's predictions, in single precision.

Source: compliance/TEST08/run_verification.py, run with NumPy 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.errors import Malformed
from auditcube.loadgen.layout import Paths
from auditcube.loadgen.upstream.test01 import decoded, members
from auditcube.loadgen.upstream.told import Crash, Told

Floats = npt.NDArray[np.float32]
_EPS = 1e-7


def told(paths: Paths, tolerance: float) -> Told:
    """The verdict on all samples together."""
    lines: list[str] = []
    try:
        reference, logged = _reference(paths)
        matched = unmatched = mismatches = tested = 0
        for entry in entries(paths.audited_accuracy):
            tested += 1
            values = decoded(members(entry, "data")[0], "float32")
            key = _key(values)
            if key not in reference:
                unmatched += 1
                continue
            matched += 1
            before, labels, weights = reference[key]
            after = _entropy(values[2:], labels, weights)
            if _mismatch(before, after, tolerance):
                mismatches += 1
                lines.append(f"  NE mismatch at {key}: {before} {after}")
    except (Crash, Malformed) as problem:
        return Told(None, 1, {}, (f"run_verification.py crashes: {problem}",))
    passed = mismatches == 0 and matched > 0 and unmatched == 0
    lines += [
        f"num_acc_log_entries = {logged}",
        f"num_perf_log_entries = {tested}",
        f"num_matched = {matched}",
        f"num_unmatched = {unmatched}",
        f"num_ne_mismatch = {mismatches}",
        f"tolerance = {tolerance:.2%}",
        "",
        "TEST PASS" if passed else "TEST FAIL",
        "TEST08 verification complete",
        "",
    ]
    return Told(passed, 0 if passed else 1, {"verify_accuracy.txt": "\n".join(lines)})


def _reference(paths: Paths) -> tuple[dict[tuple[int, int], tuple[Any, Floats, Floats]], int]:
    found: dict[tuple[int, int], tuple[Any, Floats, Floats]] = {}
    logged = 0
    for entry in entries(paths.accuracy):
        logged += 1
        values = decoded(members(entry, "data")[0], "float32")
        if not len(values):
            raise Crash("an entry of the reference is empty")
        try:
            count = int(values[-1])
        except (ValueError, OverflowError) as problem:
            raise Crash(str(problem)) from None
        if len(values) != 3 + 3 * count:
            raise Crash(f"an entry of the reference has {len(values)} values for {count} candidates")
        predictions, labels, weights = (values[2 + part * count : 2 + (part + 1) * count] for part in range(3))
        found[_key(values)] = _entropy(predictions, labels, weights), labels.copy(), weights.copy()
    return found, logged


def _key(values: Floats) -> tuple[int, int]:
    try:
        return int(values[0]), int(values[1])
    except (IndexError, ValueError, OverflowError) as problem:
        raise Crash(str(problem)) from None


def _entropy(predictions: Floats, labels: Floats, weights: Floats) -> Any:
    low, high = np.float32(_EPS), np.float32(1 - _EPS)
    try:
        with np.errstate(all="ignore"):
            p, y = np.clip(predictions, low, high), np.clip(labels, low, high)
            total = np.sum(weights)
            if total == 0:
                return 0.0
            crossed = -np.sum(weights * (y * np.log(p) + (1 - y) * np.log(1 - p)))
            mean = np.clip(np.sum(weights * y) / total, low, high)
            base = -mean * np.log(mean) - (1 - mean) * np.log(1 - mean)
            return 0.0 if base == 0 else crossed / (base * total)
    except ValueError as problem:  # as many predictions as labels are wanted, or one
        raise Crash(str(problem)) from None


def _mismatch(before: Any, after: Any, tolerance: float) -> bool:
    if before == 0 and after == 0:
        return False
    if before == 0 or after == 0:
        return True
    with np.errstate(all="ignore"):
        return bool(abs(after - before) / abs(before) > tolerance)
