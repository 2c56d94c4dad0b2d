"""An alarm clock for an event loop: rings within microseconds of a due time, where a loop's own timers round to
milliseconds.

It is a Linux timerfd (timerfd_create(2)), which the loop waits for like for a socket. Python has it from 3.13 on only,
so it is called through the C library. Where there is none (not Linux) the loop's timers must do.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress

_S = 1_000_000_000
_NONBLOCK, _CLOEXEC, _ABSOLUTE = os.O_NONBLOCK, os.O_CLOEXEC, 1
_LOOP_TICK_S = 0.001  # how early a loop's own timer may be


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("ns", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("first", _Timespec))


class Alarm:
    """Calls `rings` on the loop at the times that it is set to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rings: Callable[[], None]) -> None:
        self._loop = loop
        self._rings = rings
        self._fallback: asyncio.TimerHandle | None = None
        self._at_ns = 0
        self._library = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._descriptor = -1
        if self._library is not None:
            self._descriptor = self._library.timerfd_create(time.CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
            if self._descriptor < 0:
                raise OSError(ctypes.get_errno(), "no timer (timerfd_create)")
            loop.add_reader(self._descriptor, self._rang)

    def set(self, at_ns: int) -> None:
        """Ring at this time of the monotonic clock, at once if it is past; an earlier setting is forgotten."""
        if at_ns == self._at_ns:
            return
        self._at_ns = at_ns
        if self._library is not None:
            at_ns = max(at_ns, 1)  # 0 would disarm it
            timer = _Timer(_Timespec(0, 0), _Timespec(at_ns // _S, at_ns % _S))
            self._library.timerfd_settime(self._descriptor, _ABSOLUTE, ctypes.byref(timer), None)
        else:
            self._set_fallback()

    def close(self) -> None:
        """Never ring again."""
        self._cancel()
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _set_fallback(self) -> None:
        self._cancel()
        delay_s = (self._at_ns - time.monotonic_ns()) / _S + _LOOP_TICK_S
        self._fallback = self._loop.call_later(max(0.0, delay_s), self._rang_of_fallback)

    def _cancel(self) -> None:
        if self._fallback is not None:
            self._fallback.cancel()

    def _rang_of_fallback(self) -> None:
        """A loop counts whole milliseconds from a clock of whole ones: it may be earlier than the tick allows for."""
        if time.monotonic_ns() < self._at_ns:
            self._set_fallback()
        else:
            self._rang()

    def _rang(self) -> None:
        self._at_ns = 0
        if self._descriptor >= 0:
            with suppress(BlockingIOError):  # set anew between the ring and this call
                os.read(self._descriptor, 8)
        self._rings()
