"""GPU facts from a stand-in for NVML, as no test machine has a GPU: whatever it does, no error comes of it."""

from __future__ import annotations

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

    def nvmlDeviceGetMigMode(self, handle: Any, current: Any, pending: Any) -> int:
        current._obj.value = 0
        return 0 if handle.value == 1 else 3  # not supported


def facts(nvml: Any) -> dict[str, Any]:
    return gpus.facts(lambda name: nvml)


def failing(*_: Any) -> int:
    return 999


def test_what_two_gpus_tell() -> None:
    nvml = Nvml()
    gpu = {"name": "NVIDIA GB300", "memory_bytes": 288 << 30}
    assert facts(nvml) == {"gpu_driver": "580.95.05", "gpus": [{**gpu, "mig": False}, gpu]}
    assert nvml.closed == 1


def test_no_library_is_no_error() -> None:
    def load(_: str) -> Any:
        raise OSError("no such library")

    assert gpus.facts(load) == {}
    assert gpus.facts(lambda _: object()) == {}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("nvmlInit_v2", {}),
        ("nvmlDeviceGetCount_v2", {"gpu_driver": "580.95.05"}),
        ("nvmlDeviceGetHandleByIndex_v2", {"gpu_driver": "580.95.05", "gpus": [{}, {}]}),
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

    nvml: Any = Nvml()
    nvml.nvmlSystemGetDriverVersion = odd_text
    nvml.nvmlDeviceGetMemoryInfo = odd_memory
    assert facts(nvml) == {
        "gpus": [{"name": "NVIDIA GB300", "mig": False}, {"name": "NVIDIA GB300"}],
    }


def test_the_environment_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "facts", lambda: {"gpu_driver": "1", "gpus": [{"name": "G"}]})
    assert provenance.environment()["gpus"] == [{"name": "G"}]
