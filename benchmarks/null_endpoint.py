"""An endpoint that answers from memory: what a load generator is measured against, and never the bottleneck itself.

    python null_endpoint.py --port N [--chunks N] [--delay-ms N]

Answers every POST with an OpenAI completion of 380 bytes, or with a stream of `--chunks` chunks, after `--delay-ms`.
It looks for the end of a head and for Content-Length and parses nothing else. No retries, no errors, no TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Callable
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ?(\d+)\r\n")
_TEXT = "some text that is the answer of a model which writes a few words and then stops, because all has been said"


def whole_answer() -> bytes:
    body = (
        '{"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"null","choices":[{"index":0,"text":"'
        f'{_TEXT}","logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":12,"completion_tokens":32,'
        '"total_tokens":44},"system_fingerprint":"none"}'
    )
    body = body.ljust(380)
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def streamed_answer(chunks: int) -> bytes:
    piece = '{"id":"cmpl-1","object":"text_completion","choices":[{"index":0,"text":" word","finish_reason":%s}]}'
    events = [piece % "null"] * (chunks - 1) + [piece % '"stop"']
    usage = f'{{"choices":[],"usage":{{"prompt_tokens":12,"completion_tokens":{chunks},"total_tokens":{chunks + 12}}}}}'
    body = "".join(f"data: {event}\n\n" for event in [*events, usage, "[DONE]"])
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Answering(asyncio.Protocol):
    """One connection; requests that are pipelined are answered too."""

    def __init__(self, answer: bytes, delay_s: float) -> None:
        self._answer = answer
        self._delay_s = delay_s
        self._rest = b""
        self._write: Callable[[bytes], object] = lambda _: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.WriteTransport, transport).write

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(data, 0, end + 4)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(data) < whole:
                break
            data = data[whole:]
            if self._delay_s:
                asyncio.get_running_loop().call_later(self._delay_s, self._write, self._answer)
            else:
                self._write(self._answer)
        self._rest = data


async def serve(port: int, answer: bytes, delay_s: float) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: Answering(answer, delay_s), "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--chunks", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    options = parser.parse_args()
    answer = streamed_answer(options.chunks) if options.chunks else whole_answer()
    uvloop.run(serve(options.port, answer, options.delay_ms / 1e3))


if __name__ == "__main__":
    main()
