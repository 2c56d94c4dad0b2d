"""Every nuisance, seen in what a real server process answers, counts, or takes."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import time
from pathlib import Path

import pytest

from auditcube.demo.calls import Call, meaning
from auditcube.demo.nuisances import NUISANCES
from auditcube.demo.switches import Context
from auditcube.demo.text import TextJob
from demo.endpoint import CHAT, COMPLETION, VIDEO, Endpoint

CONTEXT = Context(seed=3, preload=frozenset())


def slowdowns(name: str, value: float, count: int, words: int = 1) -> list[float]:
    body = {"prompt": "word " * words}
    call = Call("completion", body["prompt"], body, TextJob("", 0, 1), meaning(COMPLETION, body))
    nuisance = NUISANCES[name].make(value, CONTEXT)
    return [nuisance.slowdown(call, ordinal) for ordinal in range(count)]


def test_warm_up_drifts_from_three_times_to_normal() -> None:
    assert slowdowns("warm_up", 4, 6) == [3.0, 2.5, 2.0, 1.5, 1.0, 1.0]


def test_warm_up_is_seen_from_outside() -> None:
    with Endpoint("--nuisance", "warm_up=1", "--service-ms", "150") as endpoint:
        cold, warm = endpoint.video("a").seconds, endpoint.video("b").seconds
    assert cold >= 0.45
    assert warm < 0.4


def test_jitter_has_its_variation_its_mean_and_its_seed() -> None:
    factors = slowdowns("jitter", 0.4, 3000)
    assert statistics.mean(factors) == pytest.approx(1, abs=0.03)
    assert statistics.stdev(factors) == pytest.approx(0.4, abs=0.04)
    assert factors == slowdowns("jitter", 0.4, 3000)
    assert slowdowns("jitter", 0, 3) == [1, 1, 1]


def test_jitter_is_seen_from_outside() -> None:
    with Endpoint("--nuisance", "jitter=3", "--service-ms", "60") as endpoint:
        times = [endpoint.video(str(i)).seconds for i in range(12)]
    assert max(times) > 3 * min(times)


def test_cost_grows_with_the_prompt() -> None:
    assert slowdowns("cost_by_length", 20, 1, words=60) == [3.0]
    with Endpoint("--nuisance", "cost_by_length=2", "--service-ms", "100") as endpoint:
        assert endpoint.video("one two three four five six seven eight").seconds >= 0.4


def test_errors_have_their_rate_and_are_the_same_for_the_same_seed() -> None:
    def statuses() -> list[int]:
        with Endpoint("--nuisance", "errors=0.5", "--service-ms", "0") as endpoint:
            found = [endpoint.video(str(i)).status for i in range(40)]
            stats = endpoint.stats()
        assert stats["errors"] == found.count(500)
        assert stats["completed"] == stats["computed"] == found.count(200)
        return found

    found = statuses()
    assert set(found) == {200, 500}
    assert 8 <= found.count(500) <= 32
    assert found == statuses()


@pytest.mark.parametrize(
    ("kind", "content_type", "part"),
    [
        ("json", "application/json", b'{"error": {"message": "injected error"'),
        ("text", "text/plain; charset=utf-8", b"injected error\n"),
        ("html", "text/html; charset=utf-8", b"<h1>503</h1>"),
    ],
)
def test_injected_errors_have_the_status_and_the_kind_of_body_asked_for(
    kind: str, content_type: str, part: bytes
) -> None:
    nuisances = ["--nuisance", "errors=1", "--nuisance", "error_status=503"]
    with Endpoint(*nuisances, "--error-body", kind) as endpoint:
        answer = endpoint.video("a fox")
        bad = endpoint.ask(VIDEO, b"{}")
    assert (answer.status, answer.headers["Content-Type"]) == (503, content_type)
    assert part in answer.body
    assert bad.status == 400


def test_a_stalled_server_never_answers_but_still_tells_its_counts() -> None:
    with Endpoint("--nuisance", "stall=2") as endpoint:
        assert [endpoint.video(str(i)).status for i in range(2)] == [200, 200]
        connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=0.5)
        connection.request("POST", VIDEO, json.dumps({"prompt": "x"}))
        with pytest.raises(TimeoutError):
            connection.getresponse()
        assert endpoint.stats()["in_flight"] == 1
        connection.close()
        stats = endpoint.stats_when("aborted", 1)
    assert (stats["requests"], stats["completed"], stats["in_flight"]) == (3, 2, 0)


def test_a_server_that_dies_is_gone_after_its_last_answer(tmp_path: Path) -> None:
    # It leaves its videos behind: not in the system's temporary directory.
    with Endpoint("--nuisance", "die_after=3", "--video-dir", str(tmp_path)) as endpoint:
        assert [endpoint.video(str(i)).status for i in range(3)] == [200] * 3
        assert endpoint.process.wait(10) == 1
        with pytest.raises(OSError, match=r".*"):
            endpoint.video("more")


def test_a_slow_first_byte_costs_time_but_no_slot() -> None:
    with Endpoint("--nuisance", "slow_first_byte=400", "--slots", "1") as endpoint:
        begin = time.monotonic()
        answers = endpoint.together(VIDEO, [{"prompt": str(i)} for i in range(6)])
        together = time.monotonic() - begin
    assert min(answer.seconds for answer in answers) >= 0.4
    assert together < 6 * 0.4


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (VIDEO, {"prompt": "a"}),
        (CHAT, {"messages": [{"role": "user", "content": "a"}]}),
        (COMPLETION, {"prompt": "a", "stream": True}),
    ],
)
def test_malformed_answers_are_cut_under_status_200(path: str, body: object) -> None:
    with Endpoint("--nuisance", "malformed=1", "--service-ms", "0") as endpoint:
        answer = endpoint.ask(path, body)
        stats = endpoint.stats()
    assert answer.status == 200
    assert b"[DONE]" not in answer.body
    last = answer.body.rpartition(b"data: ")[2]
    with pytest.raises(ValueError, match=r".*"):
        json.loads(last)
    assert (stats["malformed"], stats["completed"], stats["errors"]) == (1, 0, 0)


def test_the_connection_is_closed_after_each_answer_and_says_so() -> None:
    with Endpoint("--nuisance", "close_after_each") as endpoint:
        connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=20)
        connection.request("POST", VIDEO, json.dumps({"prompt": "x"}))
        response = connection.getresponse()
        response.read()
        assert response.headers["Connection"] == "close"
        assert connection.sock is None
        connection.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_dribbled_answer_is_whole(stream: bool) -> None:
    body = {"prompt": "a", "max_tokens": 8, "stream": stream}
    with Endpoint() as plain, Endpoint("--nuisance", "byte_at_a_time=100000") as dribbling:
        expected, answer = plain.ask(COMPLETION, body), dribbling.ask(COMPLETION, body)
        with socket.create_connection(("127.0.0.1", dribbling.port), timeout=20) as client:
            data = json.dumps(body).encode()
            client.sendall(b"POST %b HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (COMPLETION.encode(), len(data), data))
            first = client.recv(65536)
    assert len(answer.body) == len(expected.body)
    # More may have arrived while this process slept, the whole answer only if it slept very long.
    assert len(first) < len(answer.body)


def test_every_nuisance_has_a_test_here() -> None:
    with open(__file__, encoding="utf-8") as source:
        text = source.read()
    assert [name for name in NUISANCES if f'"{name}' not in text] == []
