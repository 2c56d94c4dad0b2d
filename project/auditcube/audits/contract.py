"""What an audit test is: a pure plan and a pure judgement.

`plan` says which runs would show the effect, before anything is sent; `judge` reads those runs from their files. The
engine, the orchestration and the command line know audits only through this contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from auditcube.load.schedule import Load, RunSpec
from auditcube.metrics import Run

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


class AuditParams(BaseModel):
    """An audit's own settings: what stands beside `test` in the config. Frozen and closed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class AuditTest(Protocol):
    """The module of one audit test."""

    TITLE: str
    """What it finds, in a few words."""

    Params: type[Any]
    """Its settings: a subclass of `AuditParams`."""

    def plan(self, params: Any, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
        """The runs it needs, the reference first. Raises `Refusal` for a load that cannot show the effect."""
        ...

    def judge(self, params: Any, runs: Mapping[str, Run]) -> Verdict:
        """The verdict, from the planned runs by label; a run that was not made is absent."""
        ...
