"""An endpoint that answers from memory: what a load generator is measured against, and never the bottleneck itself.

    python null_endpoint.py (--port N | --unix PATH) [--chunks N] [--delay-ms N] [--processes N]

Answers every POST with an OpenAI completion of 380 bytes, or with a stream of `--chunks` chunks, after `--delay-ms`;
a chat completion where the path is that of chats. Processes share the port (SO_REUSEPORT).
A delay is exact, as a timer of the loop, which counts in milliseconds, would not be. It looks for the end of a head and
for Content-Length and parses nothing else. No retries, no errors, no TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import cast

import uvloop

from auditcube.load.alarm import Alarm

_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ?(\d+)\r\n")
_CHAT = b"POST /v1/chat/"
_TEXT = "some text that is the answer of a model which writes a few words and then stops, because all has been said"


def _choice(text: str, chat: bool, part: str) -> str:
    """What holds the text in one choice: `part` is the name that a chat has for it."""
    return f'"{part}":{{"role":"assistant","content":"{text}"}}' if chat else f'"text":"{text}"'


def whole_answer(chat: bool = False) -> bytes:
    kind = "chat.completion" if chat else "text_completion"
    body = (
        f'{{"id":"cmpl-1","object":"{kind}","created":1700000000,"model":"null","choices":[{{"index":0,'
        f'{_choice(_TEXT, chat, "message")},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":12,'
        '"completion_tokens":32,"total_tokens":44}}'
    )
    body = body.ljust(380)
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def streamed_answer(chunks: int, chat: bool = False) -> bytes:
    kind = "chat.completion.chunk" if chat else "text_completion"
    piece = (
        f'{{"id":"cmpl-1","object":"{kind}","choices":[{{"index":0,{_choice(" word", chat, "delta")},"finish_reason":'
    )
    events = [piece + "null}]}"] * (chunks - 1) + [piece + '"stop"}]}']
    usage = f'{{"choices":[],"usage":{{"prompt_tokens":12,"completion_tokens":{chunks},"total_tokens":{chunks + 12}}}}}'
    body = "".join(f"data: {event}\n\n" for event in [*events, usage, "[DONE]"])
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Later:
    """Answers that wait for their time, which is the same for all, so that they leave in the order they came."""

    def __init__(self, delay_s: float) -> None:
        self._delay_ns = int(delay_s * 1e9)
        self._waiting: deque[tuple[int, Callable[[], object]]] = deque()
        self._alarm = Alarm(asyncio.get_running_loop(), self._rang)

    def call(self, answer: Callable[[], object]) -> None:
        self._waiting.append((time.monotonic_ns() + self._delay_ns, answer))
        if len(self._waiting) == 1:
            self._alarm.set(self._waiting[0][0])

    def _rang(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic_ns():
            self._waiting.popleft()[1]()
        if self._waiting:
            self._alarm.set(self._waiting[0][0])


class Answering(asyncio.Protocol):
    """One connection; requests that are pipelined are answered too."""

    def __init__(self, answers: tuple[bytes, bytes], later: Later | None) -> None:
        self._answers = answers
        self._later = later
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(data, 0, end + 4)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(data) < whole:
                break
            answer = self._answers[data.startswith(_CHAT)]
            data = data[whole:]
            if self._later is not None:
                self._later.call(partial(self._write, answer))
            else:
                self._write(answer)
        self._rest = data

    def _write(self, answer: bytes) -> None:
        # A client that has enough leaves before its last answers are due; writing to it would raise.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def serve(sock: socket.socket, answers: tuple[bytes, bytes], delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    make = loop.create_unix_server if sock.family == socket.AF_UNIX else loop.create_server
    later = Later(delay_s) if delay_s else None
    server = await make(lambda: Answering(answers, later), sock=sock, backlog=1024)
    await server.serve_forever()


def bound_to(port: int | None, path: str | None) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX if port is None else socket.AF_INET)
    if port is None:
        sock.bind(path or "")
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", port))
    return sock


def run(options: argparse.Namespace) -> None:
    chunks = options.chunks
    answers = [streamed_answer(chunks, chat) if chunks else whole_answer(chat) for chat in (False, True)]
    uvloop.run(serve(bound_to(options.port, options.unix), (answers[0], answers[1]), options.delay_ms / 1e3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--port", type=int)
    place.add_argument("--unix", metavar="PATH")
    parser.add_argument("--chunks", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    if options.unix and options.processes > 1:
        parser.error("--processes: only a port can be shared")
    # Daemons end with this process, which must therefore end in an orderly way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for _ in range(options.processes - 1):
        multiprocessing.get_context("spawn").Process(target=run, args=(options,), daemon=True).start()
    run(options)


if __name__ == "__main__":
    main()
