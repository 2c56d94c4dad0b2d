"""Endpoints that fail: never a PASS, never "caching", failures in no rate and no percentile, never a hang."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.commands import (
    DEAD_URL,
    SIDECAR,
    Ended,
    Server,
    audit,
    audit_here,
    auditcube,
    called,
    children,
    contents,
    events,
    job,
    lines,
    sidecar,
    started,
    statuses,
    summary,
    verdict,
    verified,
    wait_until,
)


@pytest.fixture
def closed_url() -> Iterator[str]:
    """A port that is taken, but where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("task", ["audit", "run_reference", "probe"])
def test_a_dead_port_is_found_before_any_load(tmp_path: Path, closed_url: str, task: str) -> None:
    more = () if task == "probe" else ("--output_dir", tmp_path / "out")
    command = auditcube if task == "audit" else called
    done = command(task, "--config", job(tmp_path, closed_url), *more)
    assert (done.code, done.out) == (3, "")
    assert done.seconds < 5
    assert closed_url in done.err
    assert "connection refused" in done.err
    assert not (tmp_path / "out").exists() or contents(tmp_path / "out") == {}


def test_an_unknown_host_is_found_before_any_load(tmp_path: Path) -> None:
    done = audit_here(job(tmp_path, "http://no-such-host.invalid:8000"), tmp_path / "out")
    assert (done.code, done.out) == (3, "")
    assert "no-such-host.invalid" in done.err
    assert contents(tmp_path / "out") == {}


def test_a_dead_port_leaves_an_earlier_result_alone(audited: Path, tmp_path: Path) -> None:
    before = contents(audited)
    assert audit_here(job(tmp_path, DEAD_URL), audited, "--overwrite").code == 3
    assert contents(audited) == before


def never_a_pass(done: Ended, output: Path, codes: tuple[int, ...]) -> None:
    """What holds whenever queries failed."""
    assert done.code in codes, done.out + done.err
    assert done.err == ""
    found = verdict(output)
    assert found["outcome"] == "INCONCLUSIVE"
    assert found["code"] != "caching"
    assert "PASS" not in done.out
    assert "Performance check pass: False" in (output / "audit/verify_TEST04.txt").read_text()
    assert json.loads((output / "audit/audit_test04.json").read_text())["passed"] is False
    assert sidecar(output)["task_status"]["exit_code"] == done.code
    assert verified(output).exit_code == done.code


def numbers_follow_from_events(output: Path, label: str) -> Counter[str]:
    """The summary counts only what completed; how the queries ended."""
    told, mine = summary(output, label), events(output, label)
    ok = [event for event in mine if event["status"] == "ok"]
    counted = statuses(output, label)
    assert told["queries"]["completed"] == len(ok)
    assert told["queries"]["issued"] == len(mine)
    assert told["queries"]["failed"] == {status: n for status, n in counted.items() if status != "ok"}
    if ok:
        seconds = (max(event["done_ns"] for event in ok) - min(event["issued_ns"] for event in mine)) / 1e9
        assert told["throughput_per_s"] == pytest.approx(len(ok) / seconds)
        assert told["latency_ns"]["count"] == len(ok)
        assert told["latency_ns"]["min"] == min(event["done_ns"] - event["issued_ns"] for event in ok)
    else:
        assert (told["throughput_per_s"], told["latency_ns"]) == (None, None)
    return counted


FAILING: dict[str, tuple[list[str], tuple[int, ...], str, str]] = {
    "every query": (["errors=1"], (4,), "http_error", "errors"),
    "half of them": (["errors=0.5"], (6,), "http_error", "errors"),
    "busy": (["errors=0.3", "error_status=503"], (6,), "http_error", "errors"),
    "every answer broken": (["malformed=1"], (4,), "decode_error", "malformed"),
    "some answers broken": (["malformed=0.4"], (6,), "decode_error", "malformed"),
}


@pytest.mark.parametrize("case", FAILING)
def test_failing_queries_prove_nothing(tmp_path: Path, case: str) -> None:
    nuisances, codes, status, counted_as = FAILING[case]
    switches = [part for nuisance in nuisances for part in ("--nuisance", nuisance)]
    with Server(*switches) as server:
        command = audit if case in ("every query", "half of them") else audit_here
        done = command(job(tmp_path, server.url), tmp_path / "out")
        stats = server.stats()
    never_a_pass(done, tmp_path / "out", codes)
    made = [path.name for path in (tmp_path / "out/runs").iterdir()]
    assert made == ["reference"] if codes == (4,) else sorted(made) == ["reference", "test04"]
    total = sum((numbers_follow_from_events(tmp_path / "out", label) for label in made), Counter())
    assert total == {k: v for k, v in {"ok": stats["completed"], status: stats[counted_as]}.items() if v}
    assert total[status] > 0
    if case == "busy":
        assert {event["http_status"] for event in events(tmp_path / "out", "reference")} == {200, 503}


@pytest.mark.parametrize(("phase", "after"), [("reference", 10), ("test04", 34)])
def test_a_server_that_dies_proves_nothing(tmp_path: Path, phase: str, after: int) -> None:
    with Server("--nuisance", f"die_after={after}") as server:
        done = audit(job(tmp_path, server.url), tmp_path / "out")
    never_a_pass(done, tmp_path / "out", (4, 6))
    before = numbers_follow_from_events(tmp_path / "out", "reference")
    total = before + numbers_follow_from_events(tmp_path / "out", "test04")
    assert set(total) == {"ok", "transport_error"}
    assert (before["transport_error"] > 0) == (phase == "reference")
    assert abs(total["ok"] - after) < 4  # answers that were ready in the same moment are cut off, or not


def test_the_timeout_ends_each_stalled_query(tmp_path: Path) -> None:
    with Server("--nuisance", "stall=12") as server:
        done = audit(job(tmp_path, server.url, {"endpoint": {"timeout_s": 0.4}}), tmp_path / "out")
        stats = server.stats()
    never_a_pass(done, tmp_path / "out", (4,))
    assert done.seconds < 10
    assert numbers_follow_from_events(tmp_path / "out", "reference") == {"ok": 12, "timeout": 12}
    assert (stats["completed"], stats["aborted"]) == (12, 36)
    for event in events(tmp_path / "out", "reference"):
        if event["status"] == "timeout":
            assert 0.39e9 < event["done_ns"] - event["issued_ns"] < 2e9


def test_the_maximum_duration_ends_a_stalled_run(tmp_path: Path) -> None:
    with Server("--nuisance", "stall=12") as server:
        done = audit_here(job(tmp_path, server.url, {"load": {"max_duration_s": 0.7}}), tmp_path / "out")
    never_a_pass(done, tmp_path / "out", (4,))
    assert done.seconds < 10
    assert "max_duration_s" in done.out
    assert summary(tmp_path / "out", "reference")["end"] == "max_duration"
    assert numbers_follow_from_events(tmp_path / "out", "reference") == {"ok": 12, "cancelled": 12}


def test_a_reference_that_is_partial_says_so(tmp_path: Path) -> None:
    with Server("--nuisance", "errors=0.5") as server:
        done = audit_here(job(tmp_path, server.url), tmp_path / "out", task="run_reference")
    assert (done.code, sidecar(tmp_path / "out")["task_status"]["state"]) == (4, "failed")
    assert "says nothing about the endpoint" in done.out
    assert verified(tmp_path / "out").exit_code == 4


def test_a_worker_that_dies_ends_the_task(tmp_path: Path) -> None:
    with Server("--slots", "1", service_ms=100) as server:
        config = job(tmp_path, server.url, {"load": {"workers": 2}})
        process = started("audit", "--config", config, "--output_dir", tmp_path / "out", stderr=subprocess.PIPE)
        wait_until("events", 20, lambda: len(list(lines(tmp_path / "out/runs/reference/events.jsonl"))) > 2)
        workers = children(process.pid)
        os.kill(min(workers), signal.SIGKILL)
        _, told = process.communicate(timeout=10)
    assert process.returncode == 4
    assert re.search(rb"^auditcube: worker \d of run reference died", told)
    assert b"Traceback" not in told
    assert not (tmp_path / "out" / SIDECAR).exists()
    assert len(workers) == 2
    assert not children(process.pid)
