"""Processor, memory and limits, from files as Linux has them on x86, on Grace and in a control group."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from auditcube.manifest.hardware import facts

X86 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Platinum 8480C @ 2.00GHz\n\n"
GRACE = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd4f\nCPU revision\t: 0\n"


def write(root: Path, **files: str) -> Path:
    """Files under names with `__` for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def topology(root: Path, sockets: int, cores: int, threads: int) -> Path:
    number = 0
    for socket in range(sockets):
        (root / f"sys/devices/system/node/node{socket}").mkdir(parents=True)
        for core in range(cores):
            for _ in range(threads):
                folder = root / f"sys/devices/system/cpu/cpu{number}/topology"
                folder.mkdir(parents=True)
                (folder / "physical_package_id").write_text(f"{socket}\n")
                (folder / "core_id").write_text(f"{core}\n")
                number += 1
    (root / "sys/devices/system/cpu/cpufreq").mkdir()
    return root


@pytest.mark.parametrize(
    ("cpuinfo", "model"),
    [
        (X86 * 4, "Intel(R) Xeon(R) Platinum 8480C @ 2.00GHz"),
        (GRACE, "Neoverse-V2"),
        (GRACE.replace("0xd4f", "0xfff"), "ARM 0x41 0xfff"),
        (X86.replace("Intel", "<Intel>"), None),
        (X86.replace("Intel", "I" * 100), None),
        ("", None),
    ],
    ids=["x86", "Grace", "unknown ARM", "strange", "long", "nothing"],
)
def test_the_model(tmp_path: Path, cpuinfo: str, model: str | None) -> None:
    found = facts(write(tmp_path, proc__cpuinfo=cpuinfo)).get("cpu", {})
    assert found.get("model") == model


def test_sockets_and_cores_are_counted(tmp_path: Path) -> None:
    assert facts(topology(tmp_path, 2, 3, 2))["cpu"] == {"sockets": 2, "cores": 6, "numa_nodes": 2}


def test_memory_kernel_and_page_size(tmp_path: Path) -> None:
    found = facts(
        write(
            tmp_path,
            proc__meminfo="MemTotal:       502046316 kB\nMemFree:  1 kB\n",
            proc__sys__kernel__osrelease="6.8.0-1015-acme-secret-64k\n",
        )
    )
    assert (found["memory_bytes"], found["kernel"]) == (502046316 * 1024, "6.8.0")
    assert found["page_bytes"] % 4096 == 0


def test_the_least_limit_of_all_groups_holds(tmp_path: Path) -> None:
    write(
        tmp_path,
        proc__self__cgroup="0::/system.slice/job\n",
        **{"sys__fs__cgroup__system.slice__cpu.max": "400000 100000\n"},
        **{"sys__fs__cgroup__system.slice__memory.max": "max\n"},
        **{"sys__fs__cgroup__system.slice__job__cpu.max": "150000 100000\n"},
        **{"sys__fs__cgroup__system.slice__job__memory.max": "1073741824\n"},
    )
    found = facts(tmp_path)
    assert (found["cpu_limit_millicpus"], found["memory_limit_bytes"]) == (1500, 1 << 30)


@pytest.mark.parametrize("text", ["max 100000", "", "x", "1 0", "100000"])
def test_no_limit(tmp_path: Path, text: str) -> None:
    found = facts(write(tmp_path, proc__self__cgroup="0::/\n", **{"sys__fs__cgroup__cpu.max": text}))
    assert "cpu_limit_millicpus" not in found


def test_where_nothing_can_be_read_little_is_said(tmp_path: Path) -> None:
    assert {*facts(tmp_path)} <= {"cpu_count", "cpus_usable", "page_bytes"}


@pytest.mark.skipif(platform.system() != "Linux", reason="reads what Linux shows")
def test_this_machine() -> None:
    found = facts()
    assert 1 <= found["cpus_usable"] <= found["cpu_count"]
    assert found["memory_bytes"] > 1 << 20
    assert platform.release().startswith(found["kernel"])
