"""Runs one command as it was given, in the foreground of the same terminal, and hands on the signals that come.

The command gets a process group of its own, so that a signal reaches all of it, once: `mlcube` waits in the C library's
system(), which ignores SIGINT, and the engine's client, which stops the container, is its grandchild.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from auditcube.errors import SetupFailed

HANDED_ON = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
_AWAITED = HANDED_ON | {signal.SIGCHLD}
# SIGTTOU: while it is blocked, a process in the background may give the terminal to another group.
_BLOCKED = _AWAITED | {signal.SIGTTOU}
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

    @property
    def lives(self) -> bool:
        """Whether any process of it is left; its first was waited for."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stop_too(self) -> None:
        """The command was stopped, as by Ctrl-Z: stop as well, and go on together."""
        _give(self.terminal, os.getpgrp())
        os.kill(os.getpid(), signal.SIGSTOP)
        if self.terminal is not None and os.tcgetpgrp(self.terminal) == os.getpgrp():
            _give(self.terminal, self.pid)
        self._send(signal.SIGCONT)


def run(argv: Sequence[str]) -> Ended:
    """Run a command to its end; standard input, output and error are its own. Raises SetupFailed if it does not start.

    After a signal that was handed on, SIGINT and SIGTERM are ignored: what is to be written about it must be.
    """
    terminal = _terminal()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
    try:
        pid = os.posix_spawnp(
            argv[0], list(argv), os.environ, setpgroup=0, setsigmask=before, setsigdef=[*HANDED_ON, signal.SIGPIPE]
        )
        group = _Group(pid, terminal)
        _give(terminal, pid)
        code = _wait(group)
        _give(terminal, os.getpgrp())
        if group.signum is not None:
            for signum in HANDED_ON:
                signal.signal(signum, signal.SIG_IGN)
    except OSError as problem:
        raise SetupFailed(f"{argv[0]}: does not start: {problem.strerror}") from problem
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Ended(code if code >= 0 else 128 - code, group.signum, group.killed)


def _wait(group: _Group) -> int:
    """The exit code of the command; after a signal, once nothing of it is left, or all was done to that end."""
    code: int | None = None
    while True:
        if group.signum is None:
            came = signal.sigwait(_AWAITED)
        else:
            info = signal.sigtimedwait(_AWAITED, _POLL_S)
            came = signal.Signals(info.si_signo) if info is not None else signal.SIGCHLD
        if came in HANDED_ON:
            group.hand_on(came)
        if code is None:
            code = _ended(group)
        if code is not None and (group.signum is None or not group.lives):
            return code
        if group.signum is not None and not group.press() and code is not None:
            return code


def _ended(group: _Group) -> int | None:
    """The exit code of the command, negative for a signal; None while it runs."""
    pid, status = os.waitpid(group.pid, os.WNOHANG | os.WUNTRACED)
    if not pid:
        return None
    if os.WIFSTOPPED(status):
        group.stop_too()
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
