"""The demonstration endpoint as a real process, and a plain client for it that shares no code with ours."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import auditcube.demo

VIDEO, CHAT, COMPLETION = "/v1/videos/generations", "/v1/chat/completions", "/v1/completions"
_ROOT = Path(auditcube.demo.__file__).parents[2]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer and how long it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def environment(**extra: str) -> dict[str, str]:
    """The environment for a server: only what it needs, and what measures coverage."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR") or k.startswith("COV")}
    return {**kept, "PYTHONPATH": str(_ROOT), **extra}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "auditcube.demo.server", *arguments]


class Endpoint:
    """A running endpoint; use it in `with`."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            command("--service-ms", "5", *arguments), stdout=subprocess.PIPE, text=True, env=environment(**variables)
        )
        assert self.process.stdout
        self.ready = json.loads(self.process.stdout.readline())
        self.port = int(self.ready["url"].rpartition(":")[2])

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdout
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()

    def ask(self, path: str, body: object = None, method: str = "", **headers: str) -> Answer:
        """One request on a connection of its own; `body` as JSON unless it is bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            begin = time.monotonic()
            connection.request(method or ("GET" if data is None else "POST"), path, data, headers)
            response = connection.getresponse()
            content = response.read()
            return Answer(response.status, dict(response.getheaders()), content, time.monotonic() - begin)
        finally:
            connection.close()

    def video(self, prompt: str, **fields: object) -> Answer:
        return self.ask(VIDEO, {"prompt": prompt, **fields})

    def together(self, path: str, bodies: Sequence[object]) -> list[Answer]:
        """All requests at once, each from a thread and connection of its own."""
        with ThreadPoolExecutor(len(bodies)) as pool:
            return list(pool.map(lambda body: self.ask(path, body), bodies))

    def stats(self) -> Any:
        return self.ask("/stats").json

    def stats_when(self, field: str, value: int) -> Any:
        """The statistics once `field` has `value`: of a client that went away the server learns a little later."""
        for _ in range(200):
            if (stats := self.stats())[field] == value:
                return stats
            time.sleep(0.05)
        raise AssertionError(f"{field} never became {value}: {self.stats()}")


def video_bytes(answer: Answer) -> bytes:
    return base64.b64decode(answer.json["video_bytes"])
