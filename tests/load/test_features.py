"""What an endpoint's settings change, on real servers: several URLs, sockets, warm connections, retries, limits."""

from __future__ import annotations

import email.utils
import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import SetupFailed
from auditcube.load import worker
from auditcube.load.share import Endpoint
from auditcube.load.target import Target
from builders import load_of, planned, schedule_of
from load.raw_server import VIDEO, Behaviour, RawServer, Talk, answer, chunked, honest
from load.running import Event, endpoint_of, one_after_another, ran, share_of, statuses
from load.test_issuer import Gauge


def several(*urls: str, **more: Any) -> Endpoint:
    path = endpoint_of(urls[0]).targets[0].path
    return replace(endpoint_of(urls[0], **more), targets=tuple(Target(url, path) for url in urls))


@pytest.mark.parametrize(("queries", "shares"), [(9, [3, 3, 3]), (10, [4, 3, 3]), (1, [1, 0, 0])])
def test_several_urls_in_turn(tmp_path: Path, queries: int, shares: list[int]) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(RawServer(honest)) for _ in shares]
        events = ran(tmp_path, several(*(server.url for server in servers)), queries)
        assert [len(server.requests) for server in servers] == shares
    assert statuses(events) == ["ok"] * queries


def test_the_least_busy_of_several_urls(tmp_path: Path) -> None:
    """One answers only when the other has answered all the rest."""
    others = 11

    def stuck(talk: Talk) -> None:
        while talk.request() is not None:
            while len(fast.requests) < others:
                time.sleep(0.005)
            talk.send(answer())

    with RawServer(stuck) as slow, RawServer(honest) as fast:
        schedule = schedule_of(others + 1, load_of(max_in_flight=2))
        events = ran(tmp_path, several(slow.url, fast.url, balance="least_in_flight"), schedule)
        assert (len(slow.requests), len(fast.requests)) == (1, others)
    assert statuses(events) == ["ok"] * (others + 1)


def test_one_of_two_urls_is_dead(tmp_path: Path) -> None:
    with RawServer(honest) as server:
        events = ran(tmp_path, several(server.url, "http://127.0.0.1:1"), 6)
    assert statuses(events) == ["ok", "transport_error"] * 3


@contextmanager
def on_a_socket(path: Path, behave: Behaviour = honest) -> Iterator[RawServer]:
    """A server behind a Unix socket, which is what a RawServer is given in place of its own listener."""
    server = RawServer(behave)
    server._listener.close()
    server._listener = socket.socket(socket.AF_UNIX)
    server._listener.bind(str(path))
    server._listener.listen()
    with server:
        yield server


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "a socket"
    with on_a_socket(path) as server:
        url = f"http+unix://{str(path).replace('/', '%2F').replace(' ', '%20')}"
        assert statuses(ran(tmp_path, endpoint_of(url), 3)) == ["ok"] * 3
        assert {request.headers["Host"] for request in server.requests} == {"localhost"}
    assert server.connections == 1


@pytest.mark.parametrize(
    ("queries", "bound", "connections"), [(3, 64, 3), (10, 4, 4), (10, 1, 1)], ids=["few queries", "a bound", "one"]
)
def test_no_more_connections_are_warm_than_queries_will_need(
    tmp_path: Path, queries: int, bound: int, connections: int
) -> None:
    schedule = schedule_of(queries, load_of(max_in_flight=bound))
    with RawServer(Gauge(0.0, min(queries, bound))) as server:
        assert statuses(ran(tmp_path, endpoint_of(server.url, warm_connections=True), schedule)) == ["ok"] * queries
        assert server.connections == connections


def test_what_cannot_be_warmed_is_left_to_the_queries(tmp_path: Path) -> None:
    events = ran(tmp_path, endpoint_of("http://127.0.0.1:1", warm_connections=True), 3)
    assert statuses(events) == ["transport_error"] * 3


def busy(times: int, *headers: str, status: str = "503 Busy") -> Any:
    """Says so many times that it is busy, then answers."""

    def behave(talk: Talk) -> None:
        while talk.request() is not None:
            left = times - len(talk._server.requests) + 1
            talk.send(answer(b"{}", status, *headers) if left > 0 else answer())

    return behave


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_busy_is_an_error_and_is_not_tried_again(tmp_path: Path, status: str) -> None:
    with RawServer(busy(1, "Retry-After: 0", status=status)) as server:
        events = ran(tmp_path, endpoint_of(server.url), 2)
    assert statuses(events) == ["http_error", "ok"]
    assert "tries" not in events[0]


def tried(folder: Path, behave: Any, retries: int) -> Event:
    with RawServer(behave) as server:
        (event,) = ran(folder, endpoint_of(server.url, retries=retries), one_after_another(1))
    return event


def test_a_retry_is_told_and_the_clock_of_the_query_goes_on(tmp_path: Path) -> None:
    event = tried(tmp_path, busy(2, "Retry-After: 1"), 2)
    assert (event["status"], event["tries"]) == ("ok", 3)
    assert event["done_ns"] - event["issued_ns"] >= 2e9


def test_retries_have_an_end(tmp_path: Path) -> None:
    event = tried(tmp_path, busy(9, "Retry-After: 0"), 2)
    assert (event["status"], event["tries"], event["http_status"]) == ("http_error", 3, 503)


@pytest.mark.parametrize("told", [email.utils.formatdate(0, usegmt=True), "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_date_to_come_back_at(tmp_path: Path, told: str) -> None:
    assert tried(tmp_path, busy(1, f"Retry-After: {told}"), 1)["tries"] == 2


@pytest.mark.parametrize("told", ["soon", "-1", "1e9999", "9" * 400, "\xb2", ""])
def test_nonsense_means_a_second(tmp_path: Path, told: str) -> None:
    event = tried(tmp_path, busy(1, f"Retry-After: {told}"), 1)
    assert event["tries"] == 2
    assert event["done_ns"] - event["issued_ns"] >= 1e9


def test_other_errors_are_never_tried_again(tmp_path: Path) -> None:
    event = tried(tmp_path, busy(1, "Retry-After: 0", status="500 Oops"), 5)
    assert (event["status"], "tries" in event) == ("http_error", False)


def test_the_maximum_duration_ends_a_query_that_waits(tmp_path: Path) -> None:
    schedule = one_after_another(1, max_duration_s=0.3)
    with RawServer(busy(9, "Retry-After: 60")) as server:
        (event,) = ran(tmp_path, endpoint_of(server.url, retries=5), schedule)
    assert event["status"] == "cancelled"


def test_the_timeout_ends_a_query_that_waits(tmp_path: Path) -> None:
    with RawServer(busy(9, "Retry-After: 60")) as server:
        (event,) = ran(tmp_path, endpoint_of(server.url, retries=5, timeout_s=0.5), one_after_another(1))
        assert len(server.requests) == 1
    assert (event["status"], event["tries"]) == ("timeout", 2)
    assert "http_status" not in event


def test_a_date_that_is_none_ends_no_run(tmp_path: Path) -> None:
    event = tried(tmp_path, busy(1, f"Retry-After: Fri, 31 Dec {'9' * 30} 23:59:59 GMT"), 1)
    assert (event["status"], event["tries"]) == ("ok", 2)


def pieces(talk: Talk) -> None:
    while talk.request() is not None:
        chunk = b'data: {"choices": [{"index": 0, "text": "a", "finish_reason": null}]}\n\n'
        end = b'data: {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
        whole = chunked(chunk, chunk, chunk, end, content_type="text/event-stream")
        for part in whole.split(b"data: ", 3)[:-1]:
            talk.send(part + b"data: ")
            time.sleep(0.01)
        talk.send(whole.split(b"data: ", 3)[-1])


@pytest.mark.parametrize("asked", [False, True])
def test_when_each_chunk_came(tmp_path: Path, asked: bool) -> None:
    with RawServer(pieces) as server:
        endpoint = endpoint_of(server.url, api="openai_completions", parameters={"stream": True}, chunk_times=asked)
        events = ran(tmp_path, endpoint, 2)
    path = tmp_path / "chunks.jsonl"
    assert path.exists() == asked
    for line, event in zip(path.read_text().splitlines() if asked else [], events, strict=False):
        told = json.loads(line)
        assert (told["ordinal"], told["sample"]) == (event["ordinal"], event["sample"])
        assert len(told["chunk_ns"]) == event["chunks"] == 3
        assert told["chunk_ns"] == sorted(told["chunk_ns"])
        assert (told["chunk_ns"][0], told["chunk_ns"][-1]) == (event["first_ns"], event["last_ns"])


def endless(talk: Talk) -> None:
    """100 MB of an answer."""
    if talk.request() is not None:
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(100):
            talk.send(b" " * 1_000_000)


MEASURED = """
import pickle, sys
sys.path = {path!r}
from pathlib import Path
import uvloop
from load.running import _until_ended
uvloop.run(_until_ended(pickle.loads({share!r})))
# Not ru_maxrss, which a new process inherits from the one that started it.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_an_answer_of_a_hundred_megabytes_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    with RawServer(endless) as server:
        share = share_of(tmp_path, endpoint_of(server.url, max_answer_bytes=2**22), one_after_another(1))
        program = MEASURED.format(path=[*sys.path, str(Path(__file__).parents[1])], share=pickle.dumps(share))
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    (event,) = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()[1:-1]]
    assert (event["status"], event["error"]) == (
        "decode_error",
        "the answer is larger than endpoint.max_answer_bytes (4194304)",
    )
    assert int(done.stdout) < 200_000  # KiB, with numpy and the tests' own modules


def test_a_small_answer_that_inflates_to_a_large_one_is_refused(tmp_path: Path) -> None:
    import gzip

    bomb = gzip.compress(b" " * 100_000_000)

    def behave(talk: Talk) -> None:
        while talk.request() is not None:
            talk.send(answer(bomb, "200 OK", "Content-Encoding: gzip"))

    with RawServer(behave) as server:
        (event,) = ran(tmp_path, endpoint_of(server.url, max_answer_bytes=2**20), one_after_another(1))
    assert event["status"] == "decode_error"
    assert "larger than endpoint.max_answer_bytes" in event["error"]


def test_a_name_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    look_up = socket.getaddrinfo

    def counted(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", counted)

    def closing(talk: Talk) -> None:
        if talk.request() is not None:
            talk.send(answer(VIDEO, "200 OK", "Connection: close"))

    with RawServer(closing) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        assert statuses(ran(tmp_path, endpoint_of(url), schedule_of(20))) == ["ok"] * 20
    assert asked == ["localhost"]


def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with RawServer(honest) as server:
        assert statuses(ran(tmp_path, endpoint_of(server.url), 2)) == ["ok"] * 2


def test_workers_stay_on_the_cpus_they_are_given(tmp_path: Path) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    try:
        for number in range(3):
            endpoint = replace(endpoint_of("http://127.0.0.1:1"), cpus=tuple(allowed))
            worker._pin(replace(share_of(tmp_path, endpoint, one_after_another(1)), worker=number))
            assert os.sched_getaffinity(0) == {allowed[number % len(allowed)]}
            os.sched_setaffinity(0, allowed)
        endpoint = replace(endpoint_of("http://127.0.0.1:1"), cpus=(100_000,))
        with pytest.raises(SetupFailed, match=r"load\.cpus: CPU 100000 is not to be had here"):
            worker._pin(share_of(tmp_path, endpoint, one_after_another(1)))
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_same_seeds_give_the_same_plan_on_any_number_of_workers(tmp_path: Path, workers: int) -> None:
    from auditcube.load.pacing import queries_of

    schedule = schedule_of(5000, load_of(workers=workers))
    shares = [queries_of(schedule, number, workers) for number in range(workers)]
    together = {}
    for share in shares:
        for ordinal, row in share:
            if ordinal >= 5000:
                break
            together[ordinal] = row
    assert [(n, *together[n]) for n in range(5000)] == planned(schedule)
    assert schedule.digest() == schedule_of(5000, load_of()).digest()


def test_a_query_that_waits_for_its_retry_keeps_its_lane_busy(tmp_path: Path) -> None:
    with RawServer(busy(1, "Retry-After: 1")) as waiting, RawServer(honest) as free:
        endpoint = several(waiting.url, free.url, balance="least_in_flight", retries=1)
        events = ran(tmp_path, endpoint, schedule_of(6, load_of(max_in_flight=2)))
        assert (len(waiting.requests), len(free.requests)) == (2, 5)
    assert statuses(events) == ["ok"] * 6
