"""What makes an honest endpoint difficult to measure. Each nuisance is one class and one row of `NUISANCES`."""

from __future__ import annotations

import asyncio
import math
import os
from dataclasses import dataclass, replace

from auditcube.demo.calls import Call, Refused
from auditcube.demo.chance import fraction, normal
from auditcube.demo.switches import Entry, Value

_COLD = 3.0
"""How many times slower than normal the first request of a warm-up is."""
_DRIBBLED_BYTES = 2000


@dataclass(frozen=True)
class Delivery:
    """How an answer leaves: its first `dribble` bytes one by one, broken, the connection closed after it."""

    dribble: int = 0
    malformed: bool = False
    close: bool = False

    @property
    def live(self) -> bool:
        """Whether a stream may leave while it is made."""
        return not (self.dribble or self.malformed)


class Nuisance:
    """An endpoint without trouble: each nuisance overrides what it spoils.

    `ordinal` counts from 0: requests in `admit` and `deliver`, computations in `slowdown`.
    """

    async def admit(self, call: Call, ordinal: int) -> None:
        """Before anything is done for the request: return, wait, or raise `Refused`."""

    def slowdown(self, call: Call, ordinal: int) -> float:
        """The factor on the service time."""
        return 1.0

    def refusal(self, refused: Refused) -> Refused:
        """The refusal that is sent in place of one raised in `admit`."""
        return refused

    def deliver(self, delivery: Delivery, ordinal: int) -> Delivery:
        """How the answer leaves."""
        return delivery

    def answered(self, count: int) -> None:
        """After the answer number `count`, from 1, has left."""


class WarmUp(Nuisance):
    """The first computations are slower: three times at first, drifting to normal over `count` of them."""

    def __init__(self, count: float) -> None:
        self._count = count

    def slowdown(self, call: Call, ordinal: int) -> float:
        """From 3 down to 1."""
        return 1 + (_COLD - 1) * max(0.0, 1 - ordinal / self._count)


class Jitter(Nuisance):
    """Service times scatter: log-normal with mean 1 and this coefficient of variation."""

    def __init__(self, variation: float, seed: int) -> None:
        self._sigma, self._seed = math.sqrt(math.log1p(variation**2)), seed

    def slowdown(self, call: Call, ordinal: int) -> float:
        """By chance, the same for the same seed and ordinal."""
        return math.exp(self._sigma * normal(self._seed, "jitter", ordinal) - self._sigma**2 / 2)


class CostByLength(Nuisance):
    """The service time grows with the prompt: it is normal at this many words."""

    def __init__(self, words: float) -> None:
        self._words = words

    def slowdown(self, call: Call, ordinal: int) -> float:
        """In proportion to the words."""
        return call.words / self._words


class Errors(Nuisance):
    """A share of the requests fails at once."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate, self._seed = rate, seed

    async def admit(self, call: Call, ordinal: int) -> None:
        """Raises for the unlucky."""
        if fraction(self._seed, "errors", ordinal) < self._rate:
            raise Refused(500, "injected error")


class ErrorStatus(Nuisance):
    """Injected errors have this status."""

    def __init__(self, status: float) -> None:
        self._status = int(status)

    def refusal(self, refused: Refused) -> Refused:
        """The same with the other status."""
        return Refused(self._status, refused.message)


class Stall(Nuisance):
    """After this many requests, answers never come."""

    def __init__(self, after: float) -> None:
        self._after = after

    async def admit(self, call: Call, ordinal: int) -> None:
        """Waits until the client goes away."""
        if ordinal >= self._after:
            await asyncio.get_running_loop().create_future()


class DieAfter(Nuisance):
    """After this many answers the process is gone, without a word to anyone."""

    def __init__(self, count: float) -> None:
        self._count = count

    def answered(self, count: int) -> None:
        """The end."""
        if count >= self._count:
            os._exit(1)


class SlowFirstByte(Nuisance):
    """Every answer starts this much later; it holds no slot meanwhile."""

    def __init__(self, delay_ms: float) -> None:
        self._delay_s = delay_ms / 1000

    async def admit(self, call: Call, ordinal: int) -> None:
        """Waits."""
        await asyncio.sleep(self._delay_s)


class Malformed(Nuisance):
    """A share of the answers is broken: JSON, MP4 or event stream cut in the middle, under status 200."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate, self._seed = rate, seed

    def deliver(self, delivery: Delivery, ordinal: int) -> Delivery:
        """Breaks the unlucky."""
        return replace(delivery, malformed=fraction(self._seed, "malformed", ordinal) < self._rate)


class CloseAfterEach(Nuisance):
    """The connection is closed after every answer, as `Connection: close` in it says."""

    def deliver(self, delivery: Delivery, ordinal: int) -> Delivery:
        """Marks it."""
        return replace(delivery, close=True)


class ByteAtATime(Nuisance):
    """The first bytes of every answer leave one by one; a streamed answer starts when it is complete."""

    def __init__(self, count: float) -> None:
        self._count = int(count)

    def deliver(self, delivery: Delivery, ordinal: int) -> Delivery:
        """Marks it."""
        return replace(delivery, dribble=self._count)


NUISANCES: dict[str, Entry[Nuisance]] = {
    "warm_up": Entry(lambda value, _context: WarmUp(value), Value("N requests", 1, whole=True)),
    "jitter": Entry(lambda value, context: Jitter(value, context.seed), Value("CV", 0, 10)),
    "cost_by_length": Entry(lambda value, _context: CostByLength(value), Value("WORDS of normal cost", 1, default=20)),
    "errors": Entry(lambda value, context: Errors(value, context.seed), Value("RATE", 0, 1)),
    "error_status": Entry(lambda value, _context: ErrorStatus(value), Value("CODE", 400, 599, whole=True)),
    "stall": Entry(lambda value, _context: Stall(value), Value("AFTER_N requests", 0, whole=True)),
    "die_after": Entry(lambda value, _context: DieAfter(value), Value("N answers", 1, whole=True)),
    "slow_first_byte": Entry(lambda value, _context: SlowFirstByte(value), Value("MS", 0)),
    "malformed": Entry(lambda value, context: Malformed(value, context.seed), Value("RATE", 0, 1)),
    "close_after_each": Entry(lambda _value, _context: CloseAfterEach()),
    "byte_at_a_time": Entry(
        lambda value, _context: ByteAtATime(value), Value("N bytes", 1, default=_DRIBBLED_BYTES, whole=True)
    ),
}
"""`--nuisance NAME[=VALUE]`"""
