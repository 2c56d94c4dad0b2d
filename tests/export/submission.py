"""A full submission to MLPerf Endpoints, made up: eight measurement points, as run folders that its builder takes."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import yaml

POINTS = (1, 4, 8, 32, 64, 128, 512, 1024)
MEASURED_ACCURACY = (1, 4, 32, 512, 1024)  # one in each band that needs one, and the Offline point
C_MAX = 1024
MODEL = "llama3_1-8b"


def run_folder(folder: Path, concurrency: int) -> Path:
    """One measurement point."""
    files: dict[str, Any] = {
        "system_desc.json": system(),
        "system_power.json": power(),
        "point.yaml": point(concurrency),
        "config.yaml": {"datasets": [{"type": "performance"}], "model_params": {"name": MODEL}},
        "performance/result_summary.json": summary(concurrency),
        "accuracy/accuracy_results.json": {
            "accuracy_scores": accuracy() if concurrency in MEASURED_ACCURACY else inline()
        },
        "documentation/calibration.md": "# Calibration\n",
        "src/demo/README.md": "# How to build it\n",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = (
            content if isinstance(content, str) else (yaml.safe_dump if name.endswith("yaml") else json.dumps)(content)
        )
        path.write_text(text, "utf-8")
    return folder


def archive(folder: Path) -> Path:
    """What `runs create` uploads of a run folder."""
    path = folder.with_suffix(".tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, arcname=folder.name)
    return path


def system() -> dict[str, Any]:
    node = {
        "system_node_ensemble_id": 0,
        "number_of_nodes": 1,
        "host_processor_model_name": "CPU",
        "host_processors_per_node": 2,
        "host_processor_core_count": 72,
        "host_memory_capacity": "1 TB",
        "host_memory_configuration": "16 x 64 GB",
        "host_network_card_count": "1",
        "driver": "580",
        "filesystem": "ext4",
        "accelerator_info": [{"accelerator_model_name": "GPU", "accelerators_per_node": 4}],
    }
    return {
        "submitter_org_names": "Somebody",
        "system_name": "demo",
        "shortened_system_name": "demo",
        "system_category": "datacenter",
        "system_availability_status": "available",
        "availability_url": "https://vendor.example/demo",
        "max_supported_concurrency": C_MAX,
        "system_size": "1 node",
        "system_node_ensemble_count": 1,
        "system_node_ensemble_total": 1,
        "division": "standardized",
        "serving_framework": "demo",
        "node_types": [node],
    }


def power() -> dict[str, Any]:
    published = {"value_kw": 10.0, "source_type": "vendor_spec", "source": "https://vendor.example/power"}
    nodes = {"node_set_id": 0, "system_node_ensemble_id": 0, "nodes_provisioned": 1, "power_method": "published_system"}
    return {
        "system_desc_id": "demo",
        "cooling": "liquid",
        "node_sets": [nodes | {"published_power": published}],
        "scale_out": {"present": False},
    }


def point(concurrency: int) -> dict[str, Any]:
    return {
        "concurrency": concurrency,
        "offline": "elected" if concurrency == C_MAX else "none",
        "division": "Standardized",
        "max_supported_concurrency": C_MAX,
        "model_name": MODEL,
        "model_precision": "fp8",
        "link_to_model": "https://vendor.example/model",
        "dataset_name": "cnn_dailymail",
        "dataset_type": "Accuracy + Performance",
        "dataset_link": "https://vendor.example/dataset",
        "shared_src": "src/demo",
        "shared_docs": "docs",
        "seed_set": "A",
        "target_cohort": "2026-10-C1",
        "warmup": {
            "duration_s": 60,
            "requests_issued": 100,
            "requests_completed": 100,
            "data_source": "other rows of the same data set",
            "concurrency": concurrency,
            "logs_retained": True,
        },
        "runtime_settings": {
            "load_pattern": "concurrency",
            "min_duration_ms": 1_200_000,
            "runtime": {
                "scheduler_rng_seed": 10487924139932647040,
                "sample_index_rng_seed": 586478644936801402,
                "model_seed": 9315206023656308754,
            },
        },
    }


def summary(concurrency: int) -> dict[str, Any]:
    count = 20_000
    statistics = {"total": 1e12, "percentiles": {name: 1e7 for name in ("50", "90", "95", "99")}}
    return {
        "n_samples_issued": count,
        "n_samples_completed": count,
        "n_samples_failed": 0,
        "duration_ns": 1_300_000_000_000,
        "ttft": statistics,
        "tpot": statistics,
        "latency": statistics,
        "output_sequence_lengths": {"total": 1000 * count * concurrency, "percentiles": {"50": 1000.0}},
    }


def inline() -> list[dict[str, Any]]:
    """What the harness scores at every point."""
    return [entry | {"dataset_name": "performance", "dataset_type": "performance"} for entry in accuracy()]


def accuracy() -> list[dict[str, Any]]:
    score = {"rouge1": 38.8, "rouge2": 16.0, "rougel": 24.6, "rougelsum": 36.0, "gen_len": 8167644}
    return [{"dataset_name": "cnn_dailymail", "dataset_type": "accuracy", "num_samples": 13368, "score": score}]
