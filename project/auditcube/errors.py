"""Every error a user can meet, and the exit code that each one ends in.

A verdict (PASS, FAIL, INCONCLUSIVE) is a result and never raised. Foreign exceptions are mapped to one of these at
the boundary where they arise; anything else that escapes is a bug of ours and exits with `ExitCode.BUG`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; a contract, see docs/design.md."""

    PASS = 0
    FAIL = 1
    INVALID_INPUT = 2
    SETUP_FAILED = 3
    RUN_BROKEN = 4
    EVIDENCE_REJECTED = 5
    INCONCLUSIVE = 6
    BUG = 70
    INTERRUPTED = 130


class AuditCubeError(Exception):
    """Something the user can act on; the message says what, where and what to do."""

    exit_code = ExitCode.BUG


class InvalidInput(AuditCubeError):
    """The command line, the config, the data set or a manifest is missing or malformed."""

    exit_code = ExitCode.INVALID_INPUT


class SetupFailed(AuditCubeError):
    """The surroundings do not allow the run: no endpoint, no space, an output that cannot be written."""

    exit_code = ExitCode.SETUP_FAILED


class RunBroken(AuditCubeError):
    """A run ended without enough to say anything about the endpoint."""

    exit_code = ExitCode.RUN_BROKEN


class EvidenceRejected(AuditCubeError):
    """Files do not agree with their manifest, or with what they claim."""

    exit_code = ExitCode.EVIDENCE_REJECTED


class Interrupted(AuditCubeError):
    """The user or the scheduler asked the process to stop."""

    exit_code = ExitCode.INTERRUPTED

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by signal {signum}")
        self.status = 128 + signum
