"""The ways to an endpoint, one for each of its URLs, and which of them a query takes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping

from auditcube.load.share import Balance
from auditcube.load.target import Target
from auditcube.load.transport import Pool

_KEPT_BYTES = 2**24  # of requests that are ready to be sent, over all lanes


class Lane:
    """One URL: its connections, its requests made ready, and how many are on their way."""

    __slots__ = ("_head", "_kept_bytes", "in_flight", "pool", "requests")

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Target, headers: Mapping[str, str], share: int) -> None:
        self.pool = Pool(loop, target)
        self.in_flight = 0
        self._head = target.head(headers)
        self.requests: dict[int, bytes] = {}  # whole requests by row, of those that were made before
        self._kept_bytes = _KEPT_BYTES // share

    def request(self, body: bytes) -> bytes:
        """A whole request."""
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)

    def keep(self, sample: int, request: bytes) -> None:
        """Have a request ready for the next time that its row is asked for, as far as there is room."""
        self._kept_bytes -= len(request)
        if self._kept_bytes >= 0:
            self.requests[sample] = request


def chooser(lanes: list[Lane], balance: Balance, worker: int) -> Callable[[], Lane]:
    """What gives the lane of the next query: each in turn, workers starting apart, or the one with least to do."""
    if balance == "least_in_flight" and len(lanes) > 1:
        return lambda: min(lanes, key=_in_flight)
    return itertools.islice(itertools.cycle(lanes), worker % len(lanes), None).__next__


def _in_flight(lane: Lane) -> int:
    return lane.in_flight
