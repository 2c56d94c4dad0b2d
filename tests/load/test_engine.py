"""The engine and its worker processes, on a real little server: shares, counts, ends, broken workers, full disks."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import Interrupted, RunBroken, SetupFailed
from auditcube.load.crew import Crew
from auditcube.load.engine import Counts, execute
from auditcube.load.schedule import Schedule
from auditcube.load.share import Endpoint
from auditcube.scenario import Scenario
from builders import load_of, planned, schedule_of
from load.raw_server import RawServer, Talk, honest
from load.running import endpoint_of, read, samples, statuses
from load.test_issuer import Gauge


def nothing(counts: Counts) -> None:
    pass


def made(folder: Path, endpoint: Endpoint, schedule: Schedule, watch: Callable[[Counts], None] = nothing) -> None:
    execute(schedule, endpoint, samples(), "run-id", folder, watch, Crew())


def silent(talk: Talk) -> None:
    talk.until_closed()


def children() -> set[int]:
    """Our child processes."""
    path = Path(f"/proc/{os.getpid()}/task")
    found: set[int] = set()
    for task in path.iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread may end while we look
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


@pytest.fixture(autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_does_the_same_work(tmp_path: Path, workers: int) -> None:
    load = load_of(max_in_flight=7, workers=workers)
    schedule = schedule_of(40, load, capture=0.5)
    heard: list[Counts] = []
    with RawServer(gauge := Gauge(0.01, awaited=7)) as server:
        made(tmp_path, endpoint_of(server.url), schedule, heard.append)
        sent = sorted(request.json["prompt"] for request in server.requests)
    events, ends = read(tmp_path)
    assert [(event["ordinal"], event["sample"]) for event in events] == [
        (q.ordinal, q.sample) for q in planned(schedule)
    ]
    assert statuses(events) == ["ok"] * 40
    assert [end["reason"] for end in ends] == ["completed"] * workers
    assert (gauge.most, gauge.served) == (7, 40)
    assert sent == sorted(f"prompt {event['sample']}" for event in events)
    assert (heard[-1].issued, heard[-1].done, heard[-1].errors) == (40, 40, 0)
    assert heard[-1].since_first_s > 0
    kept = [json.loads(line) for path in tmp_path.glob("outputs*.jsonl") for line in path.read_text().splitlines()]
    assert sorted(line["ordinal"] for line in kept) == [n for n in range(40) if schedule.captures(n)]


def test_the_files_of_a_run(tmp_path: Path) -> None:
    schedule = schedule_of(4, load_of(workers=2))
    with RawServer(honest) as server:
        made(tmp_path / "new" / "folder", endpoint_of(server.url), schedule)
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["events.1.jsonl", "events.jsonl", "schedule.json"]
    assert json.loads((folder / "schedule.json").read_bytes())["schedule_sha256"] == schedule.digest()
    for worker, name in enumerate(("events.jsonl", "events.1.jsonl")):
        start = json.loads((folder / name).read_bytes().splitlines()[0])["start"]
        assert (start["run_id"], start["worker"], start["workers"]) == ("run-id", worker, 2)
        assert start["schedule_sha256"] == schedule.digest()


def test_more_workers_than_queries(tmp_path: Path) -> None:
    with RawServer(honest) as server:
        made(tmp_path, endpoint_of(server.url), schedule_of(2, load_of(workers=4)))
    assert statuses(read(tmp_path)[0]) == ["ok"] * 2


def test_the_maximum_duration_ends_all_workers(tmp_path: Path) -> None:
    load = load_of(max_in_flight=6, workers=2, max_duration_s=1.0)
    begin = time.monotonic()
    with RawServer(silent) as server:
        made(tmp_path, endpoint_of(server.url), schedule_of(10, load))
    assert time.monotonic() - begin < 6
    events, ends = read(tmp_path)
    assert statuses(events) == ["cancelled"] * 6
    assert [end["reason"] for end in ends] == ["max_duration"] * 2


def test_a_dead_endpoint(tmp_path: Path) -> None:
    heard: list[Counts] = []
    made(tmp_path, endpoint_of("http://127.0.0.1:1"), schedule_of(20), heard.append)
    assert (heard[-1].done, heard[-1].errors) == (20, 20)
    assert statuses(read(tmp_path)[0]) == ["transport_error"] * 20


@pytest.mark.parametrize("workers", [1, 3])
def test_a_killed_worker_breaks_the_run(tmp_path: Path, workers: int) -> None:
    before = children()

    def kill(counts: Counts) -> None:
        if counts.issued == 6:
            os.kill(min(children() - before), signal.SIGKILL)

    with RawServer(silent) as server, pytest.raises(RunBroken, match=r"worker 0 of run reference died \(exit -9\)"):
        made(tmp_path, endpoint_of(server.url), schedule_of(6, load_of(workers=workers)), kill)
    events, ends = read(tmp_path)
    assert len(ends) == workers - 1  # the others wrote down what they cancelled
    assert statuses(events) == ["cancelled"] * (6 * (workers - 1) // workers)


def test_a_stopped_worker_is_ended_in_any_case(tmp_path: Path) -> None:
    """One that does not react when it is told to end."""
    before = children()
    begin = 0.0

    def freeze(counts: Counts) -> None:
        nonlocal begin
        if counts.issued == 6:
            for pid in children() - before:
                os.kill(pid, signal.SIGSTOP)
            begin = time.monotonic()
            raise Interrupted(signal.SIGINT)

    with RawServer(silent) as server, pytest.raises(Interrupted):
        made(tmp_path, endpoint_of(server.url), schedule_of(6, load_of(workers=3)), freeze)
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("workers", [1, 3])
def test_an_interrupted_run_keeps_its_events(tmp_path: Path, workers: int) -> None:
    begin = 0.0

    def interrupt(counts: Counts) -> None:
        nonlocal begin
        if counts.issued == 6:
            begin = time.monotonic()
            raise Interrupted(signal.SIGTERM)

    with RawServer(silent) as server, pytest.raises(Interrupted):
        made(tmp_path, endpoint_of(server.url), schedule_of(6, load_of(workers=workers)), interrupt)
    assert time.monotonic() - begin < 2
    events, ends = read(tmp_path)
    assert statuses(events) == ["cancelled"] * 6
    assert [end["reason"] for end in ends] == ["interrupted"] * workers


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupFailed, match=str(tmp_path / "file" / "run")):
        made(tmp_path / "file" / "run", endpoint_of("http://127.0.0.1:1"), schedule_of(1))


def test_events_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("evidence\n")
    with pytest.raises(SetupFailed, match=str(tmp_path / "events.jsonl")):
        made(tmp_path, endpoint_of("http://127.0.0.1:1"), schedule_of(1))
    assert (tmp_path / "events.jsonl").read_text() == "evidence\n"


LIMITED = """
import pickle, resource, sys
sys.path = {path!r}
from pathlib import Path
from auditcube.errors import AuditCubeError
from auditcube.load.crew import Crew
from auditcube.load.engine import execute
schedule, endpoint, samples = pickle.loads({job!r})
resource.setrlimit(resource.{limit}, ({soft}, {hard}))
try:
    execute(schedule, endpoint, samples, "run-id", Path({folder!r}), lambda counts: None, Crew())
except AuditCubeError as problem:
    print(type(problem).__name__, problem)
"""


def limited(folder: Path, endpoint: Endpoint, schedule: Schedule, limit: str, soft: int, hard: int) -> str:
    """What a run ends in when its processes are under a limit."""
    job = pickle.dumps((schedule, endpoint, samples()))
    program = LIMITED.format(path=sys.path, job=job, limit=limit, soft=soft, hard=hard, folder=str(folder))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_file_that_may_not_grow_is_named(tmp_path: Path) -> None:
    with RawServer(honest) as server:
        told = limited(tmp_path, endpoint_of(server.url), schedule_of(5000), "RLIMIT_FSIZE", 65536, 65536)
    assert told.startswith(f"SetupFailed {tmp_path / 'events.jsonl'}: cannot be written: ")
    assert (tmp_path / "events.jsonl").stat().st_size == 65536


@pytest.mark.parametrize(("in_flight", "refused"), [(300, False), (2000, True)])
def test_connections_beyond_the_limit_of_open_files(tmp_path: Path, in_flight: int, refused: bool) -> None:
    """The soft limit is raised as far as it may be; where that is not enough nothing is sent."""
    schedule = schedule_of(300, load_of(max_in_flight=in_flight))
    with RawServer(Gauge(0.0, awaited=300)) as server:
        told = limited(tmp_path, endpoint_of(server.url), schedule, "RLIMIT_NOFILE", 64, 1024)
        if refused:
            assert told.startswith("SetupFailed load.max_in_flight: 2000 queries in flight")
            assert server.connections == 0
        else:
            assert told == ""
            assert statuses(read(tmp_path)[0]) == ["ok"] * 300


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_full_disk_is_told(full_disk: Path, workers: int) -> None:
    with RawServer(honest) as server, pytest.raises(SetupFailed, match=rf"{full_disk}/events.*no space left"):
        made(full_disk, endpoint_of(server.url), schedule_of(3000, load_of(workers=workers)))
    for path in full_disk.glob("events*.jsonl"):
        *whole, _ = path.read_bytes().split(b"\n")  # what is there can be read, up to a line that is cut
        assert all(json.loads(line) for line in whole)


def test_a_schedule_that_does_not_fit_is_told(full_disk: Path) -> None:
    (full_disk / "ballast").write_bytes(b"x" * 65_536)
    with RawServer(honest) as server:
        with pytest.raises(SetupFailed, match=rf"{full_disk}/schedule\.json.*no space left"):
            made(full_disk, endpoint_of(server.url), schedule_of(3000))
        assert server.connections == 0


def test_a_run_with_many_samples_reaches_its_worker(tmp_path: Path) -> None:
    """More than a pipe holds at once."""
    with RawServer(honest) as server:
        many: Any = {index: type(sample)(index, {"prompt": "x" * 100_000}) for index, sample in samples().items()}
        execute(schedule_of(3), endpoint_of(server.url), many, "run-id", tmp_path, nothing, Crew())
    assert statuses(read(tmp_path)[0]) == ["ok"] * 3


def test_server_arrivals_are_shared(tmp_path: Path) -> None:
    schedule = schedule_of(60, load_of(Scenario.SERVER, target_qps=100.0, workers=3))
    with RawServer(honest) as server:
        made(tmp_path, endpoint_of(server.url), schedule)
    events, _ = read(tmp_path)
    assert [event["due_ns"] for event in events] == [query.due_ns for query in planned(schedule)]
    slips = sorted(event["issued_ns"] - event["due_ns"] for event in events)
    assert slips[0] >= 0
    assert slips[30] < 20e6
