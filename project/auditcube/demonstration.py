"""The command `demo`: the embedded endpoint in a process of its own, and the main job run against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from auditcube import starter, tasks
from auditcube.demo.prompts import prompts
from auditcube.errors import ExitCode, InvalidInput, SetupFailed
from auditcube.load.crew import crew_of

if TYPE_CHECKING:
    from auditcube.results import Performed

_STOP_S = 2.0


def dataset_bytes() -> bytes:
    """The built-in data set as a JSONL file."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in prompts()).encode()


@contextmanager
def endpoint(arguments: Sequence[str]) -> Iterator[str]:
    """The demonstration endpoint on a free port, with these extra arguments; gives its URL. Raises SetupFailed."""
    program = f"import sys; sys.path = {sys.path!r}; from auditcube.demo.server import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "--exit-with-parent", str(os.getpid()), *arguments]
    # A session of its own: Ctrl-C at the terminal is for us, and what it cancels should still find the endpoint there.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            kind = InvalidInput if code == ExitCode.INVALID_INPUT else SetupFailed
            raise kind(f"the demonstration endpoint did not start (exit code {code})")
        yield str(json.loads(line)["url"])
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def run(
    arguments: Sequence[str], scenario: str, api: str, output_dir: Path, overwrite: bool, progress: bool,
    mlcube_config: Path | None, environ: Mapping[str, str],
) -> Performed:  # fmt: skip
    """The main job against an endpoint started with `arguments`; the result is in `output_dir`."""
    with tempfile.TemporaryDirectory(prefix="auditcube-demo-") as folder, endpoint(arguments) as url:
        config, dataset = Path(folder, "demo.yaml"), Path(folder, starter.DATASET)
        samples = 32 if scenario == "SingleStream" else 192
        config.write_text(starter.config_text(url, api=api, scenario=scenario, samples=samples), "utf-8")
        dataset.write_bytes(dataset_bytes())
        options = tasks.Options(config, output_dir, None, mlcube_config, overwrite, progress)
        with crew_of(1) as crew:
            return tasks.audit(options, environ, crew)
