"""The records of a run: one terminal event per query, between one start and one end record per worker.

A file of events is JSON lines. The first is `{"start": ...}`, then one object per query in order of completion, then
`{"end": ...}`. A file without the end record is the readable prefix of a run that was killed. All `_ns` are integer
nanoseconds of the monotonic clock since the run's origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import orjson


class Status(str, Enum):
    """How a query ended; only OK counts as completed."""

    OK = "ok"
    HTTP_ERROR = "http_error"
    TRANSPORT_ERROR = "transport_error"
    TIMEOUT = "timeout"
    DECODE_ERROR = "decode_error"
    CANCELLED = "cancelled"


_OK = b'{"ordinal":%d,"sample":%d,"due_ns":%d,"issued_ns":%d,"done_ns":%d,"status":"ok","bytes_in":%d,"http_status":%d'
_WHOLE = _OK + b',"tokens_in":%d,"tokens_out":%d}\n'
_STREAMED = _OK + b',"first_ns":%d,"last_ns":%d,"tokens_in":%d,"tokens_out":%d,"chunks":%d}\n'


@dataclass(slots=True)
class Event:
    """The one record of one query.

    `due_ns` is when it should have been issued, `issued_ns` when it was; `first_ns` and `last_ns` are the first and
    last chunk of a streamed answer that carried output, `chunks` how many did. `done_ns` is the end of the answer, or
    of the attempt. Token counts are the server's own `usage`. `tries` counts the requests: more than one only where
    the config allows to try a busy endpoint again, and then all times are those of the query, waiting included.
    """

    ordinal: int
    sample: int
    due_ns: int
    issued_ns: int
    done_ns: int
    status: Status
    salt: str | None = None
    http_status: int | None = None
    bytes_in: int = 0
    chunks: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    error: str | None = None
    tries: int = 1

    def to_line(self) -> bytes:
        """The event as one line of JSON; members that are None are left out."""
        # Put together by hand, which costs half of what a JSON library takes: this runs once for each query. The two
        # shapes that nearly all have take half of that again.
        counted = self.tokens_in is not None and self.tokens_out is not None and self.http_status is not None
        if counted and self.status is Status.OK and self.tries == 1 and self.salt is self.error is None:
            before = (self.ordinal, self.sample, self.due_ns, self.issued_ns, self.done_ns, self.bytes_in)
            if self.chunks and self.first_ns is not None and self.last_ns is not None:
                times = (self.first_ns, self.last_ns, self.tokens_in, self.tokens_out, self.chunks)
                return _STREAMED % (*before, self.http_status, *times)
            if not self.chunks and self.first_ns is None:
                return _WHOLE % (*before, self.http_status, self.tokens_in, self.tokens_out)
        text = (
            f'{{"ordinal":{self.ordinal},"sample":{self.sample},"due_ns":{self.due_ns},"issued_ns":{self.issued_ns},'
            f'"done_ns":{self.done_ns},"status":"{self.status._value_}","bytes_in":{self.bytes_in}'
        )
        if self.salt is not None:
            text += f',"salt":{_quoted(self.salt)}'
        if self.http_status is not None:
            text += f',"http_status":{self.http_status}'
        if self.first_ns is not None:
            text += f',"first_ns":{self.first_ns},"last_ns":{self.last_ns}'
        if self.tokens_in is not None:
            text += f',"tokens_in":{self.tokens_in}'
        if self.tokens_out is not None:
            text += f',"tokens_out":{self.tokens_out}'
        if self.error is not None:
            text += f',"error":{_quoted(self.error)}'
        if self.chunks:
            text += f',"chunks":{self.chunks}'
        if self.tries > 1:
            text += f',"tries":{self.tries}'
        return f"{text}}}\n".encode()


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


@dataclass(frozen=True)
class Start:
    """The head of a worker's file: which run and share it belongs to, what time its zero is, and by which config."""

    run_id: str
    label: str
    worker: int
    workers: int
    schedule_sha256: str
    origin_ns: int
    origin_utc: str
    config_sha256: str


@dataclass(frozen=True)
class EndRecord:
    """The last line of a worker's file: which worker, why it ended (`load.pacing.End`), when, after how many events.

    `lag_ns` is how late the worker's own event loop was: `probes` (a number), `p50`, `p99`, `p99.9` and `max`.
    """

    worker: int
    reason: str
    elapsed_ns: int
    events: int
    lag_ns: Mapping[str, int]
