"""The GPUs of this node, from NVIDIA's management library where there is one. The client needs none.

Each value is asked for by itself and checked before it is believed: a library of another version, a GPU that fell off
the bus or a container without the device files leaves a value out, and never stops a task. Serial numbers and UUIDs,
which name one machine, are not written down: of the NVLink domain of a GB200 or GB300 rack, which has a UUID, stands
only which of this node's GPUs are in the same one.

Source: nvml.h of CUDA 12.4 and later (nvmlGpuFabricInfo_v2_t, nvmlGpuFabricState_t).
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from typing import Any

_LIBRARY = "libnvidia-ml.so.1"
_SUCCESS = 0
_TEXT_BYTES = 96
_MOST = 1024
_FABRIC_STATES = ("not_supported", "not_started", "in_progress", "completed")


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class _Fabric(ctypes.Structure):
    """nvmlGpuFabricInfo_v2_t."""

    _fields_ = (
        ("version", ctypes.c_uint),
        ("cluster_uuid", ctypes.c_ubyte * 16),
        ("status", ctypes.c_int),
        ("clique_id", ctypes.c_uint),
        ("state", ctypes.c_ubyte),
        ("health_mask", ctypes.c_uint),
    )


def facts(load: Callable[[str], Any] = ctypes.CDLL) -> dict[str, Any]:
    """`gpu_driver`, `cuda` and `gpus`, with one entry for each; empty where nothing can be told.

    `cuda` is the newest version of CUDA that the driver knows. An entry of `gpus` has name, memory, compute capability,
    MIG mode, and `fabric` where the GPU is in an NVLink domain: `state` (of joining it), `domain`, which counts the
    domains of this node from 0, and `clique`, the part of the domain within which GPUs reach each other.
    """
    try:
        nvml = load(_LIBRARY)
        if nvml.nvmlInit_v2() != _SUCCESS:
            return {}
    except (OSError, AttributeError):
        return {}
    try:
        count, domains = ctypes.c_uint(), dict[bytes, int]()
        known = _call(nvml, "nvmlDeviceGetCount_v2", ctypes.byref(count)) and count.value <= _MOST
        found = {
            "gpu_driver": _text(nvml, "nvmlSystemGetDriverVersion"),
            "cuda": _cuda(nvml),
            "gpus": [_gpu(nvml, index, domains) for index in range(count.value)] if known else None,
        }
    finally:
        _call(nvml, "nvmlShutdown")
    return {name: value for name, value in found.items() if value is not None}


def _cuda(nvml: Any) -> str | None:
    version = ctypes.c_int()
    known = _call(nvml, "nvmlSystemGetCudaDriverVersion_v2", ctypes.byref(version)) and 1000 <= version.value < 1000000
    return f"{version.value // 1000}.{version.value % 1000 // 10}" if known else None


def _gpu(nvml: Any, index: int, domains: dict[bytes, int]) -> dict[str, Any]:
    handle = ctypes.c_void_p()
    if not _call(nvml, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle)):
        return {}
    memory, mig, pending = _Memory(), ctypes.c_uint(), ctypes.c_uint()
    major, minor = ctypes.c_int(), ctypes.c_int()
    values: dict[str, Any] = {"name": _text(nvml, "nvmlDeviceGetName", handle)}
    if _call(nvml, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory)) and 0 < memory.total < 2**53:
        values["memory_bytes"] = memory.total
    capability = "nvmlDeviceGetCudaComputeCapability"
    if _call(nvml, capability, handle, ctypes.byref(major), ctypes.byref(minor)) and 0 < major.value < 100:
        values["compute_capability"] = f"{major.value}.{minor.value % 100}"
    if _call(nvml, "nvmlDeviceGetMigMode", handle, ctypes.byref(mig), ctypes.byref(pending)) and mig.value in (0, 1):
        values["mig"] = bool(mig.value)
    values["fabric"] = _fabric(nvml, handle, domains)
    return {name: value for name, value in values.items() if value is not None}


def _fabric(nvml: Any, handle: Any, domains: dict[bytes, int]) -> dict[str, Any] | None:
    """The GPU's place in an NVLink domain; `domains` has those of the node so far by UUID, each with its number."""
    info = _Fabric(version=ctypes.sizeof(_Fabric) | 2 << 24)
    if not _call(nvml, "nvmlDeviceGetGpuFabricInfoV", handle, ctypes.byref(info)):
        return None
    if not 0 < info.state < len(_FABRIC_STATES):
        return None
    place: dict[str, Any] = {"state": _FABRIC_STATES[info.state]}
    uuid = bytes(info.cluster_uuid)
    if info.state == len(_FABRIC_STATES) - 1 and info.status == _SUCCESS and any(uuid):
        place |= {"domain": domains.setdefault(uuid, len(domains)), "clique": info.clique_id}
    return place


def _text(nvml: Any, function: str, *arguments: Any) -> str | None:
    """What a function that fills a buffer of text says, if it is a plain name or version."""
    buffer = ctypes.create_string_buffer(_TEXT_BYTES)
    if not _call(nvml, function, *arguments, buffer, ctypes.c_uint(_TEXT_BYTES)):
        return None
    text = buffer.value.decode("ascii", "replace")
    return text if re.fullmatch(r"[A-Za-z0-9 ._()/+-]{1,80}", text) else None


def _call(nvml: Any, function: str, *arguments: Any) -> bool:
    """Whether the library has such a function and it succeeded."""
    try:
        return bool(getattr(nvml, function)(*arguments) == _SUCCESS)
    except AttributeError:
        return False
