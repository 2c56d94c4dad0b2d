"""How long a user waits for nothing. Best of several: what a busy machine adds is not ours."""

from __future__ import annotations

import os
from pathlib import Path

from e2e.commands import Server, audit, auditcube, job, summary

HELP_S = 0.4
OVERHEAD_S = 2.0


def user_seconds() -> float:
    """Processor time of the children that have ended: what a busy machine cannot add much to."""
    times = os.times()
    return times.children_user + times.children_system


def test_help_answers_at_once() -> None:
    def seconds() -> float:
        before = user_seconds()
        done = auditcube("--help")
        assert done.code == 0
        return min(done.seconds, user_seconds() - before)

    assert any(seconds() < HELP_S for _ in range(5))


def test_a_small_run_costs_little_to_start(honest: Server, tmp_path: Path) -> None:
    """Ten queries: all the time that is not spent in the runs themselves."""

    def overhead(number: int) -> float:
        before = user_seconds()
        done = audit(job(tmp_path, honest.url, samples=10), tmp_path / str(number))
        assert done.code in (0, 1), done.err  # so short a run may come to any verdict
        measured: float = sum(summary(tmp_path / str(number), label)["duration_s"] for label in ("reference", "test04"))
        return min(done.seconds - measured, user_seconds() - before)

    assert any(overhead(number) < OVERHEAD_S for number in range(5))
