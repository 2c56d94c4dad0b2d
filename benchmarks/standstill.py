"""How often a process that does nothing but run is stopped for more than a millisecond, for so many seconds.

`waited` of these `stops` are the kernel's: another process had the CPU. At the others the whole machine stood still,
as a virtual one does whose CPUs others share. `longest_ms` is the longest. No client has less of them.
"""

from __future__ import annotations

import json
import sys
import time

from auditcube.load.lag import cpu_ns

_STOP_NS = 1_000_000


def main() -> None:
    """Look at the clock all the time."""
    stops, of_others = list[int](), 0
    waited = cpu_ns().get("waited", 0)
    last = time.monotonic_ns()
    end = last + round(float(sys.argv[1]) * 1e9)
    while last < end:
        now = time.monotonic_ns()
        if now - last > _STOP_NS:
            stops.append(now - last)
            before, waited = waited, cpu_ns().get("waited", 0)
            of_others += waited - before > stops[-1] / 2
            now = time.monotonic_ns()
        last = now
    print(json.dumps({"stops": len(stops), "waited": of_others, "longest_ms": max(stops, default=0) / 1e6}))


if __name__ == "__main__":
    main()
