"""What an audit test is: a pure plan and a pure judgement.

`plan` says which runs would show the effect, before anything is sent; `judge` reads those runs from their files, or
the same from LoadGen's logs. The engine, the orchestration and the command line know audits only through this contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict

from auditcube.evidence.answers import KeptAnswer, Score
from auditcube.load.pacing import End
from auditcube.load.schedule import Load, RunSpec
from auditcube.scenario import Scenario

if TYPE_CHECKING:  # NumPy is imported when runs are judged, not before the first query
    from auditcube.metrics import Timed

REFERENCE = "reference"


class Outcome(str, Enum):
    """What an audit found. Missing or partial evidence is INCONCLUSIVE, never PASS."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class Remark:
    """Something a reader should weigh beside the verdict; it does not change it."""

    code: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """An outcome, a code for machines, one sentence for people, and the numbers it rests on."""

    outcome: Outcome
    code: str
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome.value,
            "code": self.code,
            "reason": self.reason,
            "numbers": dict(self.numbers),
            "remarks": [{"code": remark.code, "text": remark.text} for remark in self.remarks],
        }


class Refusal(ValueError):
    """A plan that cannot show the effect. `key` is the parameter to change, or None when it is the load."""

    def __init__(self, text: str, key: str | None = None) -> None:
        super().__init__(text)
        self.key = key


def unusable(runs: Mapping[str, Evidence], *labels: str) -> tuple[str, str] | None:
    """Why nothing can be judged, as code and reason, if one of these runs was not made or broke off."""
    for label in labels:
        if label not in runs:
            return "run_missing", f"the {label} run was not made"
        if runs[label].end in (None, End.INTERRUPTED):
            return "run_broken", f"the {label} run broke off"
    return None


class AuditParams(BaseModel):
    """An audit's own settings: what stands beside `test` in the config. Frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Evidence(Protocol):
    """One run as a judge sees it, whoever made it: our engine (`metrics.Run`), or the real LoadGen (its logs)."""

    @property
    def label(self) -> str: ...

    @property
    def scenario(self) -> Scenario: ...

    @property
    def requested(self) -> int:
        """How many queries were planned; `issued` of them were sent, `completed` of those answered."""
        ...

    @property
    def issued(self) -> int: ...

    @property
    def completed(self) -> int: ...

    @property
    def failed(self) -> int: ...

    @property
    def end(self) -> End | None:
        """Why the run ended; None if nothing tells, as of a run that was killed."""
        ...

    @property
    def duration_s(self) -> float:
        """From the first issue to the last completion."""
        ...

    @property
    def min_duration_s(self) -> float:
        """How long the performance run of this job lasts at least."""
        ...

    @property
    def throughput_per_s(self) -> float | None:
        """Completed queries per second, or None where nothing can be said."""
        ...

    @property
    def median_latency_ns(self) -> float | None:
        """The median latency of the completed queries, where one is known."""
        ...

    def shortfalls(self) -> list[str]:
        """What keeps the run from being a valid result by LoadGen's rules, but for bounds that were exceeded."""
        ...

    def exceeded(self) -> list[str]:
        """Which bounds on latency were not kept."""
        ...

    def half_throughputs_per_s(self) -> tuple[float, float] | None:
        """Throughput over the first and the second half of the completions, where that is known."""
        ...

    def relative_latency(self, index: int) -> float | None:
        """One row's latency, divided by the mean of those around it, where that is known."""
        ...

    def timed(self) -> Timed | None:
        """When each planned query was issued and answered, where that is known."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What was sent with every request besides its row, as far as it is known."""
        ...

    def score(self, test_id: str) -> Score | None:
        """What an audit's scorer made of the answers; None if it did not look at them."""
        ...

    def answers(self) -> Iterator[KeptAnswer]:
        """What was kept of the answers, read anew at each call; none where none were kept."""
        ...


class AuditTest(Protocol):
    """The module of one audit test."""

    TITLE: str
    """What it finds, in a few words."""

    Params: type[Any]
    """Its settings: a subclass of `AuditParams`."""

    def plan(self, params: Any, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
        """The runs it needs, the reference first. Raises `Refusal` for a load that cannot show the effect."""
        ...

    def judge(self, params: Any, runs: Mapping[str, Evidence]) -> Verdict:
        """The verdict, from the planned runs by label; a run that was not made is absent."""
        ...
