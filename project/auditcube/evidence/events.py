"""The records of a run: one terminal event per query, between one start and one end record per worker.

A file of events is JSON lines. The first is `{"start": ...}`, then one object per query in order of completion, then
`{"end": ...}`. A file without the end record is the readable prefix of a run that was killed. All `_ns` are integer
nanoseconds of the monotonic clock since the run's origin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypedDict

import orjson


class Status(str, Enum):
    """How a query ended; only OK counts as completed."""

    OK = "ok"
    HTTP_ERROR = "http_error"
    TRANSPORT_ERROR = "transport_error"
    TIMEOUT = "timeout"
    DECODE_ERROR = "decode_error"
    CANCELLED = "cancelled"


class Event(TypedDict, total=False):
    """The one record of one query, as it stands in the file; members that it does not have are left out.

    The first six always stand there, in the order of these lines as all others. `due_ns` is when it should have been
    issued, `issued_ns` when it was; `first_ns` and `last_ns` are the first and last chunk of a streamed answer that
    carried output, `chunks` how many did. `done_ns` is the end of the answer, or of the attempt. `status` is the value
    of a `Status`. Token counts are the server's own `usage`, unless a tokenizer counted those of the answer. `tries`
    counts the requests where there was more than one, which the config must allow: all times are then those of the
    query, waiting included.
    """

    ordinal: int
    sample: int
    due_ns: int
    issued_ns: int
    done_ns: int
    status: str
    bytes_in: int
    http_status: int
    salt: str
    tries: int
    first_ns: int
    last_ns: int
    chunks: int
    error: str
    tokens_in: int
    tokens_out: int


def to_lines(events: Sequence[Event]) -> bytes:
    """Events, one or more, as lines of JSON.

    All at once, which takes a fifth of what one by one does. An event begins with its ordinal and holds no object, and
    within a text a quotation mark stands behind a backslash: nothing else looks like the seam between two.
    """
    return orjson.dumps(events)[1:-1].replace(b'},{"ordinal":', b'}\n{"ordinal":') + b"\n"


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

    `lag_ns` is how late the worker's event loop was, `turn_ns` how long its own code held the loop at a stretch, each
    with `count` (a number), `p50`, `p99`, `p99.9` and `max`. `cpu_ns` is the CPU time that it `used` and, where the
    system tells, how long it `waited` for a CPU.
    """

    worker: int
    reason: str
    elapsed_ns: int
    events: int
    lag_ns: Mapping[str, int]
    turn_ns: Mapping[str, int]
    cpu_ns: Mapping[str, int]
