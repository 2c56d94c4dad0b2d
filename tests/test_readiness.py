"""The control calls: is the endpoint there, and what does one answer look like?"""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from auditcube import readiness
from auditcube.dataset import Sample
from auditcube.errors import RunBroken, SetupFailed
from auditcube.readiness import ask, check_reachable
from load.raw_server import VIDEO, RawServer, Talk, answer, chunked, honest
from load.running import endpoint_of
from load.test_features import on_a_socket, several
from load.test_transport import pki, server_tls

__all__ = ["pki"]  # a fixture

KEY = "sk-Not/A+Real_Key=42"
SAMPLE = Sample(0, {"prompt": "p"})


def asked(talk: Talk) -> bytes:
    """Read a request that may have no body."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := talk.sock.recv(65536)):
            return b""
        data += piece
    return data


@pytest.mark.parametrize(
    "response",
    [
        answer(b'{"status": "ok"}'),
        answer(b"no such page", "404 Not Found"),
        answer(b"", "401 Unauthorized"),
        answer(b"", "307 Temporary Redirect", "Location: http://127.0.0.1:1/"),
        answer(b"oops", "500 Internal Server Error"),
    ],
)
def test_whatever_answers_http_is_there(response: bytes) -> None:
    requests = []

    def behave(talk: Talk) -> None:
        requests.append(asked(talk))
        talk.send(response)

    with RawServer(behave) as server:
        check_reachable(endpoint_of(f"{server.url}/prefix/", key="A_KEY"))
    (request,) = requests
    assert request.startswith(b"GET /prefix/health HTTP/1.1\r\n")
    assert b"Authorization" not in request


def test_a_server_that_is_busy_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_READ_S", 0.2)
    with RawServer(lambda talk: talk.until_closed()) as server:
        check_reachable(endpoint_of(server.url))


def refused(url: str, ca_file: str | None = None) -> str:
    begin = time.monotonic()
    with pytest.raises(SetupFailed) as problem:
        check_reachable(endpoint_of(url, ca_file=ca_file))
    assert time.monotonic() - begin < 8
    assert str(problem.value).startswith(f"endpoint {url}: ")
    return str(problem.value)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert "connection refused; is it up" in refused(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_no_such_host(host: str) -> None:
    refused(f"http://{host}")


@pytest.mark.parametrize("said", [b"", b"220 mail.example ESMTP\r\n", b"\x00\xff" * 40])
def test_what_does_not_speak_http_is_not_there(said: bytes) -> None:
    def behave(talk: Talk) -> None:
        asked(talk)
        talk.send(said)

    with RawServer(behave) as server:
        refused(server.url)


def test_a_server_that_is_loading_its_model_is_not_ready() -> None:
    body = b'{"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}'

    def behave(talk: Talk) -> None:
        asked(talk)
        talk.send(answer(body, "503 Service Unavailable"))

    with RawServer(behave) as server:
        assert refused(server.url).endswith("not ready, says /health: Loading model")


def test_tls(pki: Path) -> None:
    def behave(talk: Talk) -> None:
        if asked(talk):
            talk.send(answer())

    with RawServer(behave, tls=server_tls(pki)) as server:
        check_reachable(endpoint_of(server.url, ca_file=str(pki / "ca.pem")))
        for ca in (str(pki / "other.pem"), None):
            assert "its TLS certificate is not trusted" in refused(server.url, ca)
        refused(server.url, "/no/such/ca.pem")
    with RawServer(lambda talk: talk.send(answer(b"", "400 Bad Request"))) as server:
        refused(server.url.replace("http:", "https:"))


def test_one_answer() -> None:
    with RawServer(honest) as server:
        told = ask(endpoint_of(server.url, key="A_KEY"), SAMPLE, {"A_KEY": KEY})
        (request,) = server.requests
    took_s = told.pop("took_s")
    assert 0 <= took_s < 20
    assert told == {
        "url": f"{server.url}/v1/videos/generations",
        "http_status": 200,
        "content_type": "application/json",
        "bytes": len(VIDEO),
        "chunks": 0,
        "tokens_in": None,
        "tokens_out": None,
        "output": {"video_path": "/v.mp4"},
    }
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["Content-Type"] == "application/json"


def test_a_streamed_answer() -> None:
    events = b'data: {"choices": [{"text": "a", "finish_reason": "stop"}]}\n\n'

    def behave(talk: Talk) -> None:
        talk.request()
        talk.send(chunked(events, content_type="text/event-stream"))

    with RawServer(behave) as server:
        told = ask(endpoint_of(server.url, api="openai_completions"), SAMPLE, {})
    assert told["chunks"] == 1
    assert told["output"] == {"text": "a", "finish_reason": "stop"}


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (answer(b'{"error": "busy"}', "503 Busy"), "HTTP 503: busy"),
        (answer(b"", "307 Temporary Redirect", "Location: /x"), "HTTP 307"),
        (answer(b"<html>hello</html>"), "the answer cannot be read: not JSON"),
        (answer(("x" * 185 + f"Bearer {KEY}").encode(), "401 No"), "HTTP 401: xxx"),
        (
            answer(f'{{"error": "{"x" * 165}Bearer {KEY}"}}'.encode()),
            "cannot be read: the server reported an error: xxx",
        ),
    ],
)
def test_what_is_no_answer(response: bytes, told: str) -> None:
    def behave(talk: Talk) -> None:
        talk.request()
        talk.send(response)

    with RawServer(behave) as server, pytest.raises(RunBroken) as problem:
        ask(endpoint_of(server.url, key="A_KEY"), SAMPLE, {"A_KEY": KEY})
    assert told in str(problem.value)
    assert KEY[:6] not in str(problem.value)


@pytest.mark.parametrize("key", ["a\nb", "\u20ac"])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    with pytest.raises(SetupFailed, match="A_KEY") as problem:
        ask(endpoint_of("http://127.0.0.1:1", key="A_KEY"), SAMPLE, {"A_KEY": key})
    assert key not in str(problem.value)


def test_nobody_to_ask() -> None:
    with pytest.raises(SetupFailed, match="connection refused"):
        ask(endpoint_of("http://127.0.0.1:1"), SAMPLE, {})


def test_a_unix_socket_is_asked_like_any_other_url(tmp_path: Path) -> None:
    path = tmp_path / "a socket"
    url = f"http+unix://{str(path).replace('/', '%2F').replace(' ', '%20')}"
    with on_a_socket(path) as server:
        told = ask(endpoint_of(url), Sample(0, {"prompt": "a"}), {})
        assert told["output"] == {"video_path": "/v.mp4"}
        assert server.requests[0].headers["Host"] == "localhost"
    with pytest.raises(SetupFailed, match="is it up, and is endpoint.url right"):
        check_reachable(endpoint_of(url))


def test_a_unix_socket_that_answers_is_there(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with on_a_socket(path, health) as server:
        check_reachable(endpoint_of(f"http+unix://{str(path).replace('/', '%2F')}"))
        assert server.connections == 1


def health(talk: Talk) -> None:
    """Answers the first request whatever it is, without reading it whole."""
    talk.sock.recv(65536)
    talk.send(answer(b"{}"))


def test_every_url_must_be_there() -> None:
    with RawServer(health) as server:
        check_reachable(several(server.url))
        with pytest.raises(SetupFailed, match="http://127.0.0.1:1"):
            check_reachable(several(server.url, "http://127.0.0.1:1"))
