"""Runs and sidecars for the tests of the report, made without an endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from auditcube.evidence.events import EndRecord, Start, Status
from auditcube.evidence.table import STATUSES, EventTable, Ints
from auditcube.load.order import Order, WithoutReplacement
from auditcube.load.schedule import Load, RunSpec, Seeds
from auditcube.metrics import Run
from auditcube.scenario import Scenario

MS = 1_000_000
SHA256 = "0123456789abcdef" * 4
LAG_NS = {"count": 50, "p50": 20_000, "p99": 90_000, "p99.9": 400_000, "max": 1_200_000}
TURN_NS = {"count": 70, "p50": 30_000, "p99": 80_000, "p99.9": 200_000, "max": 900_000}
CPU_NS = {"used": 350_000_000, "waited": 20_000_000}


def make_run(
    latencies_ns: Sequence[int] | Ints,
    label: str = "reference",
    *,
    issued_ns: Sequence[int] | Ints | None = None,
    slip_ns: int = 0,
    failed: Iterable[int] = (),
    planned: int | None = None,
    streamed: bool = False,
    scenario: Scenario = Scenario.OFFLINE,
    order: Order | None = None,
    errors: tuple[str, ...] = (),
    started: bool = True,
    end: str | None = "completed",
) -> Run:
    """A run whose query n took `latencies_ns[n]`; those in `failed` timed out; one after another unless told."""
    took = np.asarray(latencies_ns, dtype=np.int64)
    count = len(took)
    issued = np.cumsum(took) - took + slip_ns if issued_ns is None else np.asarray(issued_ns, dtype=np.int64)
    status = np.full(count, STATUSES.index(Status.OK), dtype=np.int64)
    status[list(failed)] = STATUSES.index(Status.TIMEOUT)
    absent = np.full(count, -1, dtype=np.int64)
    table = EventTable(
        ordinal=np.arange(count),
        sample=np.arange(count),
        due_ns=issued - slip_ns,
        issued_ns=issued,
        done_ns=issued + took,
        first_ns=issued + took // 4 if streamed else absent,
        last_ns=issued + took if streamed else absent,
        chunks=np.full(count, 4 if streamed else 0, dtype=np.int64),
        tokens_in=np.full(count, 100, dtype=np.int64) if streamed else absent,
        tokens_out=np.full(count, 16, dtype=np.int64) if streamed else absent,
        tries=absent,
        status=status,
        errors=errors,
        salts={},
        starts=(Start("run", label, 0, 1, SHA256, 0, "2026-01-02T03:04:05.000000Z", SHA256),) if started else (),
        ends=() if end is None else (EndRecord(0, end, 1, count, LAG_NS, TURN_NS, CPU_NS),),
    )
    spec = RunSpec(label, order or WithoutReplacement(), count if planned is None else planned)
    rate = 5.0 if scenario is Scenario.SERVER else None
    return Run(spec, Load(scenario, 8, rate, 1, 0.0, 100.0, 1, Seeds()), table)


def verdict(outcome: str = "PASS", **members: Any) -> dict[str, Any]:
    numbers = {
        "reference_per_s": 100.0,
        "audit_per_s": 104.0,
        "reference_completed": 64,
        "limit_per_s": 110.0,
        "gain": 0.04,
        "threshold": 0.1,
        "threshold_source": "MLPerf",
    }
    return {
        "test": "test04",
        "outcome": outcome,
        "code": "no_caching",
        "reason": "one sample repeated ran 4.0% faster than distinct samples; the limit is 10%",
        "numbers": numbers,
        "remarks": [{"code": "short_run", "text": "the run was short"}],
        **members,
    }


def artifact(path: str, role: str = "summary") -> dict[str, Any]:
    return {"role": role, "path": path, "size": 1234, "media_type": "text/plain", "digest": {"sha256": SHA256}}


def make_manifest(*verdicts: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A sidecar with every member that the report shows."""
    return {
        "schema_version": "mlcube.run_audit.v1",
        "mlcube_task": "audit",
        "runner": "docker",
        "image": "example/image:1",
        "mlcube_config_hash": "sha256:" + SHA256,
        "benchmark": "wan2.2-t2v-a14b",
        "dataset_refs": [
            {
                "source_id": "prompts",
                "kind": "dataset",
                "provenance": "written for a test",
                "redaction_status": "not_scanned",
                "digest": {"sha256": SHA256},
                "size": 3490,
                "format": "jsonl",
                "rows": 100,
                "samples": 64,
            }
        ],
        "result_paths": ["runs/reference/summary.json", "runs/test04/summary.json"],
        "provenance": {
            "repo": "unknown",
            "commit": "c0ffee",
            "created_at": "2026-01-02T03:05:00Z",
            "dirty": True,
            "tool": {"name": "auditcube", "version": "0.1.0", "commit": "c0ffee"},
        },
        "claim_status": "diagnostic",
        "redaction_status": "not_scanned",
        "run_id": "01a201b1-dd99-74c1-bef0-3eec75aaa72b",
        "task_status": {"state": "completed", "exit_code": 0},
        "started_on": "2026-01-02T03:04:00Z",
        "finished_on": "2026-01-02T03:05:00Z",
        "monotonic_duration_ns": 60_000 * MS,
        "artifacts": [artifact("runs/reference/summary.json"), artifact("runs/test04/summary.json")],
        "environment": {"python": "3.11.7", "cpu_count": 2},
        "parents": [],
        "config_hashes": {"effective_config": SHA256},
        "seeds": {"order": "10487924139932647040"},
        "verdicts": list(verdicts),
        "headline": [],
        "non_claims": ["Nothing here is signed."],
        **members,
    }


CONFIG: dict[str, Any] = {
    "benchmark": "wan2.2-t2v-a14b",
    "scenario": "Offline",
    "endpoint": {"url": "http://127.0.0.1:8000", "parameters": {"seed": 42}},
    "audits": [{"test": "test04", "samples": 64}],
}
