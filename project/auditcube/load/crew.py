"""Worker processes, started before there is anything for them to do: their start-up then costs no run any time.

Imports next to nothing, so that the first of them can be started before all else.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def start() -> subprocess.Popen[bytes]:
    """A worker process, which imports what it needs and then waits for its share on its standard input."""
    # The worker imports from where we do; `-m` would put the current directory first, and whatever lies there.
    program = f"import sys; sys.path = {sys.path!r}; from auditcube.load.worker import main; main()"
    # Blocked signals stay so in the child: Ctrl-C is for us, also before the worker has come to ignore it.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        # Unbuffered: select() knows nothing of what a buffer of ours holds.
        return subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


class Crew:
    """Workers in waiting; `dismiss` lets go whoever was not taken."""

    def __init__(self) -> None:
        self._waiting: list[subprocess.Popen[bytes]] = []

    def call_up(self, workers: int) -> None:
        """Have at least so many waiting."""
        while len(self._waiting) < workers:
            self._waiting.append(start())

    def take(self) -> subprocess.Popen[bytes]:
        """One that waited, or else a new one; it is the caller's from then on."""
        return self._waiting.pop(0) if self._waiting else start()

    def dismiss(self) -> None:
        """End those that still wait: they were told nothing, and have nothing to write down."""
        while self._waiting:
            with self._waiting.pop() as process:  # waits for its end, and closes its pipes
                process.kill()


@contextmanager
def crew_of(workers: int) -> Iterator[Crew]:
    """A crew with so many workers waiting."""
    crew = Crew()
    try:
        crew.call_up(workers)
        yield crew
    finally:
        crew.dismiss()
