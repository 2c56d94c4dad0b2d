"""A command in the foreground: its exit code, its streams, and the signals that it is handed."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

from auditcube.errors import SetupFailed
from auditcube.recording import child

# Runs a command as `record` does, and says on the last line how it ended. THEN: the signals after the first one.
PROGRAM = """
import dataclasses, json, signal, sys
from auditcube.recording import child
child._THEN = [(after, signal.Signals(signum)) for after, signum in json.loads(sys.argv[1])]
print(json.dumps(dataclasses.asdict(child.run(sys.argv[2:]))), flush=True)
"""
SLEEPS = "sleep 60 & trap 'kill $!; exit 7' INT TERM; echo begun; wait"  # `&` has it ignore SIGINT
# As `mlcube` does: it waits in system(), which ignores SIGINT, for a grandchild.
NESTED = f"import os, sys; sys.exit(os.waitstatus_to_exitcode(os.system({SLEEPS!r})))"
STUBBORN = "import signal, time; [signal.signal(n, 1) for n in (2, 15)]; print('begun', flush=True); time.sleep(60)"


def test_another_thread_takes_no_signal_away() -> None:
    """A signal goes to any thread of a process; the end of the command is one."""
    over = threading.Event()
    threads = [threading.Thread(target=over.wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    before = [signal.getsignal(number) for number in (*child.HANDED_ON, signal.SIGCHLD, signal.SIGTTOU)]
    try:
        assert [child.run(["sh", "-c", f"sleep 0.02; exit {code}"]).exit_code for code in range(5)] == [*range(5)]
    finally:
        over.set()
    assert [signal.getsignal(number) for number in (*child.HANDED_ON, signal.SIGCHLD, signal.SIGTTOU)] == before


def test_what_was_ignored_stays_so() -> None:
    """Under nohup a hang-up ends nothing."""
    program = "import signal; signal.signal(1, signal.SIG_IGN)\n" + PROGRAM
    command = [sys.executable, "-c", program, "[]", "sh", "-c", "echo begun; sleep 0.5; exit 3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = hung_up(process)
    assert told == {"exit_code": 3, "signum": None, "killed": False}


def hung_up(process: subprocess.Popen[str]) -> object:
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGHUP)
    return json.loads(process.communicate(timeout=20)[0])


def test_the_exit_code_is_that_of_the_command() -> None:
    assert child.run(["sh", "-c", "exit 42"]) == child.Ended(42)
    assert child.run(["sh", "-c", "kill -9 $$"]) == child.Ended(137)
    with pytest.raises(SetupFailed, match="no-such-command: does not start"):
        child.run(["no-such-command"])


def started(then: list[tuple[float, int]], *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(then), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_streams_are_the_commands_own() -> None:
    with started([], "sh", "-c", "cat; echo error >&2") as process:
        out, err = process.communicate("given\n", timeout=20)
    assert out.splitlines()[0] == "given"
    assert json.loads(out.splitlines()[1]) == {"exit_code": 0, "signum": None, "killed": False}
    assert err == "error\n"


def after_a_signal(process: subprocess.Popen[str], signum: signal.Signals) -> dict[str, object]:
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signum)
        out, _ = process.communicate(timeout=30)
    told: dict[str, object] = json.loads(out.splitlines()[-1])
    return told


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_a_grandchild(signum: signal.Signals) -> None:
    told = after_a_signal(started([], sys.executable, "-c", NESTED), signum)
    assert (told["signum"], told["killed"]) == (signum, False)
    # Python itself ends by SIGTERM before the shell that it waits for does; by SIGINT it does not.
    assert told["exit_code"] == (7 if signum == signal.SIGINT else 143)


def test_who_ignores_a_signal_gets_the_next_and_is_killed_last() -> None:
    began = time.monotonic()
    then = [(0.2, int(signal.SIGINT)), (0.5, int(signal.SIGKILL))]
    told = after_a_signal(started(then, sys.executable, "-c", STUBBORN), signal.SIGTERM)
    assert told == {"exit_code": 137, "signum": 15, "killed": True}
    assert time.monotonic() - began < 20


def test_what_comes_after_an_interruption_is_not_interrupted() -> None:
    program = PROGRAM + "import os; os.kill(os.getpid(), 2); os.kill(os.getpid(), 15); print('alive')"
    with subprocess.Popen(
        [sys.executable, "-c", program, "[]", "sh", "-c", SLEEPS], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert out.splitlines()[-1] == "alive"


class Terminal:
    """PROGRAM as the leader of a session on a terminal of its own, with keys to type; use it in `with`."""

    def __init__(self, command: str) -> None:
        controlled = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n" + PROGRAM
        self._keys, other = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", controlled, "[]", "sh", "-c", command], stdin=other, stdout=other, stderr=other,
            start_new_session=True,
        )  # fmt: skip
        os.close(other)
        self.seen = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(20)
        os.close(self._keys)

    def until(self, word: bytes) -> None:
        """Read until a word was printed."""
        deadline = time.monotonic() + 20
        while word not in self.seen and time.monotonic() < deadline:
            if select.select([self._keys], [], [], 0.1)[0]:
                self.seen += os.read(self._keys, 4096)
        assert word in self.seen, self.seen

    def type(self, key: bytes) -> None:
        time.sleep(0.3)  # the command may be faster than whoever gives it the terminal
        os.write(self._keys, key)

    def told(self) -> object:
        self.until(b"}")
        return json.loads(self.seen[self.seen.index(b"{") :])


def test_ctrl_c_goes_to_the_command_in_the_foreground() -> None:
    with Terminal(SLEEPS) as terminal:
        terminal.until(b"begun")
        terminal.type(b"\x03")
        assert terminal.told() == {"exit_code": 7, "signum": None, "killed": False}


def test_the_command_reads_what_is_typed() -> None:
    with Terminal("read word; echo got $word; exit 5") as terminal:
        terminal.type(b"something\n")
        terminal.until(b"got something")
        assert terminal.told() == {"exit_code": 5, "signum": None, "killed": False}


def test_ctrl_z_stops_both_and_both_go_on() -> None:
    with Terminal(SLEEPS) as terminal:
        terminal.until(b"begun")
        terminal.type(b"\x1a")
        pid, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert (pid, os.WIFSTOPPED(status)) == (terminal.process.pid, True)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.type(b"\x03")
        assert terminal.told() == {"exit_code": 7, "signum": None, "killed": False}
