"""Logs of dlrm-v3: an entry is `[time stamp, query, predictions]`, in an accuracy run with labels, weights and their
number behind it. Which sample it is, time stamp and query say, not `qsl_idx`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from auditcube.audits.test08 import LABELS, WEIGHTS
from auditcube.evidence.answers import KeptAnswer
from auditcube.loadgen.logged import LoggedRun

_NO_SAMPLE = -1


@dataclass(frozen=True)
class PredictedRun(LoggedRun):
    """A LoadGen run whose answers are predictions.

    `samples` numbers time stamps and queries, for two runs alike; `labelled`: labels and weights are logged, too. An
    entry of another form becomes an answer without predictions.
    """

    samples: dict[tuple[float, float], int] = field(default_factory=dict, compare=False)
    labelled: bool = False

    def answers(self) -> Iterator[KeptAnswer]:
        for answer in super().answers():
            values = np.asarray(answer.tokens, dtype=np.float64)
            count = (len(values) - 3) // 3 if self.labelled else len(values) - 2
            whole = count >= 1 and bool(np.isfinite(values).all())
            if self.labelled:
                whole = whole and len(values) == 3 + 3 * count and values[-1] == count
            if not whole:
                yield answer._replace(sample=_NO_SAMPLE)
                continue
            sample = self.samples.setdefault((float(values[0]), float(values[1])), len(self.samples))
            parts = [values[2 + part * count : 2 + (part + 1) * count] for part in range(3)]
            expected = {LABELS: parts[1], WEIGHTS: parts[2]} if self.labelled else {}
            yield answer._replace(sample=sample, output={"predictions": parts[0]}, expected=expected)
