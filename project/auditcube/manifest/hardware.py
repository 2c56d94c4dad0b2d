"""The machine under the client: processor, memory, and what a container's limits leave of them.

Every value is read by itself and checked before it is believed; one that cannot be read, or is of another form, is left
out. Nothing here names the machine: no host name, serial number or address.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MODEL = r"[A-Za-z0-9 ._()@/+-]{1,100}"
_MOST = 2**53 - 1
# ARM names its processors by numbers alone: (implementer, part) -> the name in ARM's own documents.
_ARM = {
    ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd40"): "Neoverse-V1",
    ("0x41", "0xd49"): "Neoverse-N2",
    ("0x41", "0xd4f"): "Neoverse-V2",  # Grace: GH200, GB200, GB300
    ("0xc0", "0xac3"): "Ampere-1",
}


def facts(root: Path = Path("/")) -> dict[str, Any]:
    """Members of `environment`, from below `root`; `cpus_usable` is of this process."""
    values: dict[str, Any] = {
        "cpu_count": os.cpu_count() or 1,
        "cpus_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "cpu": _cpu(root) or None,
        "memory_bytes": _memory_bytes(root),
        "cpu_limit_millicpus": min(_cpu_limits(root), default=None),
        "memory_limit_bytes": min(_memory_limits(root), default=None),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "kernel": _kernel(root),
    }
    return {name: value for name, value in values.items() if value is not None}


def _cpu(root: Path) -> dict[str, Any]:
    folder = root / "sys/devices/system/cpu"
    places = [(_text(cpu / "physical_package_id"), _text(cpu / "core_id")) for cpu in folder.glob("cpu[0-9]*/topology")]
    cores = {(package, core) for package, core in places if package.isdigit() and core.isdigit()}
    nodes = [*(root / "sys/devices/system/node").glob("node[0-9]*")]
    values = {
        "model": _model(root),
        "sockets": len({package for package, _ in cores}) or None,
        "cores": len(cores) or None,
        "numa_nodes": len(nodes) or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _model(root: Path) -> str | None:
    told = dict(re.findall(r"^([A-Za-z ]+?)\s*:\s*(.*?)\s*$", _text(root / "proc/cpuinfo"), re.MULTILINE))
    part = (told.get("CPU implementer", ""), told.get("CPU part", ""))
    name = told.get("model name") or _ARM.get(part) or (f"ARM {part[0]} {part[1]}" if all(part) else "")
    return name if re.fullmatch(_MODEL, name) else None


def _memory_bytes(root: Path) -> int | None:
    found = re.search(r"^MemTotal:\s+([0-9]{1,12}) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _cpu_limits(root: Path) -> Iterator[int]:
    for folder in _groups(root):
        if found := re.fullmatch(r"([0-9]{1,12}) ([1-9][0-9]{0,11})", _text(folder / "cpu.max")):
            yield int(found[1]) * 1000 // int(found[2])


def _memory_limits(root: Path) -> Iterator[int]:
    for folder in _groups(root):
        if re.fullmatch("[0-9]{1,16}", limit := _text(folder / "memory.max")) and int(limit) <= _MOST:
            yield int(limit)


def _groups(root: Path) -> Iterator[Path]:
    """The control group of this process (version 2) and all above it: the least of their limits holds."""
    found = re.search(r"^0::(/.*)$", _text(root / "proc/self/cgroup"), re.MULTILINE)
    names = [name for name in (found[1] if found else "/").split("/") if name not in ("", ".", "..")]
    for depth in range(len(names) + 1):
        yield root.joinpath("sys/fs/cgroup", *names[:depth])


def _kernel(root: Path) -> str | None:
    """Its version's numbers; what a builder appends to them may be a name."""
    found = re.match(r"[0-9]+\.[0-9]+(\.[0-9]+)?", _text(root / "proc/sys/kernel/osrelease"))
    return found[0] if found else None


def _text(path: Path) -> str:
    """A small file's text, or nothing."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20).strip()
    except OSError:
        return ""
