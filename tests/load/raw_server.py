"""Servers written byte by byte over plain sockets: what they do wrong, no HTTP library would do."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

VIDEO = b'{"video_path": "/v.mp4"}'


def answer(body: bytes = VIDEO, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """A whole answer with its true length, unless `length` tells another."""
    told = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {told}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*parts: bytes, content_type: str = "application/json") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


@dataclass(frozen=True)
class Request:
    """One request as it was read off the wire."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Talk:
    """The server's end of one connection; `number` counts from 1."""

    def __init__(self, server: RawServer, sock: socket.socket, number: int) -> None:
        self._server = server
        self._rest = b""
        self.sock = sock
        self.number = number

    def request(self) -> Request | None:
        """Read the next request; None if there is none any more."""
        while b"\r\n\r\n" not in self._rest:
            if not (data := self.sock.recv(65536)):
                return None
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").split("\r\n")
        headers = dict(header.split(": ", 1) for header in rest)
        assert len(headers) == len(rest), "a header stands twice"
        length = int(headers["Content-Length"])
        while len(self._rest) < length:
            if not (data := self.sock.recv(65536)):
                return None
            self._rest += data
        body, self._rest = self._rest[:length], self._rest[length:]
        request = Request(line, headers, body)
        with self._server.lock:
            self._server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def until_closed(self) -> None:
        """Say nothing more until the client has gone."""
        while self.sock.recv(65536):
            pass


Behaviour = Callable[[Talk], None]


class RawServer:
    """Runs a behaviour for every connection, each in a thread; closes the connection when it returns."""

    def __init__(self, behaviour: Behaviour, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self._behaviour = behaviour
        self._tls = tls
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.connections = 0
        self.port: int = self._listener.getsockname()[1]
        self.authority = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.url = f"http{'s' if tls else ''}://{self.authority}"

    def __enter__(self) -> RawServer:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        with self.lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener is shut down
            while True:
                sock, _ = self._listener.accept()
                if sock.family != socket.AF_UNIX:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self.lock:
                    self.connections += 1
                    self._open.add(sock)
                self._start(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        with suppress(OSError):  # the client has gone, or will not shake hands
            if self._tls is not None:
                with self.lock:
                    self._open.discard(sock)
                    # The handshake itself waits without the lock, see below.
                wrapped = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                sock = wrapped
                with self.lock:
                    self._open.add(sock)
                wrapped.do_handshake()
            self._behaviour(Talk(self, sock, number))
        with self.lock:
            self._open.discard(sock)
        sock.close()


def honest(talk: Talk) -> None:
    """Answers every request as it should be."""
    while talk.request() is not None:
        talk.send(answer())
