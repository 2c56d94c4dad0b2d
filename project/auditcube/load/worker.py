"""A worker: sends its share of a schedule and writes one event per query. Shares nothing with other workers.

It runs as a process of its own (started by `load.engine`), driven over its standard streams:
a pickled `Share` comes in, then the origin of the run's clock; status lines go out. When its input ends, because the
run is to stop or because its parent died, it cancels what is in flight, writes that down and exits.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import resource
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import uvloop

from auditcube.errors import SetupFailed
from auditcube.load.issuer import Run
from auditcube.load.share import Share

_STATUS_INTERVAL_S = 0.2
_OWN_FILES = 32  # files that a worker has open besides its connections, generously
_MOST_FILES = 2**20


def main() -> None:
    """Read a share from standard input, say that we are ready, wait for the origin, run."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # the parent decides; it closes our input
    with suppress(EOFError, BrokenPipeError):  # the parent has gone: nobody is left to be told
        share: Share = pickle.load(sys.stdin.buffer)
        try:
            allow_files(share)
            _pin(share)
            uvloop.run(_drive(share))
        except BrokenPipeError:
            raise
        except (SetupFailed, OSError) as problem:
            _say({"failed": str(problem)})
        except Exception as bug:  # noqa: BLE001 - the outermost frame of this process
            frame = traceback.extract_tb(bug.__traceback__)[-1]
            # No values, which an exception's text could hold.
            _say({"bug": f"{type(bug).__name__} in {Path(frame.filename).name}, line {frame.lineno}"})


def allow_files(share: Share) -> None:
    """Raise our limit of open files to what the load needs. Raises SetupFailed if that is not allowed."""
    load = share.schedule.load
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else hard
    wanted = most if load.max_in_flight is None else -(-load.max_in_flight // load.workers) + _OWN_FILES
    if wanted > most:
        raise SetupFailed(
            f"load.max_in_flight: {load.max_in_flight} queries in flight on {load.workers} worker(s) need {wanted} "
            f"open files each, but only {most} are allowed; raise the limit (ulimit -n), or ask for less"
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _pin(share: Share) -> None:
    """Stay on the CPU that the config gives to this worker. Raises SetupFailed if it may not."""
    cpus = share.endpoint.cpus
    if cpus:
        cpu = cpus[share.worker % len(cpus)]
        try:
            os.sched_setaffinity(0, {cpu})
        except (OSError, ValueError) as problem:
            allowed = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
            raise SetupFailed(f"load.cpus: CPU {cpu} is not to be had here; there are {allowed}") from problem


async def _drive(share: Share) -> None:
    loop = asyncio.get_running_loop()
    run = Run(share)
    loop.set_exception_handler(lambda _, context: _unforeseen(run, context))
    await run.prepare()
    # What lives until the end is never looked through again; what a query leaves behind goes without the collector.
    gc.collect()
    gc.freeze()
    _say({"ready": share.worker})
    if not (line := sys.stdin.buffer.readline()):
        return  # the parent has gone, or changed its mind
    loop.add_reader(sys.stdin.fileno(), run.stop)
    reporter = loop.create_task(_report(run))
    try:
        end = await run.until_ended(int(line))
    finally:
        reporter.cancel()
    _say({**run.counts(), "end": end.value})


def _unforeseen(run: Run, context: Mapping[str, Any]) -> None:
    """What no code of ours caught: a bug, unless a connection or a pipe just broke (of which others hear)."""
    problem = context.get("exception")
    if isinstance(problem, Exception) and not isinstance(problem, OSError):
        run.broken(problem)


async def _report(run: Run) -> None:
    while True:
        await asyncio.sleep(_STATUS_INTERVAL_S)
        _say(run.counts())


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()
