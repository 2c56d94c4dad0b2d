"""A worker process, driven over its standard streams as the engine does it."""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import SetupFailed
from auditcube.load.share import Share
from auditcube.load.worker import allow_files
from builders import load_of, schedule_of
from load.raw_server import RawServer, Talk, honest
from load.running import endpoint_of, read, share_of, statuses

MAIN = "from auditcube.load.worker import main; main()"


class Worker:
    """A worker; use it in `with`."""

    def __init__(self, share: Share, before: str = "") -> None:
        program = f"import sys; sys.path = {sys.path!r}; {before}\n{MAIN}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.write(pickle.dumps(share))

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def go(self) -> None:
        assert self.hear() == {"ready": 0}
        self.write(b"%d\n" % time.monotonic_ns())

    def rest(self) -> tuple[int, list[Any], str]:
        """Close its input; its exit code, what else it said, its complaints."""
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


def silent(talk: Talk) -> None:
    talk.until_closed()


def test_what_a_worker_says(tmp_path: Path) -> None:
    with RawServer(honest) as server, Worker(share_of(tmp_path, endpoint_of(server.url), schedule_of(5))) as worker:
        worker.go()
        last = worker.hear()
        while "end" not in last:
            last = worker.hear()
        assert worker.rest() == (0, [], "")
    assert last.pop("first_issue_ns") >= 0
    assert last == {"issued": 5, "done": 5, "errors": 0, "end": "completed"}
    assert statuses(read(tmp_path)[0]) == ["ok"] * 5


def test_a_worker_whose_parent_goes_before_the_start_sends_nothing(tmp_path: Path) -> None:
    with RawServer(honest) as server, Worker(share_of(tmp_path, endpoint_of(server.url), schedule_of(5))) as worker:
        assert worker.hear() == {"ready": 0}
        assert worker.rest() == (0, [], "")
        assert server.connections == 0


def test_a_worker_without_a_share_just_ends() -> None:
    program = f"import sys; sys.path = {sys.path!r}; {MAIN}"
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_worker_ends_with_its_input_and_leaves_signals_to_its_parent(tmp_path: Path) -> None:
    with RawServer(silent) as server, Worker(share_of(tmp_path, endpoint_of(server.url), schedule_of(5))) as worker:
        worker.go()
        while worker.hear()["issued"] < 5:
            pass
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(worker.process.pid, signum)
        assert worker.hear()["done"] == 0
        begin = time.monotonic()
        code, said, complaints = worker.rest()
        assert time.monotonic() - begin < 2
        assert (code, complaints) == (0, "")
        assert said[-1]["end"] == "interrupted"
    events, ends = read(tmp_path)
    assert statuses(events) == ["cancelled"] * 5
    assert [end["reason"] for end in ends] == ["interrupted"]


PARENT = """
import pickle, sys
sys.path = {path!r}
from pathlib import Path
from auditcube.load.crew import Crew
from auditcube.load.engine import execute
schedule, endpoint, samples = pickle.loads({job!r})
execute(schedule, endpoint, samples, "run-id", Path({folder!r}), lambda told: print(told.issued, flush=True), Crew())
"""


@pytest.mark.parametrize("workers", [1, 3])
def test_a_worker_whose_parent_is_killed_ends_itself(tmp_path: Path, workers: int) -> None:
    with RawServer(silent) as server:
        schedule = schedule_of(6, load_of(workers=workers))
        share = share_of(tmp_path, endpoint_of(server.url), schedule)
        job = pickle.dumps((schedule, endpoint_of(server.url), share.samples))
        program = PARENT.format(path=sys.path, job=job, folder=str(tmp_path))
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout
            while int(parent.stdout.readline()) < 6:
                pass
            parent.kill()
            parent.wait()
            begin = time.monotonic()
            # Every worker holds the write end of its own pipe only, which this process has none of: wait for the files.
            while sum(b'"end"' in path.read_bytes() for path in tmp_path.glob("events*")) < workers:
                assert time.monotonic() - begin < 2
                time.sleep(0.02)
    events, ends = read(tmp_path)
    assert statuses(events) == ["cancelled"] * 6
    assert [end["reason"] for end in ends] == ["interrupted"] * workers


BUGS = {
    "a decoder's end": "import auditcube.adapters.videogen as v; v.VideoDecoder.finish = lambda self: {}['x']",
    "a decoder": "import auditcube.adapters.videogen as v; v.VideoDecoder.feed = lambda self, data, now_ns: {}['x']",
    "an adapter": "import auditcube.adapters.videogen as v; v.Videogen.encode = lambda *_: {}['x']",
    "an event": "import auditcube.load.issuer as i; i.to_lines = lambda events: {}['x']",
}


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_of_ours_ends_the_run_and_is_no_failure_of_the_endpoint(tmp_path: Path, bug: str) -> None:
    with RawServer(honest) as server:
        share = share_of(tmp_path, endpoint_of(server.url), schedule_of(5))
        with Worker(share, bug) as worker:
            worker.go()
            while not {"bug", "end"} & (said := worker.hear()).keys():
                pass
            assert said["bug"].startswith("KeyError in ")
            assert worker.rest() == (0, [], "")
    assert read(tmp_path) == ([], [])


@pytest.mark.parametrize("problem", ["key", "ca_file", "events"])
def test_what_cannot_be_set_up_is_said_before_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    monkeypatch.setenv("A_KEY", "a\nb")
    share = share_of(tmp_path, endpoint_of("https://127.0.0.1:1"), schedule_of(1))
    if problem == "key":
        share = replace(share, endpoint=replace(share.endpoint, api_key_env="A_KEY"))
    elif problem == "ca_file":
        share = replace(share, endpoint=endpoint_of("https://127.0.0.1:1", ca_file="/no/such/file"))
    else:
        share.file("events").write_text("here already")
    with Worker(share) as worker:
        named = {"key": "A_KEY", "ca_file": "/no/such/file", "events": str(share.file("events"))}
        assert named[problem] in worker.hear()["failed"]
        assert worker.rest() == (0, [], "")


@pytest.mark.parametrize(
    ("in_flight", "workers", "hard", "wanted"),
    [(100, 1, 4096, 256), (1000, 1, 4096, 1032), (1000, 4, 4096, 282), (4064, 1, 4096, 4096), (None, 1, 4096, 4096)],
)
def test_as_many_files_as_the_load_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_flight: int | None, workers: int, hard: int, wanted: int
) -> None:
    limits = [256, hard]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.__setitem__(slice(None), new))
    schedule = schedule_of(1, load_of(max_in_flight=in_flight, workers=workers))
    allow_files(share_of(tmp_path, endpoint_of(""), schedule))
    assert limits == [wanted, hard]


def test_more_files_than_allowed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    schedule = schedule_of(1, load_of(max_in_flight=5000))
    with pytest.raises(SetupFailed, match=r"load\.max_in_flight: 5000 .* 5032 .* 4096 .*ulimit"):
        allow_files(share_of(tmp_path, endpoint_of(""), schedule))
