"""Processes and servers for the benchmarks: started, measured from outside, and ended."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
AUDITCUBE = Path(sys.executable).with_name("auditcube")

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/errors; events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; {temporary}
  server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }}
}}
"""


@dataclass(frozen=True)
class Cost:
    """What a whole process tree cost: the operating system's own accounts, descendants that were waited for included.

    `peak_mb` is that of its largest process.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    output: str


def run(command: Sequence[str | Path], timeout_s: float = 580.0) -> Cost:
    """Run a command to its end. Raises CalledProcessError, with its output, if it fails."""
    start = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert process.stdout is not None
        output = process.stdout.read().decode("utf-8", "replace")
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, [str(part) for part in command], output)
    wall_s = time.monotonic() - start
    if wall_s > timeout_s:
        raise subprocess.TimeoutExpired([str(part) for part in command], timeout_s)
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / 1024, output)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def serving(command: Sequence[str | Path], port: int) -> Iterator[str]:
    """A server while the block runs; its base URL."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def small_answers(folder: Path) -> Iterator[str]:
    """The endpoint of small answers: nginx where it is installed, since nothing written in Python keeps up with wrk."""
    port = free_port()
    if (nginx := shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")) is None:
        with serving([sys.executable, HERE / "null_endpoint.py", "--port", str(port)], port) as url:
            yield url
        return
    from null_endpoint import whole_answer

    folder.mkdir(parents=True, exist_ok=True)
    body = whole_answer().partition(b"\r\n\r\n")[2].decode()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, body=body, temporary=temporary))
    with serving([nginx, "-c", config], port) as url:
        yield url


@contextmanager
def null_endpoint(*options: str) -> Iterator[str]:
    port = free_port()
    with serving([sys.executable, HERE / "null_endpoint.py", "--port", str(port), *options], port) as url:
        yield url


def config(folder: Path, url: str, queries: int, **changes: object) -> Path:
    """A config of a performance run of ours: Offline, 64 in flight, 1000 different prompts, unless changed."""
    folder.mkdir(parents=True, exist_ok=True)
    prompts = folder / "prompts.jsonl"
    if not prompts.exists():
        lines = (f'{{"prompt": "{number} {"word " * 24}"}}\n' for number in range(1000))
        prompts.write_text("".join(lines))
    stream = changes.pop("stream", False)
    scenario = changes.pop("scenario", "Offline")
    load = {"min_queries": queries, "max_in_flight": 64, "max_duration_s": 500.0, **changes}
    path = folder / "job.yaml"
    path.write_text(
        f"benchmark: load\nscenario: {scenario}\n"
        f"endpoint: {{url: '{url}', api: openai_completions, parameters: {{stream: {str(stream).lower()}}}}}\n"
        "dataset: {path: prompts.jsonl}\n"
        f"load: {{{', '.join(f'{key}: {value}' for key, value in load.items())}}}\n"
    )
    return path


def auditcube(folder: Path, url: str, queries: int, **changes: object) -> Cost:
    """A whole `run_reference`, to the sidecar and the report; its output directory is `folder/out`."""
    path = config(folder, url, queries, **changes)
    shutil.rmtree(folder / "out", ignore_errors=True)
    return run([AUDITCUBE, "run_reference", "--config", path, "--output_dir", folder / "out"])
