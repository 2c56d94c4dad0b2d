"""The process and its HTTP: life and death, the routes, the framing, the counts."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from demo.endpoint import CHAT, COMPLETION, VIDEO, Endpoint, command, environment, video_bytes


def raw(endpoint: Endpoint, *parts: bytes, until: int) -> bytes:
    """Send `parts` one after the other on one connection; what came back with `until` answers in it."""
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            client.sendall(part)
        client.settimeout(20)
        received = b""
        while received.count(b"HTTP/1.1 ") < until or not received.endswith(b"}"):
            data = client.recv(65536)
            if not data:
                break
            received += data
    return received


def post(path: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(data), data)


# Life and death.


def test_it_says_where_it_is_and_ends_cleanly_on_a_signal_even_with_a_request_in_flight() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with Endpoint("--service-ms", "60000") as endpoint:
            assert endpoint.ready == {"url": f"http://127.0.0.1:{endpoint.port}", "pid": endpoint.process.pid}
            with socket.create_connection(("127.0.0.1", endpoint.port)) as client:
                client.sendall(post(VIDEO, {"prompt": "a"}))
                endpoint.stats_when("in_flight", 1)
                endpoint.process.send_signal(number)
                assert endpoint.process.wait(5) == 0
            assert endpoint.process.stdout
            assert endpoint.process.stdout.read() == ""


def test_a_taken_port_and_bad_arguments_have_their_exit_status() -> None:
    with Endpoint() as endpoint:
        taken = subprocess.run(command("--port", str(endpoint.port)), capture_output=True, text=True, env=environment())
    bad = subprocess.run(command("--cheat", "nonsense"), capture_output=True, text=True, env=environment())
    assert (taken.returncode, taken.stdout) == (3, "")
    assert f"error: cannot serve on 127.0.0.1:{endpoint.port}" in taken.stderr
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("error: unknown cheat 'nonsense'")


def test_it_does_not_outlive_its_parent() -> None:
    start = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({command('--exit-with-parent')!r}, stdout=subprocess.PIPE, text=True)\n"
        "print(child.stdout.readline(), end='', flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True, env=environment())
    assert parent.stdout
    port = int(json.loads(parent.stdout.readline())["url"].rpartition(":")[2])
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return
        time.sleep(0.05)
    raise AssertionError("the endpoint still listens")


def test_a_parent_that_was_gone_before_the_start_ends_it_too() -> None:
    late = subprocess.run(command("--exit-with-parent", "99999999"), capture_output=True, env=environment(), timeout=20)
    assert late.returncode == 0


def test_the_temporary_video_directory_goes_with_the_process_and_a_named_one_stays(tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        temporary = Path(endpoint.video("a").json["video_path"])
        assert temporary.read_bytes()[4:8] == b"ftyp"
    with Endpoint("--video-dir", str(tmp_path / "new" / "videos")) as endpoint:
        named = Path(endpoint.video("a").json["video_path"])
    assert not temporary.parent.exists()
    assert named.parent == tmp_path / "new" / "videos"
    assert named.exists()


# Routes and answers.


def test_health_models_and_what_is_not_there() -> None:
    with Endpoint("--model", "wan22") as endpoint:
        assert endpoint.ask("/health").json == {"status": "ok"}
        assert [model["id"] for model in endpoint.ask("/v1/models").json["data"]] == ["wan22"]
        assert endpoint.ask("/v1/nothing").status == 404
        assert endpoint.ask(VIDEO).status == 405
        assert endpoint.ask("/health", {}).status == 405
        assert endpoint.stats()["requests"] == 0


def test_a_video_comes_by_path_in_base64_or_bare() -> None:
    with Endpoint() as endpoint, Endpoint("--raw-mp4") as bare:
        by_path = endpoint.video("a fox", seed=1)
        inline = video_bytes(endpoint.video("a fox", seed=1, response_format="video_bytes"))
        raw_mp4 = bare.video("a fox", seed=1)
        assert Path(by_path.json["video_path"]).read_bytes() == inline == raw_mp4.body
        assert Path(by_path.json["video_path"]).stem == by_path.json["video_id"]
        assert video_bytes(endpoint.video("a fox", seed=2, response_format="video_bytes")) != inline
    assert raw_mp4.headers["Content-Type"] == "video/mp4"


def test_what_is_missing_has_the_default_of_the_benchmark() -> None:
    full = {"size": "1280x720", "num_inference_steps": 20, "num_frames": 81, "response_format": "video_bytes"}
    with Endpoint() as endpoint:
        assert endpoint.video("a", **full).status == 200
        short = video_bytes(endpoint.video("a", num_frames=3, response_format="video_bytes"))
        long = video_bytes(endpoint.video("a", num_frames=81, response_format="video_bytes"))
    assert len(long) > 5 * len(short)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (VIDEO, {}, "prompt: a string is needed"),
        (VIDEO, {"prompt": 3}, "prompt: a string is needed"),
        (VIDEO, {"prompt": "a", "size": "720"}, "size: WIDTHxHEIGHT"),
        (VIDEO, {"prompt": "a", "fps": "16"}, "fps: a number from"),
        (VIDEO, {"prompt": "a", "fps": True}, "fps: a number from"),
        (VIDEO, {"prompt": "a", "num_frames": 0}, "num_frames: a number from 1"),
        (VIDEO, {"prompt": "a", "seed": 1.5}, "seed: a whole number"),
        (VIDEO, {"prompt": "a", "response_format": "gif"}, "response_format: one of video_path, video_bytes"),
        (VIDEO, {"prompt": "a", "output_format": "avi"}, "mp4 only"),
        (VIDEO, [1], "not a JSON object"),
        (VIDEO, b"{", "not JSON"),
        (VIDEO, b"\xff\xfe", "not JSON"),
        (CHAT, {"messages": []}, "messages: a list"),
        (CHAT, {"messages": [{}], "logprobs": 3}, "logprobs: true or false"),
        (CHAT, {"messages": [{}], "n": 2}, "one answer per request"),
        (COMPLETION, {"prompt": ["a", "b"]}, "prompt: a string or a list of token ids"),
        (COMPLETION, {"prompt": "a", "max_tokens": 0}, "max_tokens: a number from 1"),
        (COMPLETION, {"prompt": "a", "stream_options": 1}, "stream_options: an object"),
    ],
)
def test_a_bad_request_is_refused_by_the_name_of_its_field(
    honest: Endpoint, path: str, body: object, message: str
) -> None:
    answer = honest.ask(path, body)
    assert answer.status == 400
    assert message in answer.json["error"]["message"]


def test_unknown_fields_are_ignored_unless_strict() -> None:
    body = {"prompt": "a", "negative_prompt": "b", "frames": 3}
    with Endpoint() as endpoint, Endpoint("--strict-fields") as strict:
        assert endpoint.ask(VIDEO, body).status == 200
        refused = strict.ask(VIDEO, body)
        assert strict.ask(VIDEO, {"prompt": "a", "negative_prompt": "b"}).status == 200
        assert strict.ask(CHAT, {"messages": [{}], "prompt": "a"}).status == 400
        assert strict.stats()["errors"] == 2
    assert (refused.status, refused.json["error"]["message"]) == (400, "unknown field: frames")


def test_a_key_is_asked_for_below_v1() -> None:
    with Endpoint("--require-key-env", "DEMO_KEY", DEMO_KEY="s3cret") as endpoint:
        for path, body in ((VIDEO, {"prompt": "a"}), ("/v1/models", None)):
            assert endpoint.ask(path, body).status == 401
            assert endpoint.ask(path, body, Authorization="Bearer wrong").status == 401
            assert endpoint.ask(path, body, Authorization="Bearer s3cret").status == 200
        stats = endpoint.stats()
    assert (stats["requests"], stats["errors"], stats["completed"]) == (3, 2, 1)


def test_a_chat_answers_with_usage_ids_and_log_probabilities(honest: Endpoint) -> None:
    body = {"messages": [{"role": "user", "content": "one two"}], "max_tokens": 4}
    plain = honest.ask(CHAT, body).json
    rich = honest.ask(CHAT, {**body, "logprobs": True, "top_logprobs": 3, "return_token_ids": True}).json
    assert plain["choices"][0]["logprobs"] is None
    assert "token_ids" not in plain["choices"][0]
    assert rich["usage"] == {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}
    content = rich["choices"][0]["logprobs"]["content"]
    assert "".join(token["token"] for token in content) == rich["choices"][0]["message"]["content"]
    assert [len(token["top_logprobs"]) for token in content] == [3] * 4
    assert len(rich["choices"][0]["token_ids"]) == 4
    assert len(rich["prompt_token_ids"]) == 2


def test_a_prompt_may_be_token_ids(honest: Endpoint) -> None:
    assert honest.ask(COMPLETION, {"prompt": [5, 6, 7]}).json["usage"]["prompt_tokens"] == 3


def test_tokens_are_streamed_as_they_are_due() -> None:
    body = {"prompt": "a", "max_tokens": 4, "stream": True, "ignore_eos": True}
    with Endpoint("--service-ms", "100", "--token-ms", "200") as endpoint:
        connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=20)
        begin = time.monotonic()
        connection.request("POST", COMPLETION, json.dumps(body))
        response = connection.getresponse()
        response.readline()
        first = time.monotonic() - begin
        rest = response.read()
        whole = time.monotonic() - begin
        connection.close()
    assert first >= 0.3
    assert whole >= 0.9
    assert whole - first > 0.3
    assert rest.endswith(b"data: [DONE]\n\n")
    assert response.headers["Transfer-Encoding"] == "chunked"


# Framing.


def test_a_connection_serves_many_requests_one_after_the_other_even_when_sent_at_once(honest: Endpoint) -> None:
    prompts = ["one", "one two", "one two three"]
    received = raw(honest, b"".join(post(COMPLETION, {"prompt": p, "max_tokens": 1}) for p in prompts), until=3)
    bodies: list[Any] = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert [body["usage"]["prompt_tokens"] for body in bodies] == [1, 2, 3]


def test_a_request_may_arrive_byte_by_byte_or_in_chunks(honest: Endpoint) -> None:
    request = post(COMPLETION, {"prompt": "a b"})
    assert b'"prompt_tokens": 2' in raw(honest, *(request[i : i + 1] for i in range(len(request))), until=1)
    head = b"POST %b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" % COMPLETION.encode()
    assert b'"prompt_tokens": 3' in raw(
        honest, head, b'd\r\n{"prompt": "a\r\n', b'6\r\n b c"}\r\n', b"0\r\n\r\n", until=1
    )


def test_a_client_that_expects_it_is_told_to_continue(honest: Endpoint) -> None:
    request = post(COMPLETION, {"prompt": "a"}).replace(b"Host: x", b"Expect: 100-continue")
    received = raw(honest, request, until=2)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("nonsense", [b"nonsense\r\n\r\n", b"GET /health HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00"])
def test_what_is_not_http_is_refused_and_the_connection_closed(honest: Endpoint, nonsense: bytes) -> None:
    received = raw(honest, nonsense, until=99)
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_connection_close_is_honoured(honest: Endpoint) -> None:
    received = raw(honest, b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", until=99)
    assert b"Connection: close" in received


# Slots and counts.


def test_no_more_than_the_slots_are_served_at_once_and_the_rest_queues() -> None:
    with Endpoint("--slots", "2", "--service-ms", "150") as endpoint:
        begin = time.monotonic()
        answers = endpoint.together(VIDEO, [{"prompt": str(i)} for i in range(8)])
        elapsed = time.monotonic() - begin
        stats = endpoint.stats()
    assert [answer.status for answer in answers] == [200] * 8
    assert elapsed >= 4 * 0.15
    assert (stats["max_in_service"], stats["completed"], stats["in_flight"]) == (2, 8, 0)
    assert 2 < stats["max_in_flight"] <= 8


def test_a_client_that_goes_away_frees_its_slot_and_is_counted() -> None:
    with Endpoint("--slots", "1", "--service-ms", "300") as endpoint:
        for prompt in ("served", "queued"):
            with socket.create_connection(("127.0.0.1", endpoint.port)) as client:
                client.sendall(post(VIDEO, {"prompt": prompt}))
                endpoint.stats_when("in_flight", 1)
        stats = endpoint.stats_when("aborted", 2)
        assert endpoint.video("after").status == 200
    assert stats["completed"] == 0


def test_a_reset_forgets_the_counts_but_no_cache() -> None:
    with Endpoint("--cheat", "exact_cache") as endpoint:
        endpoint.video("a")
        assert endpoint.ask("/stats/reset", b"").json["requests"] == 0
        assert endpoint.stats()["by_prompt"] == {}
        endpoint.video("a")
        stats = endpoint.stats()
    assert (stats["requests"], stats["hits"], stats["computed"]) == (1, 1, 0)
    assert stats["first_bodies"] == [{"prompt": "a"}]


def test_every_request_ends_in_one_count() -> None:
    nuisances = ["--nuisance", "errors=0.3", "--nuisance", "malformed=0.3"]
    with Endpoint(*nuisances, "--cheat", "exact_cache") as endpoint:
        endpoint.together(VIDEO, [{"prompt": str(i % 7)} for i in range(30)])
        stats = endpoint.stats()
    assert stats["requests"] == 30
    assert stats["completed"] + stats["errors"] + stats["malformed"] == 30
    assert min(stats["completed"], stats["errors"], stats["malformed"]) > 0


def test_a_saturated_server_has_its_rate() -> None:
    done = 0
    with Endpoint("--slots", "4", "--service-ms", "100") as endpoint:

        def client(number: int) -> None:
            nonlocal done
            for i in range(5):
                endpoint.video(f"{number} {i}")
                done += 1

        begin = time.monotonic()
        threads = [threading.Thread(target=client, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed = time.monotonic() - begin
    # 60 requests are 15 rounds of 100 ms; never faster, and slower only where this machine stands still.
    assert done == 60
    assert 1.5 <= elapsed < 2.5
