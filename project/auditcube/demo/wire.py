"""HTTP/1.1 on one connection: requests in, answers out in the same order, with keep-alive and chunked streams."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httptools

from auditcube.demo.answers import Reply, error_reply
from auditcube.demo.nuisances import Delivery

_MAX_BODY_BYTES = 64 * 2**20
_FLUSH_POLL_S = 0.001
_PLAIN = Delivery()


@dataclass(frozen=True)
class Request:
    """One request, whole. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


class Outlet:
    """Where the answer to one request goes. After the client has gone, what is written is dropped."""

    def __init__(self, transport: asyncio.Transport, keep_alive: bool) -> None:
        self._transport = transport
        self._keep_alive = keep_alive

    async def send(self, reply: Reply, delivery: Delivery = _PLAIN) -> None:
        """A whole answer, as `delivery` says."""
        body = _broken(reply.body) if delivery.malformed else reply.body
        head = self._head(reply.status, reply.content_type, f"Content-Length: {len(body)}", delivery.close)
        await self._dribble(head + body, delivery.dribble)
        self._finish()

    def open(self, content_type: str, delivery: Delivery) -> None:
        """Start a stream with status 200."""
        self._write(self._head(200, content_type, "Transfer-Encoding: chunked", delivery.close))

    def chunk(self, data: bytes) -> None:
        """A part of the stream; no data, nothing is sent."""
        if data:
            self._write(_chunk(data))

    def close(self) -> None:
        """End the stream."""
        self._write(_chunk(b""))
        self._finish()

    async def send_stream(self, content_type: str, data: bytes, delivery: Delivery) -> None:
        """A whole stream at once, as `delivery` says; a broken one ends as if it were complete."""
        data = _broken(data) if delivery.malformed else data
        head = self._head(200, content_type, "Transfer-Encoding: chunked", delivery.close)
        await self._dribble(head + _chunk(data) + _chunk(b""), delivery.dribble)
        self._finish()

    async def flushed(self) -> None:
        """Return when all that was written is with the operating system, or the client gone."""
        await asyncio.sleep(0)  # uvloop writes at the end of a turn of its loop
        # Polled: the transport's own notice would come at a low-water mark, not at the end.
        while self._transport.get_write_buffer_size() and not self._transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(_FLUSH_POLL_S)

    def _head(self, status: int, content_type: str, framing: str, close: bool) -> bytes:
        self._keep_alive = self._keep_alive and not close
        lines = (
            f"HTTP/1.1 {status} {_phrase(status)}",
            "Server: auditcube-demo",
            f"Content-Type: {content_type}",
            framing,
            f"Connection: {'keep-alive' if self._keep_alive else 'close'}",
        )
        return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"

    async def _dribble(self, data: bytes, count: int) -> None:
        for position in range(min(count, len(data))):
            self._write(data[position : position + 1])
            await asyncio.sleep(0)
        self._write(data[count:])

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _finish(self) -> None:
        if not self._keep_alive:
            self._transport.close()


def _broken(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"


class Connection(asyncio.Protocol):
    """One client's connection. A request whose client goes away is cancelled."""

    def __init__(self, handle: Callable[[Request, Outlet], Awaitable[None]], open_ones: set[Connection]) -> None:
        self._handle, self._open_ones = handle, open_ones
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Future[None] | None = None
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self)
        self._waiting.clear()
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(501, "no protocol to switch to")
        except httptools.HttpParserError as error:
            self._refuse(400, f"not HTTP/1.1: {error}")

    def abort(self) -> None:
        """Drop the connection and what it waits for."""
        self._transport.abort()

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        self._target, self._body = b"", bytearray()
        self._headers: dict[str, str] = {}

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > _MAX_BODY_BYTES:
            self._refuse(413, f"the body is longer than {_MAX_BODY_BYTES} bytes")

    def on_message_complete(self) -> None:
        path = self._target.partition(b"?")[0].decode("latin-1")
        method = self._parser.get_method().decode("latin-1")
        keep_alive = self._parser.should_keep_alive()
        self._waiting.append(Request(method, path, self._headers, bytes(self._body), keep_alive))
        self._next()

    def _next(self) -> None:
        if self._task is None and self._waiting and not self._transport.is_closing():
            request = self._waiting.popleft()
            self._task = asyncio.ensure_future(self._handle(request, Outlet(self._transport, request.keep_alive)))
            self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            context = {"message": "a request was not answered", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            self.abort()
        self._next()

    def _refuse(self, status: int, message: str) -> None:
        reply = error_reply(status, message, "json")
        outlet = Outlet(self._transport, keep_alive=False)
        self._closing_words = asyncio.ensure_future(outlet.send(reply))
