"""GPU facts from a stand-in for NVML, as no test machine has a GPU: whatever it does, no error comes of it."""

from __future__ import annotations

import ctypes
import json
from typing import Any

import pytest

from auditcube.manifest import gpus, provenance


class Nvml:
    """Two GPUs; a test takes functions away or breaks them. Out-parameters are ctypes.byref objects."""

    def __init__(self) -> None:
        self.closed = 0

    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlShutdown(self) -> int:
        self.closed += 1
        return 0

    def nvmlSystemGetDriverVersion(self, buffer: Any, _: Any) -> int:
        buffer.value = b"580.95.05"
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:
        handle._obj.value = index.value + 1
        return 0

    def nvmlDeviceGetName(self, _: Any, buffer: Any, length: Any) -> int:
        buffer.value = b"NVIDIA GB300"
        return 0

    def nvmlDeviceGetMemoryInfo(self, _: Any, memory: Any) -> int:
        memory._obj.total = 288 << 30
        return 0

    def nvmlSystemGetCudaDriverVersion_v2(self, version: Any) -> int:
        version._obj.value = 13010
        return 0

    def nvmlDeviceGetCudaComputeCapability(self, _: Any, major: Any, minor: Any) -> int:
        major._obj.value, minor._obj.value = 10, 3
        return 0

    def nvmlDeviceGetGpuFabricInfoV(self, handle: Any, info: Any) -> int:
        fabric = info._obj
        if fabric.version != 0x02000024:  # nvmlGpuFabricInfo_v2 in nvml.h
            return 25  # NVML_ERROR_ARGUMENT_VERSION_MISMATCH
        fabric.state, fabric.status, fabric.clique_id = 3, 0, 32766
        fabric.cluster_uuid = (ctypes.c_ubyte * 16)(*UUIDS[handle.value - 1])
        return 0

    def nvmlDeviceGetMigMode(self, handle: Any, current: Any, pending: Any) -> int:
        current._obj.value = 0
        return 0 if handle.value == 1 else 3  # not supported


UUIDS = [b"one NVL72 domain", b"one NVL72 domain"]


GPU = {
    "name": "NVIDIA GB300",
    "memory_bytes": 288 << 30,
    "compute_capability": "10.3",
    "fabric": {"state": "completed", "domain": 0, "clique": 32766},
}


def facts(nvml: Any) -> dict[str, Any]:
    return gpus.facts(lambda name: nvml)


def failing(*_: Any) -> int:
    return 999


def test_what_two_gpus_tell() -> None:
    nvml = Nvml()
    assert facts(nvml) == {"gpu_driver": "580.95.05", "cuda": "13.1", "gpus": [{**GPU, "mig": False}, GPU]}
    assert nvml.closed == 1


def test_domains_are_told_apart_without_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "UUIDS", [b"one NVL72 domain", b"another of these"])
    found = facts(Nvml())
    assert [gpu["fabric"]["domain"] for gpu in found["gpus"]] == [0, 1]
    assert b"NVL72".hex() not in json.dumps(found)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"state": 0}, None),
        ({"state": 9}, None),
        ({"state": 2}, {"state": "in_progress"}),
        ({"state": 3, "status": 5}, {"state": "completed"}),
        ({"state": 3, "cluster_uuid": (ctypes.c_ubyte * 16)()}, {"state": "completed"}),
    ],
    ids=["none", "unheard of", "joining", "failed", "no domain"],
)
def test_a_gpu_that_is_in_no_domain(members: dict[str, Any], expected: Any) -> None:
    class Other(Nvml):
        def nvmlDeviceGetGpuFabricInfoV(self, handle: Any, info: Any) -> int:
            code = super().nvmlDeviceGetGpuFabricInfoV(handle, info)
            for name, value in members.items():
                setattr(info._obj, name, value)
            return code

    assert facts(Other())["gpus"][0].get("fabric") == expected


def test_no_library_is_no_error() -> None:
    def load(_: str) -> Any:
        raise OSError("no such library")

    assert gpus.facts(load) == {}
    assert gpus.facts(lambda _: object()) == {}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("nvmlInit_v2", {}),
        ("nvmlDeviceGetCount_v2", {"gpu_driver": "580.95.05", "cuda": "13.1"}),
        ("nvmlDeviceGetHandleByIndex_v2", {"gpu_driver": "580.95.05", "cuda": "13.1", "gpus": [{}, {}]}),
        ("nvmlSystemGetCudaDriverVersion_v2", {"gpu_driver": "580.95.05", "gpus": [{**GPU, "mig": False}, GPU]}),
    ],
)
def test_a_function_that_fails_or_lacks_leaves_its_value_out(function: str, expected: dict[str, Any]) -> None:
    nvml = Nvml()
    setattr(nvml, function, failing)
    assert facts(nvml) == expected


def test_a_value_that_cannot_be_is_left_out() -> None:
    def odd_text(buffer: Any, _: Any) -> int:
        buffer.value = b"\xff\x00"
        return 0

    def odd_memory(_: Any, memory: Any) -> int:
        memory._obj.total = 0
        return 0

    def odd_version(version: Any) -> int:
        version._obj.value = -1
        return 0

    def odd_capability(_: Any, major: Any, minor: Any) -> int:
        return 0

    nvml: Any = Nvml()
    nvml.nvmlSystemGetDriverVersion = odd_text
    nvml.nvmlDeviceGetMemoryInfo = odd_memory
    nvml.nvmlSystemGetCudaDriverVersion_v2 = odd_version
    nvml.nvmlDeviceGetCudaComputeCapability = odd_capability
    nvml.nvmlDeviceGetGpuFabricInfoV = failing
    assert facts(nvml) == {
        "gpus": [{"name": "NVIDIA GB300", "mig": False}, {"name": "NVIDIA GB300"}],
    }


def test_the_environment_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "facts", lambda: {"gpu_driver": "1", "gpus": [{"name": "G"}]})
    assert provenance.environment({})["gpus"] == [{"name": "G"}]
