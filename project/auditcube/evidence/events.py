"""The records of a run: one terminal event per query, between one start and one end record per worker.

A file of events is JSON lines. The first is `{"start": ...}`, then one object per query in order of completion, then
`{"end": ...}`. A file without the end record is the readable prefix of a run that was killed. All `_ns` are integer
nanoseconds of the monotonic clock since the run's origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson


class Status(str, Enum):
    """How a query ended; only OK counts as completed."""

    OK = "ok"
    HTTP_ERROR = "http_error"
    TRANSPORT_ERROR = "transport_error"
    TIMEOUT = "timeout"
    DECODE_ERROR = "decode_error"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Event:
    """The one record of one query.

    `due_ns` is when it should have been issued, `issued_ns` when it was; `first_ns` and `last_ns` are the first and
    last chunk of a streamed answer that carried output, `chunks` how many did. `done_ns` is the end of the answer, or
    of the attempt. Token counts are the server's own `usage`.
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

    def to_line(self) -> bytes:
        """The event as one line of JSON; members that are None are left out."""
        record: dict[str, Any] = {
            "ordinal": self.ordinal,
            "sample": self.sample,
            "due_ns": self.due_ns,
            "issued_ns": self.issued_ns,
            "done_ns": self.done_ns,
            "status": self.status.value,
            "bytes_in": self.bytes_in,
        }
        for name in ("salt", "http_status", "first_ns", "last_ns", "tokens_in", "tokens_out", "error"):
            value = getattr(self, name)
            if value is not None:
                record[name] = value
        if self.chunks:
            record["chunks"] = self.chunks
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True)
class Start:
    """The head of a worker's file: which run and share it belongs to, and what time its zero is."""

    run_id: str
    label: str
    worker: int
    workers: int
    schedule_sha256: str
    origin_ns: int
    origin_utc: str


@dataclass(frozen=True)
class EndRecord:
    """The last line of a worker's file: which worker, why it ended (`load.pacing.End`), when, after how many events."""

    worker: int
    reason: str
    elapsed_ns: int
    events: int
