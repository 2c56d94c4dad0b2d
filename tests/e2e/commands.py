"""The installed command as a user runs it, and the demonstration endpoint as a real server process beside it."""

from __future__ import annotations

import copy
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from auditcube.cli import main
from auditcube.evidence.store import Store
from auditcube.verification import check
from auditcube.verification.checked import Verification

AUDITCUBE = str(Path(sys.executable).with_name("auditcube"))
SIDECAR = "mlcube.run_audit.json"
DEAD_URL = "http://127.0.0.1:1"
ROWS = 48
REPEATED = (3, 5)
_WORDS = 8
_KEPT = ("PATH", "HOME", "TMPDIR")


def environment(**extra: str) -> dict[str, str]:
    """The environment of a command: only what it needs, and what measures coverage."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("COV")}
    return {**kept, "LC_ALL": "C.UTF-8", **extra}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> Any:
        """What `--json` printed: one object and nothing else."""
        return json.loads(self.out)


def auditcube(
    *arguments: str | Path, variables: Mapping[str, str] | None = None, cwd: Path | None = None, timeout_s: float = 60
) -> Ended:
    """Run one command to its end. However it ends, no traceback may be seen."""
    begin = time.monotonic()
    done = subprocess.run(
        [AUDITCUBE, *map(str, arguments)],
        env=environment(**(variables or {})),
        cwd=cwd,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)


def called(*arguments: str | Path, variables: Mapping[str, str] | None = None) -> Ended:
    """What the command's entry point does with these arguments, in this process: for cases of which the installed
    command has tried one of their kind, and which would be too many for the start of a process each.
    """
    out, err, begin = io.StringIO(), io.StringIO(), time.monotonic()
    with (
        mock.patch.dict(os.environ, environment(**(variables or {})), clear=True),
        mock.patch.object(signal, "signal"),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            code = main([*map(str, arguments)])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 70
    return Ended(code, out.getvalue(), err.getvalue(), time.monotonic() - begin)


class Server:
    """`auditcube demo_endpoint` on a free port; use it in `with`.

    Its videos are short: on a busy machine their real work must not take longer than the service time, which is what
    cheats and nuisances change.
    """

    def __init__(self, *arguments: str, service_ms: float = 20, variables: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [
                AUDITCUBE,
                "demo_endpoint",
                "--port",
                "0",
                "--token-ms",
                "0.1",
                "--max-frames",
                "2",
                "--service-ms",
                str(service_ms),
            ]
            + list(arguments),
            env=environment(**(variables or {})),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url = str(ready["url"])
        self.pid = int(ready["pid"])

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()

    def stats(self) -> Any:
        """The endpoint's own counts, once nothing is under way: a client that went away is noticed a little later."""
        wait_until("nothing is in flight", 10, lambda: not self._get("/stats", None)["in_flight"])
        return self._get("/stats", None)

    def reset(self) -> None:
        self._get("/stats/reset", b"")

    def _get(self, path: str, data: bytes | None) -> Any:
        with urllib.request.urlopen(self.url + path, data, timeout=10) as answer:
            return json.load(answer)


def sure_to_pass() -> Server:
    """An honest endpoint on which TEST04 passes however busy this machine is.

    Work costs what the prompt is long, and the rows that the audits repeat are three times as long as the others: the
    repetition is slow by nature, far from a limit that a delay of this machine could reach.
    """
    return Server("--nuisance", f"cost_by_length={_WORDS}")


def prompts(count: int = ROWS) -> list[dict[str, Any]]:
    """Rows of equal length, but for the two that are repeated."""
    words = [f"a river under bridge number {number:03d} at dawn" for number in range(count)]
    return [{"prompt": " ".join([text] * (3 if row in REPEATED else 1))} for row, text in enumerate(words)]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` over it, mappings member by member."""
    result: dict[str, Any] = copy.deepcopy(dict(base))
    for name, value in changes.items():
        inside = isinstance(value, Mapping) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if inside else value
    return result


def job(
    folder: Path, url: str, changes: Mapping[str, Any] | None = None, *, name: str = "job.yaml", **test04: Any
) -> Path:
    """A config file for TEST04 with its data set beside it, changed as told; `test04` are the audit's parameters.

    Timing is not the point of most tests: the threshold is 0.9, and far more queries are in flight than are served.
    See `sure_to_pass`.
    """
    dataset = folder / "prompts.jsonl"
    if not dataset.exists():
        write_rows(dataset, prompts())
    base = {
        "benchmark": "river",
        "scenario": "Offline",
        "endpoint": {"url": url, "api": "videogen", "model": "demo", "timeout_s": 20.0},
        "dataset": {"path": dataset.name, "id": "rivers", "provenance": "written by a test"},
        "load": {"max_in_flight": 16, "max_duration_s": 60.0},
        "audits": [{"test": "test04", "samples": 24, "threshold": 0.9, **test04}],
    }
    config = folder / name
    config.write_text(yaml.safe_dump(merged(base, changes or {}), sort_keys=False), "utf-8")
    return config


def audit(config: Path, output: Path, *more: str | Path, task: str = "audit", **options: Any) -> Ended:
    """A task of the installed command."""
    return auditcube(task, "--config", config, "--output_dir", output, *more, **options)


def audit_here(config: Path, output: Path, *more: str | Path, task: str = "audit", **options: Any) -> Ended:
    """The same without the start of a process; see `called`."""
    done = called(task, "--config", config, "--output_dir", output, *more, **options)
    assert "Traceback" not in done.err
    return done


def verified(*directories: Path) -> Verification:
    """What `verify` says, without the cost of a process; the reference comes first."""
    *before, last = map(Store, directories)
    reference = check(before[0]) if before else None
    return Verification([*([reference] if reference else []), check(last, reference)])


def sidecar(output: Path) -> Any:
    return json.loads((output / SIDECAR).read_text("utf-8"))


def verdict(output: Path) -> Any:
    (only,) = sidecar(output)["verdicts"]
    return only


def remarks(output: Path) -> dict[str, str]:
    return {remark["code"]: remark["text"] for remark in verdict(output)["remarks"]}


def summary(output: Path, label: str) -> Any:
    return json.loads((output / "runs" / label / "summary.json").read_text("utf-8"))


def records(output: Path, label: str) -> list[dict[str, Any]]:
    """Every line of a run's event files; each must be whole."""
    paths = sorted((output / "runs" / label).glob("events*.jsonl"))
    texts = [path.read_text("utf-8") for path in paths]
    assert all(text.endswith("\n") for text in texts)
    return [json.loads(line) for text in texts for line in text.splitlines()]


def events(output: Path, label: str) -> list[dict[str, Any]]:
    return [record for record in records(output, label) if "ordinal" in record]


def statuses(output: Path, label: str) -> Counter[str]:
    return Counter(event["status"] for event in events(output, label))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def children(pid: int) -> set[int]:
    """The processes below `pid`, at any depth."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parents[int(entry.name)] = _parent(entry)
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(what: str, seconds: float, holds: Any) -> float:
    """Wait until `holds()`; how long it took. Fails after `seconds`."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begin


def started(*arguments: str | Path, **popen: Any) -> subprocess.Popen[bytes]:
    """A command under way, in a process group of its own; the caller waits for it."""
    return subprocess.Popen(
        [AUDITCUBE, *map(str, arguments)],
        env=environment(**popen.pop("variables", {})),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **popen,
    )


def lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file that may still grow, or not be there yet."""
    if path.exists():
        yield from path.read_bytes().splitlines()
