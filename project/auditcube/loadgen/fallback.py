"""TEST01's fallback for systems that are not deterministic: scores of the same samples in both runs.

Source: compliance/TEST01/create_accuracy_baseline.sh; tools/submission/submission_checker/checks/compliance_check.py.
"""

from __future__ import annotations

import json
from pathlib import Path

from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.errors import Malformed

FILES = ("mlperf_log_accuracy.json", "accuracy.txt", "baseline_accuracy.txt", "compliance_accuracy.txt")
"""What must lie in `TEST01/accuracy`, and nothing else, for the checker to look at scores."""


def write_baseline(accuracy: Path, audited: Path, target: Path) -> None:
    """Write those entries of an accuracy log whose samples the audited log has, too, in LoadGen's spelling.

    Raises Malformed for a log that cannot be read to its end, or an entry without a sample.
    """
    wanted = {_sample(audited, entry) for entry in entries(audited)}
    before = "[\n"
    with target.open("w", encoding="utf-8") as file:
        for entry in entries(accuracy):
            if _sample(accuracy, entry) in wanted:
                members = json.dumps(entry, separators=(", ", " : "))[1:-1]
                file.write(f"{before}{{ {members} }}")
                before = ",\n"
        file.write("[\n]\n" if before == "[\n" else "\n]\n")


def _sample(path: Path, entry: object) -> int:
    sample = entry.get("qsl_idx") if isinstance(entry, dict) else None
    if type(sample) is not int:
        raise Malformed(path, "has an entry without a qsl_idx")
    return sample
