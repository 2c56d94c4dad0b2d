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
from pathlib import Path

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


def on_a_terminal(tmp_path: Path, *typed: tuple[str, bytes]) -> tuple[int, str]:
    """PROGRAM on a terminal of its own, with keys typed when a word has been printed; exit code and what was seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM, "[]", "sh", "-c", SLEEPS])
    seen, left = b"", list(typed)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            read = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        seen += read
        if left and left[0][0].encode() in seen:
            time.sleep(0.3)  # the command may be faster than whoever gives it the terminal
            os.write(terminal, left.pop(0)[1])
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), seen.decode()


def test_ctrl_c_goes_to_the_command_in_the_foreground(tmp_path: Path) -> None:
    code, seen = on_a_terminal(tmp_path, ("begun", b"\x03"))
    assert code == 0
    assert json.loads(seen[seen.index("{") :]) == {"exit_code": 7, "signum": None, "killed": False}
