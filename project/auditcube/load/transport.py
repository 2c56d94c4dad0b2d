"""HTTP/1.1 to one endpoint: keep-alive connections, each with at most one request under way.

Callbacks only, no task and no future per request: the client must not be what is measured. Nothing is retried; what
happened to a request is told exactly once, through its exchange.
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

import httptools

from auditcube.errors import SetupFailed

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
            "User-Agent: auditcube",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\nContent-Length: "

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context for https; verification is never off. Raises SetupFailed if `ca_file` cannot be used."""
        if urlsplit(self.url).scheme != "https":
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as problem:
            reason = "holds no certificate" if isinstance(problem, ssl.SSLError) else problem.strerror
            raise SetupFailed(f"endpoint.ca_file {self.ca_file}: {reason}; a PEM file is wanted") from problem
        context.set_alpn_protocols(["http/1.1"])
        return context


def authorization(name: str | None, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The API key in the variable `name` ("" if there is none), and the headers that carry it.

    Raises SetupFailed, without the key, for one that no header can carry.
    """
    key = environ.get(name, "") if name else ""
    if not (key.isascii() and key.isprintable()):
        raise SetupFailed(f"the key in the variable {name} holds more than printable ASCII; a line break, perhaps?")
    return key, {"Authorization": f"Bearer {key}"} if key else {}


class Pool:
    """Connections to one target; a new one is opened whenever none is idle."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Target) -> None:
        self._loop = loop
        self._host, self._port = target.address
        self._tls = target.tls()
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()

    def send(self, request: bytes, exchange: Exchange) -> Connection:
        """Send a whole request; the answer goes to `exchange`, unless the connection is abandoned before."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable(self._loop.time()):
                connection.send(request, exchange)
                return connection
            connection.close()
        connection = Connection(self, request, exchange)
        connection.opening = task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return connection

    async def _open(self, connection: Connection) -> None:
        # A timer that closes the connection: `wait_for` can lose one that is made while it gives up (CPython 86296).
        late = f"no connection within {_CONNECT_TIMEOUT_S:.0f} s"
        timer = self._loop.call_later(_CONNECT_TIMEOUT_S, connection.fail, late)
        try:
            await self._loop.create_connection(lambda: connection, self._host, self._port, ssl=self._tls)
        except (OSError, UnicodeError) as problem:  # the latter: a host name that cannot be one
            reason = getattr(problem, "strerror", None) or str(problem)
        else:
            return
        finally:
            timer.cancel()
            connection.opening = None
        connection.fail(f"no connection: {reason}")

    def release(self, connection: Connection) -> None:
        """Take back a connection whose answer is complete."""
        connection.idle_since = self._loop.time()
        self._idle.append(connection)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()


class Connection(asyncio.Protocol):
    """One keep-alive connection and its parser. Its first request is sent as soon as it is made."""

    def __init__(self, pool: Pool, request: bytes, exchange: Exchange) -> None:
        self._pool = pool
        self._request = request
        self._exchange: Exchange | None = exchange
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._ready: select.poll | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._content_type = ""
        self._framed = False
        self._complete = False
        self._reusable = False
        self._idle_limit_s = _IDLE_LIMIT_S
        self.opening: asyncio.Task[None] | None = None
        self.idle_since = 0.0

    def send(self, request: bytes, exchange: Exchange) -> None:
        """Send another request; only on a connection that is usable."""
        assert self._transport is not None
        self._exchange = exchange
        self._parser = httptools.HttpResponseParser(self)
        self._status, self._complete, self._reusable = 0, False, False
        self._transport.write(request)

    def usable(self, now: float) -> bool:
        """Whether another request may be sent: still open, not idle for long, and nothing came meanwhile."""
        if self._closed or now - self.idle_since > self._idle_limit_s:
            return False
        # The server's farewell may lie in the socket, unread by the loop: a request sent now would be lost.
        return self._ready is None or not self._ready.poll(0)

    def close(self) -> None:
        """Close at once; nothing more is heard from it."""
        self._closed = True
        self._exchange = None
        if self._transport is not None:
            self._transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def fail(self, reason: str) -> None:
        """Close, and tell the request that is under way why."""
        exchange = self._exchange
        self.close()
        if exchange is not None:
            exchange.failed(reason)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._closed:  # given up while it was made
            self._transport.abort()
            return
        if (sock := transport.get_extra_info("socket")) is not None:
            self._ready = select.poll()
            self._ready.register(sock.fileno(), select.POLLIN)
        self._transport.write(self._request)
        self._request = b""

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            self.close()  # bytes that nobody asked for: this connection cannot be trusted for the next request
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as bug:
            cause = bug.__context__ or bug
            raise cause from None  # an exception of our own: the loop's handler ends the run with it
        except httptools.HttpParserUpgrade:
            self.fail("the server switched protocols")
        except httptools.HttpParserError as problem:
            if not self._complete:
                self.fail(f"not HTTP: {problem}")
            self._reusable = False
        if self._complete:
            self._finish()

    def eof_received(self) -> bool | None:
        self._closed = True  # `connection_lost` comes a turn of the loop later
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._exchange is None:
            return
        if exc is None and self._status and not self._framed:
            self._finish()  # HTTP/1.0 style: the end of the connection is the end of the body
        else:
            reason = "the server closed the connection" if exc is None else f"connection lost: {exc}"
            self.fail(f"{reason} {'in the middle of the answer' if self._status else 'without an answer'}")

    # httptools callbacks. The exchange hears of the end only when all bytes of this reading have been looked at: what
    # follows the answer belongs to no request, least of all to the next one.

    def on_message_begin(self) -> None:
        if self._complete:
            self._reusable = False
        else:
            self._content_type, self._framed = "", False

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == b"content-type":
            self._content_type = value.decode("latin-1").strip().lower()
        elif lower in (b"content-length", b"transfer-encoding"):
            self._framed = True
        elif lower == b"keep-alive":
            self._idle_limit_s = _idle_limit_s(value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self._complete and self._exchange is not None:
            self._status = status
            self._exchange.head(status, self._content_type)

    def on_body(self, data: bytes) -> None:
        if self._exchange is not None and not self._complete:
            self._exchange.body(data)

    def on_message_complete(self) -> None:
        if self._status and not self._complete:  # an interim 1xx answer is not the answer
            self._complete = True
            self._reusable = self._parser.should_keep_alive()

    def _finish(self) -> None:
        exchange, self._exchange = self._exchange, None
        if self._reusable and not self._closed:
            self._pool.release(self)
        else:
            self.close()
        if exchange is not None:
            exchange.completed()


def _idle_limit_s(keep_alive: bytes) -> float:
    """How long a connection may idle when the server announces `Keep-Alive: timeout=N`; a fifth is kept as a margin."""
    found = re.search(rb"timeout\s*=\s*(\d{1,9})", keep_alive)
    return _IDLE_LIMIT_S if found is None else min(_IDLE_LIMIT_S, int(found[1]) * 0.8)
