"""HTTP/1.1 against servers that do everything wrong: each query still has one terminal event, and the right one."""

from __future__ import annotations

import gzip
import os
import socket
import ssl
import subprocess
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from auditcube.errors import SetupFailed
from auditcube.load import transport
from auditcube.load.schedule import Schedule
from auditcube.load.target import authorization
from builders import load_of, schedule_of
from load.raw_server import VIDEO, Behaviour, RawServer, Talk, answer, chunked, honest
from load.running import endpoint_of, one_after_another, ran, statuses


def every(response: bytes) -> Behaviour:
    """Gives this answer to every request on a connection."""

    def behave(talk: Talk) -> None:
        while talk.request() is not None:
            talk.send(response)

    return behave


def once(response: bytes) -> Behaviour:
    """Gives this answer to the first request on a connection, and closes it."""

    def behave(talk: Talk) -> None:
        if talk.request() is not None:
            talk.send(response)

    return behave


def trickle(response: bytes) -> Behaviour:
    def behave(talk: Talk) -> None:
        while talk.request() is not None:
            for byte in response:
                talk.send(bytes([byte]))

    return behave


def early(talk: Talk) -> None:
    """Answers before it has read anything, then reads."""
    talk.send(CLOSE)
    talk.until_closed()


def continued(talk: Talk) -> None:
    while talk.request() is not None:
        talk.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        talk.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 5\r\n\r\n")
        talk.send(answer())


def many_chunks(talk: Talk) -> None:
    """Between the pieces of a body stands more than headers may be long, in readings that hold nothing of the body."""
    between = b";" + b"x" * 100_000
    while talk.request() is not None:
        head, _, _ = chunked().partition(b"0\r\n")
        talk.send(head)
        for byte in VIDEO[:4], VIDEO[4:8], VIDEO[8:]:
            talk.send(b"%x" % len(byte) + between + b"\r\n")
            time.sleep(0.01)
            talk.send(byte + b"\r\n")
        talk.send(b"0\r\n\r\n")


UNFRAMED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + VIDEO
GZIP = "Content-Encoding: gzip"
_ZIPPED = gzip.compress(VIDEO)
GZIPPED = chunked(_ZIPPED[:7], _ZIPPED[7:]).replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1)
CLOSE = answer(VIDEO, "200 OK", "Connection: close")
HUGE = answer(VIDEO, "200 OK", *(f"X-{number}: {'y' * 4000}" for number in range(50)))
LONG_BODY = b'{"video_path": "/' + b"v" * 3_000_000 + b'"}'

GOOD: list[tuple[str, Behaviour, int]] = [  # what it is, how it behaves, connections for three queries
    ("keep-alive", honest, 1),
    ("Connection: close", once(CLOSE), 3),
    ("HTTP/1.0 with a length", once(CLOSE.replace(b"HTTP/1.1", b"HTTP/1.0")), 3),
    ("HTTP/1.0, body until the end", once(UNFRAMED.replace(b"HTTP/1.1", b"HTTP/1.0")), 3),
    ("HTTP/1.1, body until the end", once(UNFRAMED), 3),
    ("HTTP/1.0 keep-alive", every(answer(VIDEO, "200 OK", "Connection: keep-alive").replace(b"1.1", b"1.0")), 1),
    ("chunked", every(chunked(VIDEO[:5], VIDEO[5:])), 1),
    ("chunks with extensions and trailers",
     every(chunked(VIDEO).replace(b"18\r\n", b"18;a=b\r\n").replace(b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n")), 1),
    ("interim answers", continued, 1),
    ("many chunks, each with its size apart", many_chunks, 1),
    ("a byte at a time", trickle(answer()), 1),
    ("chunked, a byte at a time", trickle(chunked(VIDEO)), 1),
    ("huge headers", every(HUGE), 1),
    ("a long body", every(answer(LONG_BODY)), 1),
    ("gzip", every(answer(_ZIPPED, "200 OK", GZIP)), 1),
    ("deflate", every(answer(zlib.compress(VIDEO), "200 OK", "Content-Encoding: deflate")), 1),
    ("gzip in chunks", every(GZIPPED), 1),
    ("identity", every(answer(VIDEO, "200 OK", "Content-Encoding: identity")), 1),
    ("an answer before the request was read", early, 3),
    ("another good status", every(answer(VIDEO, "201 Created")), 1),
    ("no reason phrase", every(answer(VIDEO, "200")), 1),
    ("more bytes with the answer", every(answer() + b"more"), 3),
    ("a second answer with the first", every(answer() * 2), 3),
    ("a second, bad answer with the first", every(answer() + answer(b"{}", "500 Oops")), 3),
    ("more bytes than the length", every(answer(length=len(VIDEO)) + b"}"), 3),
    ("empty lines after an answer", every(answer() + b"\r\n"), 1),
]  # fmt: skip


@pytest.mark.parametrize(("behave", "connections"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_good_answers(tmp_path: Path, behave: Behaviour, connections: int) -> None:
    with RawServer(behave) as server:
        events = ran(tmp_path, endpoint_of(server.url), 3)
        assert statuses(events) == ["ok"] * 3, events
        assert server.connections == connections


def silent_after(response: bytes) -> Behaviour:
    def behave(talk: Talk) -> None:
        talk.request()
        talk.send(response)
        talk.until_closed()

    return behave


def cut(response: bytes, end: int) -> Behaviour:
    return once(response[:end])


def reset(talk: Talk) -> None:
    """Ends the connection with a reset instead of a farewell."""
    talk.request()
    talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


TOO_LONG = "headers of more than 256 KiB"
IN_THE_MIDDLE = "the server closed the connection in the middle of the answer"
BAD: list[tuple[str, Behaviour, str, str]] = [
    ("closes without an answer", once(b""), "transport_error", "the server closed the connection without an answer"),
    ("resets", reset, "transport_error", "without an answer"),
    ("closes in the status line", cut(answer(), 5), "transport_error", "without an answer"),
    ("closes in the headers", cut(answer(), 30), "transport_error", "without an answer"),
    ("closes in the body", cut(answer(), -1), "transport_error", IN_THE_MIDDLE),
    ("closes before the body", cut(answer(), -len(VIDEO)), "transport_error", IN_THE_MIDDLE),
    ("closes in a chunk", cut(chunked(VIDEO), -12), "transport_error", IN_THE_MIDDLE),
    ("closes before the last chunk", cut(chunked(VIDEO), -5), "transport_error", IN_THE_MIDDLE),
    ("length too large", once(answer(length=len(VIDEO) + 1)), "transport_error", IN_THE_MIDDLE),
    ("length too small", once(answer(length=5)), "decode_error", "not JSON"),
    ("length zero", every(answer(b"")), "decode_error", "not JSON"),
    ("two lengths", once(answer(VIDEO, "200 OK", "Content-Length: 3")), "transport_error", "not HTTP"),
    ("a length that is no number", once(answer().replace(b"Length: ", b"Length: x")), "transport_error", "not HTTP"),
    ("a chunk size that is no number",
     once(chunked(VIDEO).replace(b"18\r\n", b"zz\r\n")), "transport_error", "not HTTP"),
    ("garbage", once(b"220 mail.example ESMTP\r\n"), "transport_error", "not HTTP"),
    ("binary garbage", once(bytes(range(256))), "transport_error", "not HTTP"),
    ("HTTP/0.9", once(b"<html></html>"), "transport_error", "not HTTP"),
    ("HTTP/2", once(b"HTTP/2 200\r\n\r\n"), "transport_error", "not HTTP"),
    ("switches protocols",
     once(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"), "transport_error", ""),
    ("204", every(b"HTTP/1.1 204 No Content\r\n\r\n"), "decode_error", "not JSON"),
    ("a redirect", every(answer(b"", "307 Temporary Redirect", "Location: /elsewhere")), "http_error",
     "HTTP 307: a redirect, which is not followed"),
    ("304", every(b"HTTP/1.1 304 Not Modified\r\n\r\n"), "http_error", "HTTP 304"),
    ("500 with JSON", every(answer(b'{"error": {"message": "no memory"}}', "500 Oops")), "http_error",
     "HTTP 500: no memory"),
    ("502 with HTML", once(answer(b"<html><h1>Bad Gateway</h1></html>", "502 Bad", "Connection: close")), "http_error",
     "HTTP 502: Bad Gateway"),
    ("503 with text", every(answer(b"queue is full\n", "503 Busy")), "http_error", "HTTP 503: queue is full"),
    ("503 with nothing", every(answer(b"", "503 Busy")), "http_error", "HTTP 503: no message"),
    ("500 with a megabyte", every(answer(b"x" * 2**20, "500 Oops")), "http_error", "HTTP 500: xxxx"),
    ("500, cut", once(answer(b"{}", "500 Oops", length=9)), "transport_error", IN_THE_MIDDLE),
    ("compressed, cut", every(answer(_ZIPPED[:4], "200 OK", GZIP)), "decode_error", "is cut off"),
    ("not compressed", every(answer(VIDEO, "200 OK", GZIP)), "decode_error", "compression is broken"),
    ("brotli", every(answer(VIDEO, "200 OK", "Content-Encoding: br")), "decode_error", "encoded as 'br', although"),
    ("500, compressed", every(answer(gzip.compress(b"oops"), "500 Oops", GZIP)), "http_error", "HTTP 500: oops"),
    ("500 in brotli", every(answer(b"\xff", "500 Oops", "Content-Encoding: br")), "http_error", "HTTP 500: no message"),
    ("an endless header", silent_after(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 600_000), "transport_error", TOO_LONG),
    ("endless headers", silent_after(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000), "transport_error", TOO_LONG),
    ("endless interim answers", silent_after(b"HTTP/1.1 100 Continue\r\n\r\n" * 25_000), "transport_error", TOO_LONG),
    ("an endless trailer", silent_after(chunked(VIDEO)[:-2] + b"X: " + b"y" * 600_000), "transport_error", TOO_LONG),
]  # fmt: skip


@pytest.mark.parametrize(("behave", "status", "error"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_answers(tmp_path: Path, behave: Behaviour, status: str, error: str) -> None:
    with RawServer(behave) as server:
        events = ran(tmp_path, endpoint_of(server.url), 3)
        assert statuses(events) == [status] * 3, events
        assert all(error in event["error"] and len(event["error"]) <= 200 for event in events), events


STALLS = [
    ("at once", b""),
    ("in the status line", b"HTTP/1."),
    ("in the headers", answer()[:40]),
    ("after the headers", answer()[: -len(VIDEO)]),
    ("in the body", answer()[:-1]),
    ("in a chunk", chunked(VIDEO)[:-9]),
    ("after an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ("in an error", answer(b"oops", "500 Oops", length=9)),
]


@pytest.mark.parametrize("said", [case[1] for case in STALLS], ids=[case[0] for case in STALLS])
def test_a_stalled_answer_is_ended_by_the_timeout(tmp_path: Path, said: bytes) -> None:
    with RawServer(silent_after(said)) as server:
        started = time.monotonic()
        events = ran(tmp_path, endpoint_of(server.url, timeout_s=0.1), 3)
        assert time.monotonic() - started < 5
        assert statuses(events) == ["timeout"] * 3
        assert all(event["done_ns"] - event["issued_ns"] >= 98e6 for event in events)
        assert server.connections == 3  # none of them is used again


def test_an_answer_that_never_ends_is_ended_by_the_timeout(tmp_path: Path) -> None:
    def behave(talk: Talk) -> None:
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            talk.send(b"5\r\nhello\r\n")
            time.sleep(0.01)

    with RawServer(behave) as server:
        assert statuses(ran(tmp_path, endpoint_of(server.url, timeout_s=0.2), 2)) == ["timeout"] * 2


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    events = ran(tmp_path, endpoint_of(f"http://127.0.0.1:{port}"), 3)
    assert statuses(events) == ["transport_error"] * 3
    assert events[0]["error"].startswith("no connection: ")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64])
def test_no_such_host(tmp_path: Path, host: str) -> None:
    events = ran(tmp_path, endpoint_of(f"http://{host}:80"), 2)
    assert statuses(events) == ["transport_error"] * 2
    assert events[0]["error"].startswith("no connection: ")


def test_a_connection_that_is_never_made_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_CONNECT_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        clogs = [socket.socket() for _ in range(4)]
        for clog in clogs:
            clog.setblocking(False)
            clog.connect_ex(full.getsockname())
        events = ran(tmp_path, endpoint_of(f"http://127.0.0.1:{full.getsockname()[1]}"), 2)
        for clog in clogs:
            clog.close()
    assert statuses(events) == ["transport_error"] * 2
    assert events[0]["error"] == "no connection within 0 s"


def pausing(pause_s: float, then: Callable[[Talk], None]) -> Behaviour:
    """Answers once, then waits, then does something."""

    def behave(talk: Talk) -> None:
        while talk.request() is not None:
            talk.send(answer())
            time.sleep(pause_s)
            then(talk)

    return behave


def hang_up(talk: Talk) -> None:
    talk.sock.shutdown(socket.SHUT_RDWR)


def paced() -> Schedule:
    """Queries that leave a connection idle for about 0.1 s between two of them."""
    load = load_of(scenario=load_of().scenario.SERVER, target_qps=10.0)
    return schedule_of(5, load)


@pytest.mark.parametrize("then", [hang_up, lambda talk: talk.send(b"HTTP/1.1 408 Timeout\r\n\r\n")])
def test_an_idle_connection_that_the_server_ended_is_not_used(tmp_path: Path, then: Callable[[Talk], None]) -> None:
    with RawServer(pausing(0.0, then)) as server:
        events = ran(tmp_path, endpoint_of(server.url), paced())
        assert statuses(events) == ["ok"] * 5, events
        assert server.connections == 5


@pytest.mark.parametrize(
    ("announced", "used_again"), [("timeout=0", False), ("timeout=60, max=9", True), ("max=9", True)]
)
def test_an_announced_idle_time_is_kept(tmp_path: Path, announced: str, used_again: bool) -> None:
    """A machine that is slow may need two connections where two queries are due within milliseconds, but not five."""
    with RawServer(every(answer(VIDEO, "200 OK", f"Keep-Alive: {announced}"))) as server:
        assert statuses(ran(tmp_path, endpoint_of(server.url), paced())) == ["ok"] * 5
        assert (server.connections < 5) == used_again


def test_a_connection_idle_for_long_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_IDLE_LIMIT_NS", 1_000_000)
    with RawServer(honest) as server:
        assert statuses(ran(tmp_path, endpoint_of(server.url), paced())) == ["ok"] * 5
        assert server.connections == 5


def test_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    with RawServer(honest) as server:
        ran(tmp_path, endpoint_of(f"{server.url}/prefix/", key="A_KEY", parameters={"seed": 1, "size": "ä"}), 1)
        (request,) = server.requests
    assert request.line == "POST /prefix/v1/videos/generations HTTP/1.1"
    assert request.headers["Host"] == server.authority
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in request.headers
    assert request.json["seed"] == 1
    assert request.json["size"] == "ä"
    assert request.json["prompt"].startswith("prompt ")


KEY = "sk-Not/A+Real_Key=42"


def echo(talk: Talk) -> None:
    """Tells everything it was told: in an error, as the answer, as no answer."""
    request = talk.request()
    assert request is not None
    spelled = str(request.headers)[1:-1].replace("'", "")
    padded = "x" * 190 + spelled  # the cut falls into the key
    kinds = [
        answer(f'{{"error": "{spelled}"}}'.encode(), "401 No"),
        answer(padded.encode(), "401 No"),
        answer(f'{{"video_path": "{spelled}"}}'.encode()),
        answer(f'{{"error": "{padded}"}}'.encode()),
        answer(spelled.encode()),
        answer(f'{{"video_id": "{spelled}", "video_path": "/v"}}'.encode()),
        answer((" " * 65_500 + spelled).encode(), "401 No"),
    ]
    talk.send(kinds[(talk.number - 1) % len(kinds)].replace(b"\r\n", b"\r\nConnection: close\r\n", 1))


def test_the_key_is_sent_and_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    with RawServer(echo) as server:
        schedule = schedule_of(14, one_after_another(1).load, capture=1.0)
        events = ran(tmp_path, endpoint_of(server.url, key="A_KEY"), schedule)
        assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {KEY}"}
    assert statuses(events).count("ok") == 4
    assert statuses(events).count("http_error") == 6
    assert statuses(events).count("decode_error") == 4
    written = (tmp_path / "events.jsonl").read_text() + (tmp_path / "outputs.jsonl").read_text()
    assert "Bearer [redacted]" in written
    for end in range(6, len(KEY)):
        assert KEY[:end] not in written


@pytest.mark.parametrize("key", ["two\nlines", "tab\there", "ключ", "nul\0"])
def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    if "\0" not in key:
        monkeypatch.setenv("A_KEY", key)
    environ = {"A_KEY": key}
    with pytest.raises(SetupFailed) as refused:
        authorization("A_KEY", environ)
    assert "A_KEY" in str(refused.value)
    assert key not in str(refused.value)
    if "\0" not in key:
        with RawServer(honest) as server:
            with pytest.raises(SetupFailed, match="A_KEY"):
                ran(tmp_path, endpoint_of(server.url, key="A_KEY"))
            assert server.connections == 0


def test_ipv6(tmp_path: Path) -> None:
    try:
        server = RawServer(honest, host="::1")
    except OSError as problem:
        pytest.skip(f"no IPv6 here: {problem}")
    with server:
        assert statuses(ran(tmp_path, endpoint_of(server.url))) == ["ok"] * 3
        assert server.requests[0].headers["Host"] == server.authority == f"[::1]:{server.port}"


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    """However the connections end; one after the other, since what runs at once needs many."""
    names = ["closes without an answer", "garbage", "length zero"]
    for number, behave in enumerate([silent_after(b""), *(case[1] for case in BAD if case[0] in names)]):
        with RawServer(behave) as server:
            folder = tmp_path / str(number)
            folder.mkdir()
            before = len(os.listdir("/proc/self/fd"))
            ran(folder, endpoint_of(server.url, timeout_s=0.02), 30)
            # The server's own ends may still be open, and the run's two files are.
            deadline = time.monotonic() + 5
            while (now := len(os.listdir("/proc/self/fd"))) > before + 4 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert now <= before + 4


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA and what it signed for 127.0.0.1, and another CA that signed nothing: made by the program openssl."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN=auditcube test {ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.pem",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")  # fmt: skip
    (folder / "extensions").write_text("subjectAltName = IP:127.0.0.1\nauthorityKeyIdentifier = keyid\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "extensions", "-out", "server.pem")  # fmt: skip
    return folder


def server_tls(pki: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.pem", pki / "server.key")
    return context


def test_tls(tmp_path: Path, pki: Path) -> None:
    with RawServer(honest, tls=server_tls(pki)) as server:
        events = ran(tmp_path, endpoint_of(server.url, ca_file=str(pki / "ca.pem")))
        assert statuses(events) == ["ok"] * 3, events
        assert server.connections == 1


@pytest.mark.parametrize("ca", ["other.pem", None])
def test_tls_with_a_certificate_that_is_not_trusted(tmp_path: Path, pki: Path, ca: str | None) -> None:
    with RawServer(honest, tls=server_tls(pki)) as server:
        events = ran(tmp_path, endpoint_of(server.url, ca_file=str(pki / ca) if ca else None))
        assert statuses(events) == ["transport_error"] * 3, events
        assert "certificate verify failed" in events[0]["error"]
        assert server.requests == []


def test_tls_with_a_certificate_of_another_name(tmp_path: Path, pki: Path) -> None:
    with RawServer(honest, tls=server_tls(pki)) as server:
        url = f"https://localhost:{server.port}"
        events = ran(tmp_path, endpoint_of(url, ca_file=str(pki / "ca.pem")), 1)
        assert statuses(events) == ["transport_error"]
        assert server.requests == []


def test_tls_to_a_server_without(tmp_path: Path, pki: Path) -> None:
    with RawServer(once(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        url = server.url.replace("http:", "https:")
        events = ran(tmp_path, endpoint_of(url, timeout_s=2), 1)
        assert events[0]["status"] in ("transport_error", "timeout")


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_a_ca_file_that_is_none_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SetupFailed, match=str(path)):
        ran(tmp_path, endpoint_of("https://127.0.0.1:1", ca_file=str(path)))


def test_tls_answers_that_are_cut(tmp_path: Path, pki: Path) -> None:
    with RawServer(cut(answer(), -3), tls=server_tls(pki)) as server:
        events = ran(tmp_path, endpoint_of(server.url, ca_file=str(pki / "ca.pem")))
        assert statuses(events) == ["transport_error"] * 3
