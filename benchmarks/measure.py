"""Processes and servers for the benchmarks: started, measured from outside, and ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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

    `children_s` is the part of `cpu_s` that its children had (of auditcube: the workers). `peak_mb` is the peak of its
    largest process and `together_mb` that of all at one time, pages that they share counted once for each.
    `started_s` is the time of day, in seconds since 1970, at which the command was started.
    """

    cpu_s: float
    children_s: float
    wall_s: float
    started_s: float
    peak_mb: float
    together_mb: float
    output: str


def run(command: Sequence[str | Path], timeout_s: float = 580.0) -> Cost:
    """Run a command to its end.

    Raises CalledProcessError, with its output, if it fails, and TimeoutExpired if it must be killed for its time.
    """
    words = [str(part) for part in command]
    started_s, start = time.time(), time.monotonic()
    # A session of its own, so that all of it can be killed.
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    late = threading.Timer(timeout_s, _kill, [process.pid])
    late.start()
    try:
        assert process.stdout is not None
        with Memory(process.pid) as memory:
            output = process.stdout.read().decode("utf-8", "replace")
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        children_s = _children_s(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        _kill(process.pid)
        raise
    finally:
        late.cancel()
    wall_s = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if wall_s >= timeout_s:
        raise subprocess.TimeoutExpired(words, timeout_s, output)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, words, output)
    cpu_s = usage.ru_utime + usage.ru_stime
    # Not ru_maxrss: a process starts with that of the one that started it, which is this one.
    return Cost(cpu_s, children_s, wall_s, started_s, memory.peak_mb, memory.together_mb, output)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _children_s(pid: int) -> float:
    """CPU seconds of the children that a process has waited for; it may have ended if nobody has waited for it yet."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


class Memory:
    """Looks at the memory of a process and its descendants 20 times a second, while its block runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak_mb = self.together_mb = 0.0

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            sizes = [_size_mb(pid) for pid in _tree(self._pid)]
            self.together_mb = max(self.together_mb, sum(now for _, now in sizes))
            self.peak_mb = max([self.peak_mb, *(peak for peak, _ in sizes)])


def _tree(pid: int) -> Iterator[int]:
    """A process and all its descendants, as far as they are still there."""
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _tree(int(child))


def _size_mb(pid: int) -> tuple[float, float]:
    """Peak and present memory of one process; nothing if it has ended."""
    found = {"VmHWM": 0.0, "VmRSS": 0.0}
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0]) / 1024
    return found["VmHWM"], found["VmRSS"]


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
        else:
            raise RuntimeError(f"no server: {' '.join(map(str, command))}")
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
    load = {"min_queries": queries, "max_in_flight": 64, "max_duration_s": 300.0, **changes}
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
