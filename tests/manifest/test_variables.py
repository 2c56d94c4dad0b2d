"""Which variables may be published: by exact name, and each value by its own check."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from auditcube.manifest import schema, shapes
from auditcube.manifest.variables import ALLOWED, SLURM, forms, told
from manifest.examples import FULL

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_not_set_or_empty_says_nothing() -> None:
    assert told({}) == told({"OMP_NUM_THREADS": "", "SLURM_NTASKS": ""}) == {}


def test_a_name_must_be_exact() -> None:
    near = {"NCCL_DEBUG_FILE": "1", "NCCL_CUSTOMER_ACME_PROD": "1", "nccl_debug": "INFO", "NCCL_DEBUG ": "INFO"}
    assert told({**near, "HF_TOKEN": "hf_x", "HOME": "/home/me", "SLURM_JOB_NAME": "j", "SLURM_NODELIST": "n1"}) == {}


def test_values_of_their_form_are_told() -> None:
    environ = {
        "OMP_NUM_THREADS": "8",
        "CUDA_VISIBLE_DEVICES": "0,1,2,3",
        "NCCL_ALGO": "^Tree,Ring",
        "TARGET_QPS": "1.5",
    }
    assert told(environ) == {"variables": dict(sorted(environ.items(), key=lambda item: list(ALLOWED).index(item[0])))}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CUDA_VISIBLE_DEVICES", "GPU-5d3b7a2e-0c1f-4e57-9e8a-6a0b0e5c1f2d"),
        ("OMP_NUM_THREADS", "8\n"),
        ("OMP_NUM_THREADS", "sk-live-0123456789abcdef"),
        ("NCCL_DEBUG", "/home/somebody/log"),
        ("SLURM_GPUS_PER_NODE", "acme_secret_gpu:4"),
        ("SLURM_JOB_CPUS_PER_NODE", "72(x18),node17"),
        ("SLURM_NTASKS", "-1"),
        ("SLURM_MEM_PER_NODE", "9" * 30),
    ],
)
def test_a_value_of_another_form_is_withheld_and_said_to_be(name: str, value: str) -> None:
    assert told({name: value}) == {"withheld": [name]}


def test_the_shape_of_a_job() -> None:
    environ = {
        "SLURM_JOB_NUM_NODES": "18",
        "SLURM_NTASKS": "72",
        "SLURM_TASKS_PER_NODE": "4(x18)",
        "SLURM_JOB_CPUS_PER_NODE": "144(x17),72",
        "SLURM_GPUS_PER_NODE": "gb200:4",
        "SLURM_MEM_PER_NODE": "0",
        "SLURM_JOB_ACCOUNT": "acme",
        "SLURM_JOB_PARTITION": "secret",
        "SLURM_JOB_NODELIST": "node[1-18]",
    }
    assert told(environ) == {
        "slurm": {
            "nodes": 18,
            "tasks": 72,
            "tasks_per_node": "4(x18)",
            "cpus_per_node": "144(x17),72",
            "memory_per_node_mib": 0,
            "gpus_per_node": "gb200:4",
        }
    }


def test_the_schema_and_the_closed_world_know_what_may_be_told() -> None:
    members = json.loads(schema.text())["properties"]["environment"]["properties"]
    assert set(members["slurm"]["properties"]) == {member for member, _ in SLURM.values()}
    pattern = members["variables"]["propertyNames"]["$ref"]
    assert pattern == "#/$defs/variable"
    for name in ALLOWED:
        assert f"/environment/variables/{name}" in forms()
        assert re.fullmatch("[A-Z][A-Z0-9_]{1,63}", name)


@pytest.mark.parametrize(
    "environment",
    [
        {"variables": {"HF_TOKEN": "1"}},
        {"variables": {"OMP_NUM_THREADS": "many"}},
        {"withheld": ["HF_TOKEN"]},
        {"slurm": {"gpus": "acme_secret_gpu:4"}},
        {"kernel": "6.8 (acme)"},
        {"cpu": {"model": "<b>"}},
    ],
)
def test_a_sidecar_with_another_is_found(environment: dict[str, object]) -> None:
    assert len(list(shapes.misshapen(FULL | {"environment": environment}))) > baseline()


def baseline() -> int:
    return len(list(shapes.misshapen(FULL | {"environment": {}})))


def test_a_sidecar_with_these_is_not() -> None:
    environment = told({"OMP_NUM_THREADS": "8", "SLURM_GPUS": "h100:8", "SLURM_NTASKS": "4", "NCCL_DEBUG": "/x"})
    assert len(list(shapes.misshapen(FULL | {"environment": environment}))) == baseline()


@pytest.mark.parametrize("script", ["scripts/singularity", "examples/slurm/job.sh"])
def test_the_scripts_hand_on_the_shape_of_a_job_and_no_more_of_slurm(script: str) -> None:
    text = "\n".join(re.split(r"fail\(\)|if value=", (ROOT / script).read_text("utf-8"))[:1])
    assert set(re.findall(r"\bSLURM_[A-Z_]+", text)) - {"SLURM_JOB_ID"} == set(SLURM)
