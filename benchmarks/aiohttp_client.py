"""aiohttp on uvloop, as most load generators in Python use it.

python aiohttp_client.py URL REQUESTS IN_FLIGHT FILE
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import aiohttp
import orjson
import uvloop

BODY = {"prompt": "word " * 25}


async def send(session: aiohttp.ClientSession, numbers: Iterator[int], file: IO[bytes]) -> None:
    for number in numbers:
        issued = time.monotonic_ns()
        async with session.post(sys.argv[1], json=BODY) as response:
            parsed = {}
            if response.content_type == "text/event-stream":
                async for line in response.content:
                    if line.startswith(b"data: ") and not line.endswith(b"[DONE]\n"):
                        parsed = orjson.loads(line[6:])
            else:
                parsed = orjson.loads(await response.read())
        tokens = parsed["usage"]["completion_tokens"]
        line = {"n": number, "issued": issued, "done": time.monotonic_ns(), "tokens": tokens}
        file.write(orjson.dumps(line) + b"\n")


async def main(file: IO[bytes]) -> None:
    numbers = iter(range(int(sys.argv[2])))
    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(send(session, numbers, file) for _ in range(int(sys.argv[3]))))


if __name__ == "__main__":
    with Path(sys.argv[4]).open("wb") as lines:
        uvloop.run(main(lines))
