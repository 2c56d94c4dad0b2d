"""Manifests that the schema accepts: the least, and one with every member."""

from __future__ import annotations

import hashlib
from typing import Any

# The example of mlcommons/mlcube issue 367, as it stands there.
ISSUE_367: dict[str, Any] = {
    "schema_version": "mlcube.run_audit.v1",
    "mlcube_task": "run",
    "runner": "docker",
    "image": "...",
    "mlcube_config_hash": "...",
    "benchmark": "...",
    "dataset_refs": [
        {"source_id": "...", "kind": "dataset", "provenance": "...", "redaction_status": "safe_for_public_log"}
    ],
    "result_paths": ["..."],
    "provenance": {"repo": "...", "commit": "...", "created_at": "..."},
    "claim_status": "diagnostic",
    "redaction_status": "safe_for_public_log",
}
HASH = "0123456789abcdef" * 4
# of the one line `HASH  runs/reference/events.jsonl`
LISTING = hashlib.sha256(f"{HASH}  runs/reference/events.jsonl\n".encode()).hexdigest()
UUID = "01931e2c-7b1a-7def-8123-456789abcdef"
TIME = "2026-11-22T05:00:00.123456Z"
FULL: dict[str, Any] = ISSUE_367 | {
    "endpoint_identity": {"endpoints": 1, "salt": "0123456789abcdef" * 2, "sha256": HASH, "urls": ["http://a.example"]},
    "run_id": UUID,
    "task_status": {"state": "completed", "exit_code": 0},
    "started_on": TIME,
    "finished_on": TIME,
    "monotonic_duration_ns": 5,
    "config_hashes": {"mlcube_yaml": HASH, "effective_config": HASH},
    "dataset_refs": [
        ISSUE_367["dataset_refs"][0]
        | {"digest": {"sha256": HASH}, "size": 10, "format": "jsonl", "rows": 3, "samples": 2}
        | {"version": "1.0", "split": "test", "license": "Apache-2.0", "croissant": {"sha256": HASH}}
    ],
    "provenance": ISSUE_367["provenance"]
    | {"dirty": False, "diff": {"sha256": HASH}, "tool": {"name": "auditcube", "version": "1", "commit": "c"}},
    "artifacts": [
        {
            "role": "events",
            "path": "runs/reference/events.jsonl",
            "size": 3,
            "media_type": "application/jsonl",
            "digest": {"sha256": HASH},
            "digest_jcs": {"sha256": HASH},
        }
    ],
    "directory_digest": {"dirHash1": LISTING},
    "seeds": {"order": "0", "arrival": "18446744073709551615", "capture": "42"},
    "environment": {
        "python": "3.11.7",
        "system": "Linux",
        "machine": "x86_64",
        "kernel": "6.8.0",
        "page_bytes": 65536,
        "cpu_count": 2,
        "cpus_usable": 2,
        "cpu_limit_millicpus": 1500,
        "cpu": {"model": "Neoverse-V2", "sockets": 2, "cores": 144, "numa_nodes": 2},
        "memory_bytes": 1024,
        "memory_limit_bytes": 512,
        "gpu_driver": "580.95.05",
        "cuda": "13.0",
        "gpus": [
            {
                "name": "NVIDIA GB300",
                "memory_bytes": 309237645312,
                "compute_capability": "10.3",
                "mig": False,
                "fabric": {"state": "completed", "domain": 0, "clique": 1},
            }
        ],
        "slurm": {"nodes": 18, "gpus_per_node": "gb200:4"},
        "variables": {"OMP_NUM_THREADS": "8"},
        "withheld": ["CUDA_VISIBLE_DEVICES"],
    },
    "image_identity": {
        "reference": "localhost/auditcube:0.1.0",
        "config_digest": {"sha256": HASH},
        "manifest_digest": {"sha256": HASH},
        "index_digest": {"sha256": HASH},
        "repo_digests": [{"sha256": HASH}],
        "sif_sha256": HASH,
        "squashfs_sha256": HASH,
        "platform": "linux/arm64",
        "image_platform": "linux/arm64",
        "resolved_by": "runner",
        "resolvers": {"config_digest": "runner", "sif_sha256": "host"},
        "unknown": ["manifest_digest"],
        "marks": ["container=podman"],
        "contradictions": ["..."],
    },
    "redaction": {
        "policy": "auditcube",
        "policy_version": "1",
        "rules_digest": {"sha256": HASH},
        "unscanned": ["picture"],
        "findings": {"email": 2},
        "original": {"run_id": UUID, "manifest_sha256": HASH},
        "withheld": [
            {"path": "config.yaml", "line": 3, "rule": "email", "length": 9, "commitment": {"sha256": HASH}},
            {"path": "", "pointer": "/benchmark", "rule": "email", "length": 9, "commitment": {"sha256": HASH}},
        ],
    },
    "parents": [{"task": "run_reference", "run_id": UUID, "manifest_sha256": HASH}],
    "verdicts": [
        {
            "test": "test04",
            "outcome": "PASS",
            "code": "no_caching",
            "reason": "r",
            "numbers": {"gain": 0.5, "limit_per_s": None, "source": "config", "n": 3, "b": True},
            "remarks": [{"code": "drift", "text": "t"}],
        }
    ],
    "headline": [
        {
            "metric": "reference.throughput",
            "value": "12.5",
            "unit": "queries/s",
            "source": {"path": "runs/reference/summary.json", "json_pointer": "/throughput_per_s"},
        }
    ],
    "run_durations_ns": {"reference": 600_000_000_000},
    "non_claims": ["x"],
    "manifest_digest": {"sha256": HASH},
    "extensions": {"anything": [1, {"goes": None}]},
}
