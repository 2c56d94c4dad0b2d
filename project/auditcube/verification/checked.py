"""What a verification has found so far, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from auditcube.errors import ExitCode
from auditcube.evidence.store import SIDECAR, Store
from auditcube.job import Plan
from auditcube.manifest.finding import Finding
from auditcube.metrics import Run
from auditcube.results import Results


@dataclass
class Checked:
    """One output directory, as far as it could be recomputed, and what is wrong with it."""

    store: Store
    findings: list[Finding] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)  # what cannot be recomputed, as parts of it are withheld
    signed: list[tuple[str, str]] = field(default_factory=list)  # names and keys of those whose signature counts
    manifest: dict[str, Any] = field(default_factory=dict)
    data: bytes = b""
    plan: Plan | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    results: Results | None = None
    ended: ExitCode = ExitCode.PASS  # what somebody else's task came to, where there are no results of ours

    def withheld(self, path: str, pointer: str = "") -> bool:
        """Whether something is withheld in this file, or in this member of the sidecar."""
        here = "" if path == SIDECAR else path
        return any(e["path"] == here and e.get("pointer", "").startswith(pointer) for e in self.withholdings)

    @property
    def withholdings(self) -> list[dict[str, Any]]:
        """What the sidecar of a copy says is withheld."""
        entries: list[dict[str, Any]] = self.manifest.get("redaction", {}).get("withheld", [])
        return entries

    def find_unless_withheld(self, code: str, path: str, message: str, pointer: str = "") -> None:
        """A finding; where parts are withheld nobody can say so, and that is told."""
        if self.withheld(path, pointer):
            self.limits.append(f"{path}{pointer}: parts are withheld, and what is left {message}")
        else:
            self.find(code, path, message, pointer)

    def find(self, code: str, path: str, message: str, pointer: str = "") -> None:
        self.findings.append(Finding(code, str(self.store.root / path), message, pointer))


@dataclass(frozen=True)
class Verification:
    """What `verify` found in the directories it was given, the reference first."""

    parts: Sequence[Checked]

    @property
    def findings(self) -> list[Finding]:
        return [finding for part in self.parts for finding in part.findings]

    @property
    def verdicts(self) -> tuple[dict[str, Any], ...]:
        """The recomputed verdicts; none unless everything holds."""
        last = self.parts[-1].results
        return last.verdicts if last is not None and not self.findings else ()

    @property
    def exit_code(self) -> ExitCode:
        """Rejected evidence, or what the evidence says."""
        if self.findings:
            return ExitCode.EVIDENCE_REJECTED
        if any(part.plan is None and part.limits for part in self.parts):
            return ExitCode.INCONCLUSIVE  # nothing was recomputed
        last = self.parts[-1].results
        return last.exit_code if last is not None else self.parts[-1].ended

    def to_json(self) -> dict[str, Any]:
        return {
            "exit_code": int(self.exit_code),
            "verified": [part.manifest.get("run_id") for part in self.parts],
            "checks": [check for part in self.parts for check in part.checks],
            "limits": [limit for part in self.parts for limit in part.limits],
            "findings": [finding.to_json() for finding in self.findings],
            "verdicts": list(self.verdicts),
        }
