"""The GPUs of this node, from NVIDIA's management library where there is one. The client needs none.

Each value is asked for by itself and checked before it is believed: a library of another version, a GPU that fell off
the bus or a container without the device files leaves a value out, and never stops a task. Serial numbers and UUIDs,
which name one machine, are not asked for.
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


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def facts(load: Callable[[str], Any] = ctypes.CDLL) -> dict[str, Any]:
    """`gpu_driver` and `gpus`, one entry of name, memory and MIG mode for each; empty where nothing can be told."""
    try:
        nvml = load(_LIBRARY)
        if nvml.nvmlInit_v2() != _SUCCESS:
            return {}
    except (OSError, AttributeError):
        return {}
    try:
        driver = _text(nvml, "nvmlSystemGetDriverVersion")
        count = ctypes.c_uint()
        known = _call(nvml, "nvmlDeviceGetCount_v2", ctypes.byref(count)) and count.value <= _MOST
        found = {"gpu_driver": driver, "gpus": [_gpu(nvml, index) for index in range(count.value)] if known else None}
    finally:
        _call(nvml, "nvmlShutdown")
    return {name: value for name, value in found.items() if value is not None}


def _gpu(nvml: Any, index: int) -> dict[str, Any]:
    handle = ctypes.c_void_p()
    if not _call(nvml, "nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(handle)):
        return {}
    memory, mig, pending = _Memory(), ctypes.c_uint(), ctypes.c_uint()
    values: dict[str, Any] = {"name": _text(nvml, "nvmlDeviceGetName", handle)}
    if _call(nvml, "nvmlDeviceGetMemoryInfo", handle, ctypes.byref(memory)) and 0 < memory.total < 2**53:
        values["memory_bytes"] = memory.total
    if _call(nvml, "nvmlDeviceGetMigMode", handle, ctypes.byref(mig), ctypes.byref(pending)) and mig.value in (0, 1):
        values["mig"] = bool(mig.value)
    return {name: value for name, value in values.items() if value is not None}


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
