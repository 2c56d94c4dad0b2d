"""Runs a schedule against an endpoint with share-nothing worker processes, and leaves its evidence in a directory.

The engine writes schedule.json, with its digest, before the first request; each worker writes its own file of events.
It never learns the name of an audit: a `RunSpec` is all it knows.
"""

from __future__ import annotations

import os
import pickle
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from auditcube.dataset import Sample
from auditcube.errors import RunBroken, SetupFailed
from auditcube.evidence.files import write_atomically
from auditcube.load.crew import Crew
from auditcube.load.schedule import Schedule
from auditcube.load.share import Endpoint, Share

_HEAD_START_NS = 5_000_000  # between the word to go and the run's origin: the workers are then already waiting
_STOP_S = 1.2  # how long workers may take to write down what they cancelled


@dataclass(frozen=True)
class Counts:
    """How far a run is; `since_first_s` counts from the first query, so start-up is in no rate."""

    issued: int = 0
    done: int = 0
    errors: int = 0
    since_first_s: float = 0.0


Watch = Callable[[Counts], None]


def execute(
    schedule: Schedule, endpoint: Endpoint, samples: Mapping[int, Sample], run_id: str, directory: Path, watch: Watch,
    crew: Crew,
) -> None:  # fmt: skip
    """Make one run with workers of the crew, and return when it has ended; `watch` hears of its progress a few times a
    second.

    Raises SetupFailed if the evidence cannot be written, RunBroken if a worker dies. An exception that a signal
    handler raises stops the workers at once; what they had sent is then recorded as cancelled.
    """
    plan = schedule.to_json()
    write_atomically(directory / "schedule.json", orjson.dumps(plan, option=orjson.OPT_APPEND_NEWLINE))
    shares = [
        Share(run_id, schedule, plan["schedule_sha256"], worker, samples, endpoint, directory)
        for worker in range(schedule.load.workers)
    ]
    workers: list[_Worker] = []
    try:
        for share in shares:
            workers.append(_Worker(share, crew.take()))
        for worker in workers:
            worker.instruct()
        for worker in workers:
            worker.await_ready()
        origin_ns = time.monotonic_ns() + _HEAD_START_NS
        for worker in workers:
            worker.go(origin_ns)
        _follow(workers, origin_ns, watch)
    finally:
        _stop(workers)


class _Worker:
    """A worker process."""

    def __init__(self, share: Share, process: subprocess.Popen[bytes]) -> None:
        self._share = share
        self._heard = b""
        self.counts: dict[str, int] = {}
        self.ready = False
        self.ended = False
        self.process = process

    @property
    def input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def instruct(self) -> None:
        self._write(pickle.dumps(self._share))

    def await_ready(self) -> None:
        while not self.ready:
            self.hear()

    def go(self, origin_ns: int) -> None:
        self._write(b"%d\n" % origin_ns)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self.input.write(view) :]
        except OSError as problem:
            raise RunBroken(f"worker {self._share.worker} could not be started: {problem}") from problem

    def hear(self) -> None:
        """Read what the worker says; waits until it says something."""
        data = os.read(self.output.fileno(), 65536)
        if not data:
            code = self.process.wait()
            raise RunBroken(f"worker {self._share.worker} of run {self._share.schedule.spec.label} died (exit {code})")
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            self._take(orjson.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        if "failed" in message:
            raise SetupFailed(message["failed"])
        if "bug" in message:
            raise RuntimeError(f"worker {self._share.worker}: {message['bug']}")
        if "ready" in message:
            self.ready = True
            return
        self.ended = "end" in message
        self.counts = message


def _stop(workers: list[_Worker]) -> None:
    """Have all workers write down what they cancel, and end them in any case."""
    for worker in workers:
        with suppress(OSError):
            worker.input.close()
    deadline = time.monotonic() + _STOP_S
    for worker in workers:
        try:
            worker.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        worker.output.close()


def _follow(workers: list[_Worker], origin_ns: int, watch: Watch) -> None:
    """Listen to all workers until each has ended."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.output, selectors.EVENT_READ, worker)
        while selector.get_map():
            for key, _ in selector.select():
                worker = key.data
                worker.hear()
                if worker.ended:
                    selector.unregister(worker.output)
            watch(_sum([worker.counts for worker in workers], time.monotonic_ns() - origin_ns))


def _sum(counts: list[dict[str, int]], now_ns: int) -> Counts:
    firsts = [count["first_issue_ns"] for count in counts if count.get("first_issue_ns", -1) >= 0]
    return Counts(
        issued=sum(count.get("issued", 0) for count in counts),
        done=sum(count.get("done", 0) for count in counts),
        errors=sum(count.get("errors", 0) for count in counts),
        since_first_s=(now_ns - min(firsts)) / 1e9 if firsts else 0.0,
    )
