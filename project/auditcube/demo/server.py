"""The endpoint as a process: it says on standard output where it listens; a signal or its parent's end stops it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from auditcube.demo.options import Options, add_arguments, options_from

__all__ = ["Options", "add_arguments", "main", "options_from", "serve"]

_PARENT_POLL_S = 0.2
_SWITCH_INTERVAL_S = 0.001
_BACKLOG = 4096


def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM, then return.

    Prints one line, `{"url": ..., "pid": ...}`, on standard output as soon as it listens. Raises `OSError` when the
    address cannot be had or the video directory not be made.
    """
    # The loop must not wait the usual 5 ms for a thread that computes.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    with _directory(options.video_dir) as video_dir:
        loop = _new_event_loop()
        try:
            loop.run_until_complete(_serve(options, Path(video_dir)))
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


def _directory(named: Path | None) -> AbstractContextManager[str]:
    if named is None:
        return tempfile.TemporaryDirectory(prefix="auditcube-demo-", ignore_cleanup_errors=True)
    named.mkdir(parents=True, exist_ok=True)
    return nullcontext(str(named.resolve()))


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(options: Options, video_dir: Path) -> None:
    # Imported here: `--help` must not wait for it.
    from auditcube.demo.service import Service
    from auditcube.demo.wire import Connection

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    api_key = None if options.require_key_env is None else os.environ[options.require_key_env]
    service = Service(options, video_dir, api_key)
    connections: set[Connection] = set()
    make = partial(Connection, service.handle, connections)
    server = await loop.create_server(make, options.host, options.port, backlog=_BACKLOG)
    ends: list[asyncio.Task[bool]] = [loop.create_task(stop.wait())]
    if options.parent_pid is not None:
        ends.append(loop.create_task(_parent_gone(options.parent_pid)))
    _announce(options.host, server.sockets[0].getsockname()[1])
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    server.close()
    for connection in list(connections):
        connection.abort()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _announce(host: str, port: int) -> None:
    address = f"[{host}]" if ":" in host else host
    print(json.dumps({"url": f"http://{address}:{port}", "pid": os.getpid()}), flush=True)


async def _parent_gone(parent_pid: int) -> bool:
    # Polled: the system tells of a child's end, not of a parent's.
    while os.getppid() == parent_pid:  # noqa: ASYNC110
        await asyncio.sleep(_PARENT_POLL_S)
    return True


def main(arguments: list[str] | None = None) -> int:
    """`python -m auditcube.demo.server`: the endpoint alone. Exit status 2 for bad arguments, 3 if it cannot listen."""
    parser = argparse.ArgumentParser(prog="python -m auditcube.demo.server", description="the demonstration endpoint")
    add_arguments(parser)
    namespace = parser.parse_args(arguments)
    try:
        serve(options_from(namespace))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: cannot serve on {namespace.host}:{namespace.port}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
