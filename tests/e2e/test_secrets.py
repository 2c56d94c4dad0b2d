"""An API key in the environment enters no file, no screen and no process list, also when requests fail."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from e2e.commands import (
    Server,
    audit,
    audit_here,
    called,
    children,
    contents,
    events,
    job,
    lines,
    started,
    statuses,
    verdict,
    wait_until,
)

KEY = "sk-Zq8/+quoted\"key'&<>=7f3a"
NAME = "RIVER_KEY"
KEYED = {"endpoint": {"api_key_env": NAME}}


def leaks(key: str, *texts: bytes) -> list[bytes]:
    """Every text in which the key, or a good part of it, can be read."""
    pieces = [key[at : at + 8].encode() for at in range(len(key) - 7)]
    return [text for text in texts if any(piece in text for piece in pieces)]


def nowhere(key: str, output: Path, *screens: str) -> None:
    files = contents(output)
    assert files
    assert leaks(key, *files.values(), *(screen.encode() for screen in screens)) == []


def test_the_right_key_opens_the_endpoint_and_stays_secret(tmp_path: Path) -> None:
    keys = {NAME: KEY}
    with Server("--require-key-env", NAME, "--nuisance", "errors=0.3", variables=keys) as server:
        config = job(tmp_path, server.url, KEYED)
        done = audit(config, tmp_path / "out", "-v", variables=keys)
        ok = sum(statuses(tmp_path / "out", label)["ok"] for label in ("reference", "test04"))
        assert (done.code, server.stats()["completed"]) == (6, ok)
        assert 0 < ok < 48
        asked = called("probe", "--config", config, "-v", variables=keys)
    nowhere(KEY, tmp_path / "out", done.out, done.err, asked.out, asked.err)
    assert NAME in (tmp_path / "out/config.yaml").read_text()


@pytest.mark.parametrize("keys", [{NAME: "sk-wrong-and-secret"}, {}], ids=["wrong", "not set"])
def test_a_wrong_key_is_told_and_kept(tmp_path: Path, keys: dict[str, str]) -> None:
    with Server("--require-key-env", NAME, variables={NAME: KEY}) as server:
        config = job(tmp_path, server.url, KEYED)
        done = audit(config, tmp_path / "out", "-v", variables=keys)
        assert done.code in (2, 4)
        if done.code == 4:
            assert {event["http_status"] for event in events(tmp_path / "out", "reference")} == {401}
            assert verdict(tmp_path / "out")["outcome"] == "INCONCLUSIVE"
        asked = called("probe", "--config", config, variables=keys)
        assert asked.code in (2, 4)
    nowhere(keys.get(NAME, KEY), tmp_path, done.out, done.err, asked.out, asked.err)


def test_the_key_is_in_no_process_list(tmp_path: Path) -> None:
    keys = {NAME: KEY}
    with Server("--require-key-env", NAME, "--slots", "1", service_ms=100, variables=keys) as server:
        config = job(tmp_path, server.url, KEYED)
        process = started("audit", "--config", config, "--output_dir", tmp_path / "out", variables=keys,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        wait_until("events", 20, lambda: len(list(lines(tmp_path / "out/runs/reference/events.jsonl"))) > 3)
        seen = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in [process.pid, *children(process.pid)]}
        process.terminate()
        process.wait(10)
    assert len(seen) == 2
    assert leaks(KEY, *seen.values()) == []


class Echo(BaseHTTPRequestHandler):
    """A server that repeats what it was sent in its errors, after some padding."""

    protocol_version = "HTTP/1.1"
    paddings: Iterator[int]

    def do_GET(self) -> None:
        self._answer(200, b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        told = "." * next(self.paddings) + f" you sent {self.headers['Authorization']}, go away"
        self._answer(500, json.dumps({"error": {"message": told}}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


class QuietServer(ThreadingHTTPServer):
    """Says nothing of a client that went away in the middle: this process's screen is what is looked at."""

    def handle_error(self, *_: object) -> None:
        """Silent."""


@contextmanager
def echo(paddings: range) -> Iterator[str]:
    handler = type("PaddedEcho", (Echo,), {"paddings": itertools.cycle(paddings)})
    with QuietServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_repeats_the_key_is_not_repeated(tmp_path: Path) -> None:
    """Wherever a long error is cut, at 200 characters as here: not even a part of the key is kept."""
    with echo(range(155, 155 + 48)) as url:
        done = audit_here(job(tmp_path, url, KEYED, samples=48), tmp_path / "out", "-v", variables={NAME: KEY})
    assert done.code == 4
    assert statuses(tmp_path / "out", "reference") == {"http_error": 48}
    nowhere(KEY, tmp_path / "out", done.out, done.err)


@pytest.mark.parametrize("key", ["schlüssel-ключ-secret", "sk-two\nlines-secret", "sk-secret\r\nX-Evil: yes"])
def test_a_key_that_no_header_can_hold_is_no_crash(tmp_path: Path, key: str) -> None:
    with Server() as server:
        done = audit_here(job(tmp_path, server.url, KEYED), tmp_path / "out", variables={NAME: key})
        assert server.stats()["requests"] == 0
    assert done.code == 2
    assert NAME in done.err
    assert leaks(key, done.err.encode(), done.out.encode()) == []
