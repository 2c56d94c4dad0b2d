"""Runs one command as it was given, in the foreground of the same terminal, and hands on the signals that come.

The command gets a process group of its own, so that a signal reaches all of it, once: `mlcube` waits in the C library's
system(), which ignores SIGINT, and the engine's client, which stops the container, is its grandchild.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

from auditcube.errors import SetupFailed

HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# After a signal: who does not end by it gets the next. Docker without --init hands PID 1 a SIGTERM that it ignores.
_THEN = ((10.0, signal.SIGINT), (20.0, signal.SIGKILL))
_POLL_S = 0.1


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code as a shell tells it, and the first signal that was handed on, if any.

    `killed`: it had to be killed, so that a container may be left that nobody waits for.
    """

    exit_code: int
    signum: int | None = None
    killed: bool = False


@dataclass
class _Group:
    """A running command, whose group has the number of its process, and the terminal that it was given."""

    pid: int
    terminal: int | None
    signum: int | None = None
    killed: bool = False
    _since: float = 0.0
    _then: list[tuple[float, signal.Signals]] = field(default_factory=list)

    def hand_on(self, signum: int) -> None:
        """Send a signal that came, and remember the first."""
        if self.signum is None:
            self.signum, self._since, self._then = signum, time.monotonic(), list(_THEN)
        self._send(signal.Signals(signum))

    def press(self) -> bool:
        """Send the next signal to those who did not end by the one before; whether there is one left to send."""
        if self._then and time.monotonic() - self._since > self._then[0][0]:
            self._send(self._then.pop(0)[1])
        return bool(self._then)

    def _send(self, signum: signal.Signals) -> None:
        self.killed = self.killed or signum is signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signum)

    def _in_front(self, group: int) -> bool:
        try:
            return self.terminal is not None and os.tcgetpgrp(self.terminal) == group
        except OSError:  # it has gone
            return False

    @property
    def lives(self) -> bool:
        """Whether any process of it is left; its first was waited for."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stopped(self, signum: int) -> None:
        """The command was stopped, as by Ctrl-Z: stop as well, and go on together.

        One that was only faster than we were in giving it the terminal goes on at once.
        """
        if signum in (signal.SIGTTIN, signal.SIGTTOU) and self._in_front(self.pid):
            self._send(signal.SIGCONT)
            return
        _give(self.terminal, os.getpgrp())
        os.kill(os.getpid(), signal.SIGSTOP)
        if self._in_front(os.getpgrp()):
            _give(self.terminal, self.pid)
        self._send(signal.SIGCONT)


def run(argv: Sequence[str]) -> Ended:
    """Run a command to its end; standard input, output and error are its own. Raises SetupFailed if it does not start.

    After a signal that was handed on, all of them are ignored: what is to be written about it must be.
    """
    terminal = _terminal()
    with _Bell() as bell:
        try:
            pid = os.posix_spawnp(
                argv[0], list(argv), os.environ, setpgroup=0, setsigdef=[*bell.heard, signal.SIGTTOU, signal.SIGPIPE]
            )
        except OSError as problem:
            raise SetupFailed(f"{argv[0]}: does not start: {problem.strerror}") from problem
        group = _Group(pid, terminal)
        _give(terminal, pid)
        code = _wait(group, bell)
        _give(terminal, os.getpgrp())
    if group.signum is not None:
        for signum in HANDED_ON:
            signal.signal(signum, signal.SIG_IGN)
    return Ended(code if code >= 0 else 128 - code, group.signum, group.killed)


class _Bell:
    """Tells of signals one after another, whichever thread they were delivered to; use it in `with`.

    One that is ignored, as SIGHUP is under nohup, stays so.
    """

    def __init__(self) -> None:
        self.heard = [number for number in HANDED_ON if signal.getsignal(number) is not signal.SIG_IGN]
        self._came: list[int] = []

    def __enter__(self) -> _Bell:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._fd_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        ring = {number: self._ring for number in (*self.heard, signal.SIGCHLD)}
        # A process in the background that gives the terminal to another group is stopped, unless it ignores this.
        self._before = {number: signal.signal(number, handler) for number, handler in ring.items()}
        self._before[signal.SIGTTOU] = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        return self

    def _ring(self, signum: int, _: FrameType | None) -> None:
        self._came.append(signum)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        os.close(self._read)
        os.close(self._write)

    def wait(self, timeout_s: float | None) -> list[int]:
        """What came, at the latest after a time; all of it is told once."""
        if not self._came:
            select.select([self._read], [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
        came, self._came = self._came, []
        return came


def _wait(group: _Group, bell: _Bell) -> int:
    """The exit code of the command; after a signal, once nothing of it is left, or all was done to that end."""
    code: int | None = None
    while True:
        if code is None:
            code = _ended(group)
        if code is not None and (group.signum is None or not group.lives):
            return code
        if group.signum is not None and not group.press() and code is not None:
            return code
        for signum in bell.wait(None if group.signum is None else _POLL_S):
            if signum != signal.SIGCHLD:
                group.hand_on(signum)


def _ended(group: _Group) -> int | None:
    """The exit code of the command, negative for a signal; None while it runs."""
    pid, status = os.waitpid(group.pid, os.WNOHANG | os.WUNTRACED)
    if not pid:
        return None
    if os.WIFSTOPPED(status):
        group.stopped(os.WSTOPSIG(status))
        return None
    return os.waitstatus_to_exitcode(status)


def _terminal() -> int | None:
    """Standard input, where it is a terminal in whose foreground we are."""
    try:
        descriptor = sys.stdin.fileno()
        return descriptor if os.tcgetpgrp(descriptor) == os.getpgrp() else None
    except (OSError, ValueError, AttributeError):  # no terminal; a closed standard input
        return None


def _give(terminal: int | None, group: int) -> None:
    """Put a process group into the foreground of the terminal; one that has gone needs none."""
    if terminal is not None:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(terminal, group)
