"""HTTP/1.1 to one target: keep-alive connections, each with at most one request under way.

Callbacks only, no task and no future per request: the client must not be what is measured. Nothing is retried here;
what happened to a request is told exactly once, through its exchange.
"""

from __future__ import annotations

import asyncio
import re
import select
import socket
from time import monotonic_ns
from typing import Any, Protocol, cast

import httptools

from auditcube.load.heads import Head, KnownHeads
from auditcube.load.target import Target

_S = 1_000_000_000
_IDLE_LIMIT_NS = 4 * _S  # servers close idle connections after 5 s or more (uvicorn's default): never race them
_CONNECT_TIMEOUT_S = 20.0
_HEAD_BYTES = 262144  # of headers, at most: no server sends as many, and they must be held
_OPENED_AT_ONCE = 64
_PAUSE_NS = _S // 100  # several turns of the loop, each of which hears of what came before it
_PROVEN = 1024  # answers after which a server that has left all connections open is believed to leave the next one too


class Exchange(Protocol):
    """One request's side of the conversation: a whole answer, or its parts as they come, or why there is none.

    `now_ns` is when what is told came, by the monotonic clock, before anybody looked at it. After `answered`,
    `completed` or `failed` nothing more is called.
    """

    def answered(self, head: Head, body: bytes, now_ns: int) -> None: ...

    def head(self, head: Head) -> None: ...

    def body(self, data: bytes, now_ns: int) -> None: ...

    def completed(self, now_ns: int) -> None: ...

    def failed(self, reason: str) -> None: ...


class Pool:
    """Connections to one target; a new one is opened whenever none is idle."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Target) -> None:
        self._loop = loop
        self._target = target
        self._tls = target.tls()
        self.idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._addresses: list[tuple[int, Any]] = []
        self.heads = KnownHeads()
        self.to_prove = _PROVEN

    def resolve(self) -> None:
        """Look the host up, once for the whole run: a name server is nothing to measure.

        It blocks, before the first query, so that the process stays without threads. A host that cannot be found is
        told to the requests, each of which then fails.
        """
        if self._target.unix_path is not None:
            self._addresses = [(socket.AF_UNIX, self._target.unix_path)]
            return
        host, port = self._target.address
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # the latter: a host name that cannot be one
            return
        self._addresses = [(family, address) for family, _, _, _, address in found]

    async def warm(self, connections: int) -> None:
        """Open this many connections ahead of the first request; what cannot be opened is left to the requests."""
        for first in range(0, connections, _OPENED_AT_ONCE):
            opened = [Connection(self) for _ in range(min(_OPENED_AT_ONCE, connections - first))]
            await asyncio.gather(*map(self._open, opened))
            for connection in opened:
                if connection.open:
                    connection.rest(monotonic_ns())
            if not self.idle:
                return

    def send(self, request: bytes, exchange: Exchange, now_ns: int) -> Connection:
        """Send a whole request now; the answer goes to `exchange`, unless the connection is abandoned before."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.send(request, exchange, now_ns):
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
        reason = "the host name is not known"
        try:
            for address in list(self._addresses):
                try:
                    await self._connect(connection, *address)
                except OSError as problem:
                    reason = getattr(problem, "strerror", None) or str(problem)
                else:
                    # The next one starts with what answered.
                    self._addresses.sort(key=address.__ne__)
                    return
        finally:
            timer.cancel()
            connection.opening = None
        connection.fail(f"no connection: {reason}")

    async def _connect(self, connection: Connection, family: int, address: Any) -> None:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if family == socket.AF_UNIX:
                await self._loop.sock_connect(sock, address)
                await self._loop.create_unix_connection(lambda: connection, sock=sock)
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.sock_connect(sock, address)
            host = None if self._tls is None else self._target.address[0]
            await self._loop.create_connection(lambda: connection, sock=sock, ssl=self._tls, server_hostname=host)
        except BaseException:
            sock.close()
            raise

    def close(self) -> None:
        for connection in self.idle:
            connection.close()
        self.idle.clear()


class Connection(asyncio.Protocol):
    """One keep-alive connection and its parser. Its first request, if it has one, is sent as soon as it is made."""

    def __init__(self, pool: Pool, request: bytes = b"", exchange: Exchange | None = None) -> None:
        self._pool = pool
        self._request = request
        self._exchange = exchange
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._ready: select.poll | None = None
        self._parser: httptools.HttpResponseParser | None = None  # of the answer under way
        self._head: Head | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._complete = self._reusable = False
        self._idle_limit_ns = _IDLE_LIMIT_NS
        self.opening: asyncio.Task[None] | None = None
        self._idle_since_ns = 0

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._closed

    def send(self, request: bytes, exchange: Exchange, now_ns: int) -> bool:
        """Send another request; false if the connection is closed, was idle for long, or something came meanwhile."""
        idle_ns = now_ns - self._idle_since_ns
        if self._closed or idle_ns > self._idle_limit_ns:
            return False
        # The server's farewell may lie in the socket, unread by the loop: a request sent now would be lost. To look
        # costs as much as to send; a server that never took leave unannounced is looked at again after a pause only.
        if (idle_ns > _PAUSE_NS or self._pool.to_prove > 0) and self._taken_leave_of():
            return False
        self._exchange = exchange
        self._transport.write(request)  # type: ignore[union-attr]  # it was at rest, hence made
        return True

    def _taken_leave_of(self) -> bool:
        """Whether something lies in the socket: the server's farewell, or what nobody asked for."""
        pool = self._pool
        pool.to_prove -= 1
        if self._ready is not None and self._ready.poll(0):
            pool.to_prove = _PROVEN
            return True
        return False

    def rest(self, now_ns: int) -> None:
        """Wait in the pool for another request, from this time on."""
        self._idle_since_ns = now_ns
        self._pool.idle.append(self)

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
        if self._request:
            self._transport.write(self._request)
            self._request = b""

    def data_received(self, data: bytes) -> None:
        now_ns = monotonic_ns()
        if (exchange := self._exchange) is None:
            self.close()  # bytes that nobody asked for: this connection cannot be trusted for the next request
        elif self._parser is not None:
            self._parse(data, now_ns)
        elif (known := self._pool.heads.answer(data)) is not None:
            self._exchange = None
            head, body = known
            if head.keep_alive_s is not None:
                self._expect_close_after(head.keep_alive_s)
            self.rest(now_ns)
            exchange.answered(head, body, now_ns)
        else:
            self._parser = httptools.HttpResponseParser(self)
            self._head, self._head_bytes, self._complete, self._reusable = None, 0, False, False
            self._parse(data, now_ns)
            self._learn(data)

    def _parse(self, data: bytes, now_ns: int) -> None:
        assert self._parser is not None
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
        if self._body:
            self._head_bytes = 0  # trailers may follow, which must be held too
        elif not self._complete:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self.fail(f"headers of more than {_HEAD_BYTES // 1024} KiB")
        self._deliver(now_ns)
        if self._complete:
            self._finish(now_ns)

    def _deliver(self, now_ns: int) -> None:
        """Hand over what this reading held of the body, in one piece however many chunks it came in."""
        if self._body:
            data = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body.clear()
            if self._exchange is not None:
                self._exchange.body(data, now_ns)

    def eof_received(self) -> bool | None:
        self._closed = True  # `connection_lost` comes a turn of the loop later
        self._pool.to_prove = _PROVEN
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._exchange is None:
            return
        begun = self._parser is not None and self._head is not None
        if exc is None and begun and not self._framing():
            self._finish(monotonic_ns())  # HTTP/1.0 style: the end of the connection is the end of the body
        else:
            reason = "the server closed the connection" if exc is None else f"connection lost: {exc}"
            self.fail(f"{reason} {'in the middle of the answer' if begun else 'without an answer'}")

    # httptools callbacks. The exchange hears of body and end only when all bytes of this reading have been looked at:
    # what follows the answer belongs to no request, least of all to the next one.

    def on_message_begin(self) -> None:
        if self._complete:
            self._reusable = False
        else:
            self._headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is None:  # else a trailer
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status >= 200 and self._head is None and self._exchange is not None:
            self._head = _head_of(status, self._headers)
            self._exchange.head(self._head)

    def on_body(self, data: bytes) -> None:
        if not self._complete:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._head is not None and not self._complete:  # an interim 1xx answer is not the answer
            self._complete = True
            self._reusable = self._parser is not None and self._parser.should_keep_alive()

    def _framing(self) -> list[bytes]:
        """The headers that tell where the body ends."""
        return [name for name, _ in self._headers if name in (b"content-length", b"transfer-encoding")]

    def _learn(self, data: bytes) -> None:
        """Remember the head of a whole answer, if an equal one may be taken for what this one was: plain, one length,
        and the connection stays."""
        head = self._head
        if not (self._complete and self._reusable) or head is None or head.encoding is not None:
            return
        if self._framing() == [b"content-length"]:
            self._pool.heads.learn(data, head)

    def _finish(self, now_ns: int) -> None:
        assert self._head is not None
        self._parser = None
        exchange, self._exchange = self._exchange, None
        if self._reusable and not self._closed:
            if self._head.keep_alive_s is not None:
                self._expect_close_after(self._head.keep_alive_s)
            self.rest(now_ns)
        else:
            self.close()
        if exchange is not None:
            exchange.completed(now_ns)

    def _expect_close_after(self, keep_alive_s: float) -> None:
        self._idle_limit_ns = min(_IDLE_LIMIT_NS, int(keep_alive_s * 0.8 * _S))  # a fifth is kept as a margin


def _head_of(status: int, headers: list[tuple[bytes, bytes]]) -> Head:
    told = {name: value.decode("latin-1").strip() for name, value in headers}
    encoding = told.get(b"content-encoding", "").lower()
    limit = re.search(r"timeout\s*=\s*(\d{1,9})", told.get(b"keep-alive", ""))
    return Head(
        status,
        told.get(b"content-type", "").lower(),
        encoding if encoding not in ("", "identity") else None,
        told.get(b"retry-after"),
        None if limit is None else float(limit[1]),
    )
