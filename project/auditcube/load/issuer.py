"""One worker's share under way: queries go out as the pacer allows, and each leaves one terminal event."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any

import orjson

from auditcube import adapters
from auditcube.adapters.contract import DecodeError, Decoder, error_message
from auditcube.errors import SetupFailed
from auditcube.evidence.events import EndRecord, Event, Start, Status
from auditcube.evidence.lines import Lines
from auditcube.load.pacing import End, Pacer
from auditcube.load.schedule import Query
from auditcube.load.share import Share
from auditcube.load.transport import Pool, Sending
from auditcube.redaction import Scrubber

_ERROR_BODY_BYTES = 4096


class Run:
    """One share under way on one event loop."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._origin_ns = 0
        self._loop = asyncio.get_running_loop()
        self._adapter = adapters.get(share.api)
        key = os.environ.get(share.api_key_env, "") if share.api_key_env else ""
        self.scrub = Scrubber([key])
        self._head = share.target.head({"Authorization": f"Bearer {key}"} if key else {})
        self._pool = Pool(self._loop, share.target)
        self._pacer = Pacer(share.schedule, share.worker)
        self._events = Lines(share.events_path)
        self._outputs = Lines(share.outputs_path) if share.schedule.spec.capture else None
        self._under_way: set[Attempt] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False
        self._issuing = False
        self._end: asyncio.Future[End] = self._loop.create_future()
        self.counts = {"issued": 0, "done": 0, "errors": 0, "first_issue_ns": -1}

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._origin_ns

    async def until_ended(self, origin_ns: int) -> End:
        """From the origin on, issue queries until the schedule is done, the time is up, or `stop` is called."""
        self._origin_ns = origin_ns
        self._write_start()
        await asyncio.sleep(max(0.0, -self.now_ns() / 1e9))
        self._issue()
        try:
            end = await self._end
        finally:
            if self._timer is not None:
                self._timer.cancel()
        for attempt in list(self._under_way):
            attempt.give_up(Status.CANCELLED, f"the run ended: {end.value}")
        self._events.add(orjson.dumps({"end": EndRecord(end.value, self.now_ns(), self.counts["done"])}) + b"\n")
        self._flush()
        self._pool.close()
        return end

    def stop(self) -> None:
        """End the run now."""
        self._ended(End.INTERRUPTED)

    def _ended(self, end: End) -> None:
        if not self._end.done():
            self._end.set_result(end)

    def _write_start(self) -> None:
        share, load = self._share, self._share.schedule.load
        wall_ns = time.time_ns() - self.now_ns()
        utc = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(wall_ns // 10**9)) + f".{wall_ns % 10**9 // 1000:06d}Z"
        start = Start(
            share.run_id, share.schedule.spec.label, share.worker, load.workers, share.schedule_sha256,
            self._origin_ns, utc,
        )  # fmt: skip
        self._events.add(orjson.dumps({"start": start}) + b"\n")
        self._flush()

    def _issue(self) -> None:
        """Send every query that may go now, and set the alarm for the next that may not."""
        if self._end.done() or self._issuing:
            return
        self._issuing = True  # an attempt that fails at once must not start a second loop inside this one
        # One reading of the clock decides both that nothing may go now and when to look again: with two, a query that
        # falls due between them would be slept through.
        while (query := self._pacer.take(now := self.now_ns())) is not None:
            self._send(query)
        self._issuing = False
        if (end := self._pacer.ended(now)) is not None:
            self._ended(end)
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0, self._pacer.wake_ns(now) - now) / 1e9, self._issue)

    def _send(self, query: Query) -> None:
        share = self._share
        sample = share.samples[query.sample]
        if query.salt is not None:
            sample = self._adapter.salted(sample, query.salt)
        body = self._adapter.encode(sample, share.model, share.parameters)
        attempt = Attempt(self, query)
        self._under_way.add(attempt)
        self.counts["issued"] += 1
        if self.counts["first_issue_ns"] < 0:
            self.counts["first_issue_ns"] = attempt.event.issued_ns
        attempt.timer = self._loop.call_later(share.timeout_s, attempt.timed_out)
        attempt.sending = self._pool.send(b"%b%d\r\n\r\n%b" % (self._head, len(body), body), attempt)

    def decoder(self, content_type: str) -> Decoder:
        return self._adapter.decoder(content_type)

    def record(self, attempt: Attempt, output: Mapping[str, Any] | None) -> None:
        """Write the terminal event of an attempt, and let the next query go."""
        event = attempt.event
        self._under_way.discard(attempt)
        self._pacer.finished()
        self.counts["done"] += 1
        self.counts["errors"] += event.status is not Status.OK
        self._events.add(event.to_line())
        if self._outputs is not None and output is not None and self._share.schedule.captures(event.ordinal):
            kept = {"ordinal": event.ordinal, "sample": event.sample, "output": self.scrub.json(dict(output))}
            self._outputs.add(orjson.dumps(kept) + b"\n")
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)
        if not self._end.done():
            self._issue()

    def _flush(self) -> None:
        """One write for all events of one turn of the loop: a killed process loses none that it was told of."""
        self._flushing = False
        try:
            self._events.flush()
            if self._outputs is not None:
                self._outputs.flush()
        except SetupFailed as problem:
            if not self._end.done():
                self._end.set_exception(problem)


class Attempt:
    """One query on its way: collects its event and tells the run when it is terminal. An `Exchange`."""

    __slots__ = ("_body", "_decoder", "_run", "event", "sending", "timer")

    def __init__(self, run: Run, query: Query) -> None:
        self._run = run
        self._decoder: Decoder | None = None
        self._body = b""
        self.sending: Sending | None = None
        self.timer: asyncio.TimerHandle | None = None
        issued_ns = run.now_ns()
        self.event = Event(query.ordinal, query.sample, query.due_ns, issued_ns, issued_ns, Status.OK, query.salt)

    def head(self, status: int, content_type: str) -> None:
        self.event.http_status = status
        if 200 <= status < 300:
            self._decoder = self._run.decoder(content_type)

    def body(self, data: bytes) -> None:
        event = self.event
        event.bytes_in += len(data)
        if self._decoder is None:
            self._body += data[: _ERROR_BODY_BYTES - len(self._body)]
            return
        try:
            chunks = self._decoder.feed(data)
        except DecodeError as problem:
            self.give_up(Status.DECODE_ERROR, str(problem))
            return
        if chunks:
            event.last_ns = self._run.now_ns()
            event.first_ns = event.first_ns if event.chunks else event.last_ns
            event.chunks += chunks

    def completed(self) -> None:
        self.event.done_ns = self._run.now_ns()
        if self._decoder is None:
            self._end(Status.HTTP_ERROR, error_message(self._body))
            return
        try:
            answer = self._decoder.finish()
        except DecodeError as problem:
            self._end(Status.DECODE_ERROR, str(problem))
            return
        self.event.tokens_in, self.event.tokens_out = answer.tokens_in, answer.tokens_out
        self._end(Status.OK, None, answer.output)

    def failed(self, reason: str) -> None:
        self.event.done_ns = self._run.now_ns()
        self._end(Status.TRANSPORT_ERROR, reason)

    def timed_out(self) -> None:
        self.give_up(Status.TIMEOUT, "no complete answer within endpoint.timeout_s")

    def give_up(self, status: Status, reason: str) -> None:
        """End the attempt from our side."""
        self.event.done_ns = self._run.now_ns()
        if self.sending is not None:
            self.sending.cancel()
        self._end(status, reason)

    def _end(self, status: Status, error: str | None, output: Mapping[str, Any] | None = None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.event.status = status
        self.event.error = None if error is None else self._run.scrub(error)
        self._run.record(self, output)
