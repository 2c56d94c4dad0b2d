"""Ctrl-C, SIGTERM, SIGKILL in every phase: at once, no further phase, evidence kept, nothing claimed, nobody left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.commands import SIDECAR, Server, alive, called, children, events, job, lines, records, started, wait_until

PHASES = ["warmup", "reference", "test04"]
_BEGUN = 4


@pytest.fixture(scope="module")
def slow() -> Iterator[Server]:
    with Server("--slots", "2", service_ms=100) as server:
        yield server


Process = subprocess.Popen[bytes]


def under_way(server: Server, folder: Path, phase: str) -> Process:
    """An `audit` whose run `phase` has begun and will not end soon."""
    long, short = 400, 2
    config = job(
        folder,
        server.url,
        {"load": {"warmup_queries": long if phase == "warmup" else 1, "workers": 2}},
        samples=48 if phase == "reference" else short,
        audit_samples=long,
    )
    process = started(
        "audit", "--config", config, "--output_dir", folder / "out", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    path = folder / "out/runs" / phase / "events.jsonl"
    try:
        wait_until(f"events of {phase}", 30, lambda: len(list(lines(path))) >= _BEGUN)
    except AssertionError:
        process.kill()
        raise
    return process


def stop(process: Process, send: Callable[[], None]) -> tuple[bytes, bytes, float]:
    begin = time.monotonic()
    send()
    out, err = process.communicate(timeout=20)
    return out, err, time.monotonic() - begin


def kept(folder: Path, phase: str) -> None:
    """The events are a readable prefix, nothing is claimed, and no later phase was begun."""
    out = folder / "out"
    assert not (out / SIDECAR).exists()
    assert sorted(path.name for path in (out / "runs").iterdir()) == sorted(PHASES[: PHASES.index(phase) + 1])
    mine = events(out, phase)
    assert len({event["ordinal"] for event in mine}) == len(mine) >= _BEGUN - 1
    assert not (out / "runs" / phase / "summary.json").exists()
    assert not (out / "audit").exists()


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    ("signum", "code", "group"),
    [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False)],
    ids=["Ctrl-C to the group", "SIGTERM"],
)
def test_a_signal_ends_any_phase(
    slow: Server, tmp_path: Path, phase: str, signum: signal.Signals, code: int, group: bool
) -> None:
    process = under_way(slow, tmp_path, phase)
    workers = children(process.pid)
    out, err, seconds = stop(process, lambda: (os.killpg if group else os.kill)(process.pid, signum))
    assert (process.returncode, out) == (code, b"")
    assert err.count(b"\n") == 1
    assert b"no result was written" in err
    assert seconds < 2
    assert len(workers) == 2
    assert not any(map(alive, workers))
    kept(tmp_path, phase)
    mine = events(tmp_path / "out", phase)
    assert {event["status"] for event in mine} == {"ok", "cancelled"}
    ends = [record["end"] for record in records(tmp_path / "out", phase) if "end" in record]
    assert [end["reason"] for end in ends] == ["interrupted", "interrupted"]
    assert slow.stats()["in_flight"] == 0


def test_an_impatient_user_gets_the_same(slow: Server, tmp_path: Path) -> None:
    process = under_way(slow, tmp_path, "reference")

    def hammer() -> None:
        for signum in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            os.killpg(process.pid, signum)
            time.sleep(0.02)

    _, err, seconds = stop(process, hammer)
    assert (process.returncode, err.count(b"\n")) == (130, 1)
    assert seconds < 2
    kept(tmp_path, "reference")


def test_what_a_signal_left_is_no_evidence_and_not_in_the_way(slow: Server, honest: Server, tmp_path: Path) -> None:
    process = under_way(slow, tmp_path, "reference")
    stop(process, process.terminate)
    out = tmp_path / "out"
    verified = called("verify", out)
    assert verified.code == 5
    assert "sidecar_missing" in verified.out
    again = job(tmp_path, honest.url)
    refused = called("audit", "--config", again, "--output_dir", out)
    assert refused.code == 3
    assert "--overwrite" in refused.err
    assert called("audit", "--config", again, "--output_dir", out, "--overwrite").code == 0


def test_a_killed_parent_takes_its_workers_along(slow: Server, tmp_path: Path) -> None:
    process = under_way(slow, tmp_path, "reference")
    workers = children(process.pid)
    process.kill()
    process.communicate(timeout=10)
    wait_until("workers are gone", 3, lambda: not any(map(alive, workers)))
    assert len(workers) == 2
    kept(tmp_path, "reference")


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_the_demo_takes_its_endpoint_along(tmp_path: Path, signum: signal.Signals, code: int) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = started(
        "demo", "--nuisance", "stall=40", "--output_dir", tmp_path / "out",
        variables={"TMPDIR": str(temporary)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    path = tmp_path / "out/runs/reference/events.jsonl"
    wait_until("events", 30, lambda: len(list(lines(path))) > _BEGUN)
    below = children(process.pid)
    _, err, seconds = stop(process, lambda: process.send_signal(signum))
    assert process.returncode == code
    assert len(below) == 2
    assert not (tmp_path / "out" / SIDECAR).exists()
    wait_until("endpoint and worker are gone", 3, lambda: not any(map(alive, below)))
    if signum != signal.SIGKILL:
        assert seconds < 2
        assert err.count(b"\n") == 1
        assert list(temporary.iterdir()) == []


def test_the_endpoint_alone_ends_on_a_signal() -> None:
    process = started("demo_endpoint", "--port", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert set(json.loads(process.stdout.readline())) == {"url", "pid"}
    _, err, seconds = stop(process, process.terminate)
    assert (process.returncode, err) == (0, b"")
    assert seconds < 2
