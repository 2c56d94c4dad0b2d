"""A worker: sends its share of a schedule and writes one event per query. Shares nothing with other workers.

It runs as a process of its own (started by `load.engine`), driven over its standard streams:
a pickled `Share` comes in, then the origin of the run's clock; status lines go out. When its input ends, because the
run is to stop or because its parent died, it cancels what is in flight, writes that down and exits.
"""

from __future__ import annotations

import asyncio
import pickle
import signal
import sys
from collections.abc import Mapping
from typing import Any

import orjson
import uvloop

from auditcube.errors import SetupFailed
from auditcube.load.issuer import Run
from auditcube.load.share import Share

_STATUS_INTERVAL_S = 0.2


def main() -> None:
    """Read a share from standard input, say that we are ready, wait for the origin, run."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)  # the parent decides; it closes our input
    share: Share = pickle.load(sys.stdin.buffer)
    try:
        uvloop.run(_drive(share))
    except (SetupFailed, OSError) as problem:
        _say({"failed": str(problem)})


async def _drive(share: Share) -> None:
    loop = asyncio.get_running_loop()
    run = Run(share)
    _say({"ready": share.worker})
    origin_ns = int(
        sys.stdin.buffer.readline() or b"0"
    )  # nothing comes if the parent has gone: the run then ends at once
    loop.add_reader(sys.stdin.fileno(), run.stop)
    reporter = loop.create_task(_report(run))
    try:
        end = await run.until_ended(origin_ns)
    finally:
        reporter.cancel()
    _say({**run.counts, "end": end.value})


async def _report(run: Run) -> None:
    while True:
        await asyncio.sleep(_STATUS_INTERVAL_S)
        _say(run.counts)


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()
