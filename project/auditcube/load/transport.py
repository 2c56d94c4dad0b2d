"""HTTP/1.1 to one endpoint: keep-alive connections, each with at most one request under way.

Callbacks only, no task and no future per request: the client must not be what is measured. Nothing is retried; what
happened to a request is told exactly once, through its exchange.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

import httptools

_IDLE_LIMIT_S = 4.0  # servers close idle connections after 5 s or more (uvicorn's default): never race them
_CONNECT_TIMEOUT_S = 20.0


class Exchange(Protocol):
    """One request's side of the conversation; after `failed` or `completed` nothing more is called."""

    def head(self, status: int, content_type: str) -> None: ...

    def body(self, data: bytes) -> None: ...

    def completed(self) -> None: ...

    def failed(self, reason: str) -> None: ...


@dataclass(frozen=True)
class Target:
    """Where requests go. `url` is scheme://host[:port][/prefix]; `ca_file` a PEM file with the CAs to trust."""

    url: str
    path: str
    ca_file: str | None = None

    def head(self, headers: Mapping[str, str]) -> bytes:
        """Everything before the body's length: request line and headers."""
        parts = urlsplit(self.url)
        lines = [
            f"POST {parts.path.rstrip('/')}{self.path} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Content-Type: application/json",
            "Accept: */*",
            "Accept-Encoding: identity",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\nContent-Length: "

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context for https; verification is never off. Raises OSError if `ca_file` cannot be used."""
        if urlsplit(self.url).scheme != "https":
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        context.set_alpn_protocols(["http/1.1"])
        return context


class Pool:
    """Connections to one target; a new one is opened whenever none is idle."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Target) -> None:
        self._loop = loop
        self._host, self._port = target.address
        self._tls = target.tls()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()

    def send(self, request: bytes, exchange: Exchange) -> Sending:
        """Send a whole request; the answer goes to `exchange`."""
        sending = Sending()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable(self._loop.time() - _IDLE_LIMIT_S):
                sending.connection = connection
                connection.send(request, exchange)
                return sending
            connection.close()
        task = self._loop.create_task(self._open(request, exchange, sending))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        sending.task = task
        return sending

    async def _open(self, request: bytes, exchange: Exchange, sending: Sending) -> None:
        try:
            opening = self._loop.create_connection(lambda: Connection(self), self._host, self._port, ssl=self._tls)
            _, protocol = await asyncio.wait_for(opening, _CONNECT_TIMEOUT_S)
        except asyncio.TimeoutError:
            exchange.failed(f"no connection within {_CONNECT_TIMEOUT_S:.0f} s")
        except OSError as problem:
            exchange.failed(f"no connection: {problem.strerror or problem}")
        else:
            sending.connection = protocol
            protocol.send(request, exchange)

    def release(self, connection: Connection) -> None:
        """Take back a connection whose answer is complete."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class Sending:
    """A request under way, to be given up by `cancel`."""

    __slots__ = ("connection", "task")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Give the request up; its exchange hears nothing more."""
        if self.connection is not None:
            self.connection.abandon()
        elif self.task is not None:
            self.task.cancel()


class Connection(asyncio.Protocol):
    """One keep-alive connection and its parser."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._status = 0
        self._content_type = ""
        self._framed = False
        self.idle_since = 0.0

    def send(self, request: bytes, exchange: Exchange) -> None:
        self._exchange = exchange
        if self._transport is None:
            self._fail("the connection was closed before the request was sent")
            return
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)

    def usable(self, idle_after: float) -> bool:
        return self._transport is not None and self.idle_since >= idle_after

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def abandon(self) -> None:
        self._exchange = None
        self.close()

    def _fail(self, reason: str) -> None:
        exchange, self._exchange = self._exchange, None
        self.close()
        if exchange is not None:
            exchange.failed(reason)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._exchange is None or self._parser is None:
            self.close()  # bytes that nobody asked for: this connection cannot be trusted for the next request
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("the server switched protocols")
        except httptools.HttpParserError as problem:
            self._fail(f"not HTTP: {problem}")

    def eof_received(self) -> bool | None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._exchange is None:
            return
        if exc is None and self._status and not self._framed:
            self._finish(reusable=False)  # HTTP/1.0 style: the end of the connection is the end of the body
        else:
            reason = "the server closed the connection" if exc is None else f"connection lost: {exc}"
            self._fail(f"{reason} {'in the middle of the answer' if self._status else 'without an answer'}")

    # httptools callbacks

    def on_message_begin(self) -> None:
        self._status, self._content_type, self._framed = 0, "", False

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"content-type":
            self._content_type = value.decode("latin-1").strip().lower()
        elif lower in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status >= 200 and self._exchange is not None:
            self._status = status
            self._exchange.head(status, self._content_type)

    def on_body(self, data: bytes) -> None:
        if self._exchange is not None:
            self._exchange.body(data)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._status:  # an interim 1xx answer is not the answer
            self._finish(reusable=self._parser.should_keep_alive())

    def _finish(self, reusable: bool) -> None:
        exchange, self._exchange = self._exchange, None
        self._status = 0
        if self._transport is not None:
            if reusable:
                self._pool.release(self)
            else:
                self.close()
        if exchange is not None:
            exchange.completed()
