"""The closing lines of a command, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditcube.tasks import Outcome, Verification


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "exit_code": int(outcome.exit_code),
        "output_dir": str(outcome.store.root),
        "report": str(outcome.store.report),
        "verdicts": outcome.manifest["verdicts"],
        "headline": outcome.manifest["headline"],
    }


def print_outcome(outcome: Outcome) -> None:
    print(outcome.manifest["verdicts"], outcome.manifest["headline"])


def print_verification(verification: Verification) -> None:
    print(verification.to_json())
