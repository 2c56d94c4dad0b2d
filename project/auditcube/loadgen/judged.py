"""What both rules say of one test, and where and why they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from auditcube.audits.contract import Outcome, Verdict
from auditcube.errors import ExitCode
from auditcube.loadgen.upstream.told import Told

Rule = Literal["strict", "upstream"]


@dataclass(frozen=True)
class Judged:
    """One test of one compliance run. `files` are what MLPerf's checker reads, by name, as the chosen rule has them."""

    test: str
    rule: Rule
    strict: Verdict
    upstream: Told
    files: Mapping[str, str]

    @property
    def verdict(self) -> Verdict:
        """The verdict by the chosen rule."""
        if self.rule == "strict":
            return self.strict
        return Verdict(self._upstream_outcome, "upstream", self._upstream_reason, {})

    @property
    def exit_code(self) -> ExitCode:
        """Ours, whatever upstream's scripts end with; where they crash there is no verdict."""
        if self.rule == "upstream" and self.upstream.passed is None:
            return ExitCode.INVALID_INPUT
        codes = {Outcome.PASS: ExitCode.PASS, Outcome.FAIL: ExitCode.FAIL, Outcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE}
        return codes[self.verdict.outcome]

    @property
    def differences(self) -> list[str]:
        """Why the two rules come to different ends; empty where they agree."""
        upstream, strict = self.upstream, self.strict
        if upstream.passed is (strict.outcome is Outcome.PASS) and (upstream.passed or strict.outcome is Outcome.FAIL):
            return []
        says = "gives no verdict" if upstream.passed is None else "says PASS" if upstream.passed else "says FAIL"
        reasons = [strict.reason, *(remark.text for remark in strict.remarks if remark.text not in strict.reason)]
        found = [f"upstream {says}, strict {strict.outcome.value}: {reason}" for reason in reasons]
        return [*found, *(f"upstream: {note}" for note in upstream.notes)]

    @property
    def _upstream_outcome(self) -> Outcome:
        if self.upstream.passed is None:
            return Outcome.INCONCLUSIVE
        return Outcome.PASS if self.upstream.passed else Outcome.FAIL

    @property
    def _upstream_reason(self) -> str:
        if self.upstream.notes:
            return self.upstream.notes[-1]
        return f"as MLPerf's script says{'' if self.upstream.passed else ', which does not pass it'}"

    def to_json(self) -> dict[str, Any]:
        told = {True: "PASS", False: "FAIL", None: "ERROR"}[self.upstream.passed]
        return {
            "test": self.test,
            "rule": self.rule,
            "passed": self.verdict.outcome is Outcome.PASS,
            "verdict": {"test": self.test.lower(), **self.verdict.to_json()},
            "strict": self.strict.to_json(),
            "upstream": {"outcome": told, "exit_code": self.upstream.exit_code, "notes": list(self.upstream.notes)},
            "differences": self.differences,
        }
