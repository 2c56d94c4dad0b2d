"""The cheapest client in Python that is still one: uvloop, httptools, the JSON parsed, a line per request on disk.

    python bare_client.py URL REQUESTS IN_FLIGHT FILE

It lives in the benchmark only: no schedule, no errors, no time-outs, no TLS.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httptools
import orjson
import uvloop

BODY = b'{"prompt":"' + b"word " * 25 + b'"}'


class Client(asyncio.Protocol):
    def __init__(self, shared: dict[str, Any], request: bytes) -> None:
        self.shared, self.request = shared, request
        self.parts: list[bytes] = []
        self.chunks = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.go()

    def go(self) -> None:
        if self.shared["left"] == 0:
            return
        self.shared["left"] -= 1
        self.number, self.issued = self.shared["left"], time.monotonic_ns()
        self.parser = httptools.HttpResponseParser(self)
        self.parts.clear()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.parts.append(data)

    def on_message_complete(self) -> None:
        body = b"".join(self.parts)
        events = body.split(b"\n\n") if body.startswith(b"data: ") else [body]
        parsed = [orjson.loads(e.removeprefix(b"data: ")) for e in events if e and not e.endswith(b"[DONE]")]
        shared = self.shared
        usage = parsed[-1]["usage"]["completion_tokens"]
        line = {"n": self.number, "issued": self.issued, "done": time.monotonic_ns(), "tokens": usage}
        shared["lines"].append(orjson.dumps(line))
        shared["open"] -= 1
        if len(shared["lines"]) == 256 or shared["open"] == 0:
            shared["file"].write(b"\n".join(shared["lines"]) + b"\n")
            shared["lines"].clear()
        if shared["open"] == 0:
            shared["done"].set_result(None)
        self.go()


async def main(file: IO[bytes]) -> None:
    url, requests, in_flight = urlsplit(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    loop = asyncio.get_running_loop()
    shared: dict[str, Any] = {
        "left": requests,
        "open": requests,
        "lines": [],
        "file": file,
        "done": loop.create_future(),
    }
    for _ in range(in_flight):
        await loop.create_connection(lambda: Client(shared, request), url.hostname or "", url.port or 80)
    await shared["done"]


if __name__ == "__main__":
    with Path(sys.argv[4]).open("wb") as lines:
        uvloop.run(main(lines))
