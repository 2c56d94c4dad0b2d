"""Which of the environment's variables may be published, by exact names, each with the form of its value. Pure.

A prefix would let through what nobody thought of (`NCCL_CUSTOMER_ACME`), and a name that is allowed is not enough: a
value of another form may be anything, so it is withheld, and that it was set is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_FLAG = "[01]"
_COUNT = "[0-9]{1,9}"
_NUMBER = r"[0-9]{1,12}(\.[0-9]{1,12})?"
_ORDINALS = "[0-9]{1,3}(,[0-9]{1,3}){0,127}"
_WORD = "[A-Za-z]{1,20}"
_WORDS = r"\^?[A-Za-z0-9]{1,20}(,[A-Za-z0-9]{1,20}){0,15}"
_RANGES = "[0-9]{1,5}(-[0-9]{1,5})?([, ][0-9]{1,5}(-[0-9]{1,5})?){0,127}"

# What changes how fast a client, or a server beside it, is, or what it computes.
ALLOWED = {
    # CUDA and the container toolkit
    "CUDA_VISIBLE_DEVICES": _ORDINALS,
    "CUDA_DEVICE_ORDER": "FASTEST_FIRST|PCI_BUS_ID",
    "CUDA_DEVICE_MAX_CONNECTIONS": _COUNT,
    "CUDA_LAUNCH_BLOCKING": _FLAG,
    "CUDA_MODULE_LOADING": "LAZY|EAGER|DEFAULT",
    "CUBLAS_WORKSPACE_CONFIG": ":[0-9]{1,9}:[0-9]{1,3}(:[0-9]{1,9}:[0-9]{1,3}){0,3}",
    "NVIDIA_VISIBLE_DEVICES": f"all|none|void|{_ORDINALS}",
    "NVIDIA_DRIVER_CAPABILITIES": "[a-z0-9]{1,20}(,[a-z0-9]{1,20}){0,9}",
    "NVIDIA_TF32_OVERRIDE": _FLAG,
    # NCCL
    "NCCL_ALGO": _WORDS,
    "NCCL_BUFFSIZE": _COUNT,
    "NCCL_CUMEM_ENABLE": _FLAG,
    "NCCL_DEBUG": _WORD,
    "NCCL_IB_DISABLE": _FLAG,
    "NCCL_MAX_NCHANNELS": _COUNT,
    "NCCL_MIN_NCHANNELS": _COUNT,
    "NCCL_MNNVL_ENABLE": "[0-2]",
    "NCCL_NET_GDR_LEVEL": "[A-Z0-9]{1,5}",
    "NCCL_NTHREADS": _COUNT,
    "NCCL_NVLS_ENABLE": "[0-2]",
    "NCCL_P2P_DISABLE": _FLAG,
    "NCCL_P2P_LEVEL": "[A-Z0-9]{1,5}",
    "NCCL_PROTO": _WORDS,
    "NCCL_SHM_DISABLE": _FLAG,
    # threads, memory, Python
    "GOMP_CPU_AFFINITY": _RANGES,
    "KMP_BLOCKTIME": f"{_COUNT}|infinite",
    "MALLOC_ARENA_MAX": _COUNT,
    "MKL_NUM_THREADS": _COUNT,
    "OMP_NUM_THREADS": "[0-9]{1,5}(,[0-9]{1,5}){0,9}",
    "OMP_PROC_BIND": "[a-z]{1,10}(,[a-z]{1,10}){0,9}|TRUE|FALSE",
    "OPENBLAS_NUM_THREADS": _COUNT,
    "PYTHONHASHSEED": f"random|{_COUNT}",
    "PYTHONMALLOC": "[a-z_]{1,20}",
    "PYTHONOPTIMIZE": _COUNT,
    "UV_THREADPOOL_SIZE": _COUNT,
    # engines beside the client
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": _FLAG,
    "TORCH_NCCL_AVOID_RECORD_STREAMS": _FLAG,
    "VLLM_ATTENTION_BACKEND": "[A-Z0-9_]{1,40}",
    "VLLM_USE_V1": _FLAG,
    # our own, as mlcube.yaml hands them on
    "MIN_DURATION_S": _NUMBER,
    "TARGET_QPS": _NUMBER,
}

_PER_NODE = r"[0-9]{1,6}(\(x[0-9]{1,6}\))?(,[0-9]{1,6}(\(x[0-9]{1,6}\))?){0,63}"
# GPUs of a kind, as in gb200:4; a name that is no model may be a site's own.
_GPUS = r"((nvidia_)?(a|b|gb|gh|h|l|mi|rtx|v)[0-9]{1,4}[a-z0-9_]{0,16}:)?[0-9]{1,6}"
# Variable of Slurm -> member of `environment.slurm`, and the form of its value. No job id, name, account, user,
# partition, host or directory.
SLURM = {
    "SLURM_JOB_NUM_NODES": ("nodes", _COUNT),
    "SLURM_NTASKS": ("tasks", _COUNT),
    "SLURM_TASKS_PER_NODE": ("tasks_per_node", _PER_NODE),
    "SLURM_CPUS_PER_TASK": ("cpus_per_task", _COUNT),
    "SLURM_JOB_CPUS_PER_NODE": ("cpus_per_node", _PER_NODE),
    "SLURM_THREADS_PER_CORE": ("threads_per_core", _COUNT),
    "SLURM_MEM_PER_NODE": ("memory_per_node_mib", _COUNT),
    "SLURM_MEM_PER_CPU": ("memory_per_cpu_mib", _COUNT),
    "SLURM_GPUS": ("gpus", _GPUS),
    "SLURM_GPUS_PER_NODE": ("gpus_per_node", _GPUS),
    "SLURM_GPUS_PER_TASK": ("gpus_per_task", _GPUS),
    "SLURM_GPUS_ON_NODE": ("gpus_on_node", _COUNT),
    "SLURM_STEP_NUM_NODES": ("step_nodes", _COUNT),
    "SLURM_STEP_NUM_TASKS": ("step_tasks", _COUNT),
    "SLURM_RESTART_COUNT": ("restarts", _COUNT),
}


def told(environ: Mapping[str, str]) -> dict[str, Any]:
    """`variables` and `slurm` as far as set, and the names of those that are `withheld`; an empty one says nothing."""
    variables, slurm, withheld = {}, dict[str, Any](), []
    for name, form in ALLOWED.items():
        if value := environ.get(name):
            if re.fullmatch(form, value):
                variables[name] = value
            else:
                withheld.append(name)
    for name, (member, form) in SLURM.items():
        if value := environ.get(name):
            if re.fullmatch(form, value):
                slurm[member] = int(value) if form == _COUNT else value
            else:
                withheld.append(name)
    members: dict[str, Any] = {"variables": variables, "slurm": slurm, "withheld": sorted(withheld)}
    return {name: value for name, value in members.items() if value}


def forms() -> dict[str, str]:
    """Pointer of every text that `told` may say -> what it must match; for whoever checks a sidecar."""
    slurm = {f"/environment/slurm/{member}": form for member, form in SLURM.values() if form != _COUNT}
    return {**{f"/environment/variables/{name}": form for name, form in ALLOWED.items()}, **slurm}
