"""One worker's share under way: queries go out as the pacer allows, and each leaves one terminal event."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any

import orjson

from auditcube import adapters
from auditcube.adapters.contract import DecodeError, Decoder, error_message, shortened
from auditcube.errors import SetupFailed
from auditcube.evidence.events import EndRecord, Event, Start, Status
from auditcube.evidence.lines import Lines
from auditcube.load.pacing import End, Pacer
from auditcube.load.schedule import Query
from auditcube.load.share import Share
from auditcube.load.transport import Connection, Pool, authorization
from auditcube.redaction import Scrubber

_ERROR_BODY_BYTES = 65536
_TICK_S = 0.002  # the loop's timers count in milliseconds, and may be early by one
_ISSUES_PER_TURN = 32  # then the loop gets a turn, lest answers wait for a rate of arrivals that we cannot keep up with


class Run:
    """One share under way on one event loop."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._origin_ns = 0
        self._loop = asyncio.get_running_loop()
        self._adapter = adapters.get(share.api)
        key, headers = authorization(share.api_key_env, os.environ)
        self.scrub = Scrubber([key])
        self._head = share.target.head(headers)
        self._pool = Pool(self._loop, share.target)
        self._pacer = Pacer(share.schedule, share.worker)
        self._events = Lines(share.events_path)
        self._outputs = Lines(share.outputs_path) if share.schedule.spec.capture else None
        self._under_way: set[Attempt] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_ns = 0
        self._again: asyncio.Handle | None = None
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
        # A timer of its own for the ceiling: it holds whatever the next due time is.
        ceiling_s = self._share.schedule.load.max_duration_s
        ceiling = self._loop.call_later(max(0.0, ceiling_s - self.now_ns() / 1e9) + _TICK_S, self._issue)
        self._issue()
        try:
            end = await self._end
            for attempt in list(self._under_way):
                attempt.give_up(Status.CANCELLED, f"the run ended: {end.value}")
            record = EndRecord(self._share.worker, end.value, self.now_ns(), self.counts["done"])
            self._events.add(orjson.dumps({"end": record}) + b"\n")
            self._write()
        finally:
            self._clean_up()
            ceiling.cancel()
        return end

    def _clean_up(self) -> None:
        for handle in (self._timer, self._again):
            if handle is not None:
                handle.cancel()
        for attempt in self._under_way:
            attempt.drop()
        self._pool.close()

    def stop(self) -> None:
        """End the run now."""
        self._ended(End.INTERRUPTED)

    def broken(self, problem: Exception) -> None:
        """End the run with this exception; what is in flight leaves no event."""
        if not self._end.done():
            self._end.set_exception(problem)

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
        self._write()

    def _issue(self) -> None:
        """Send every query that may go now, and set the alarm for the next that may not."""
        if self._end.done() or self._issuing:
            return
        self._issuing = True  # an attempt that fails at once must not start a second loop inside this one
        for _ in range(_ISSUES_PER_TURN):
            now = self.now_ns()
            if (query := self._pacer.take(now)) is None:
                break
            self._send(query)
        else:
            now = self.now_ns()
            self._again = self._again or self._loop.call_soon(self._issue_on)
        self._issuing = False
        if (end := self._pacer.ended(now)) is not None:
            self._ended(end)
            return
        # The very `now` that was too early: by a later one a query that became due in between would be forgotten.
        self._wake_at(self._pacer.wake_ns(now))

    def _issue_on(self) -> None:
        self._again = None
        self._issue()

    def _wake_at(self, wake_ns: int) -> None:
        if self._timer is not None:
            if wake_ns == self._wake_ns:
                return
            self._timer.cancel()
        self._wake_ns = wake_ns
        self._timer = self._loop.call_later(max(0, wake_ns - self.now_ns()) / 1e9, self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._issue()

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
        attempt.connection = self._pool.send(b"%b%d\r\n\r\n%b" % (self._head, len(body), body), attempt)

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
        if not self._end.done():  # then what follows is written with the end, or never
            try:
                self._write()
            except SetupFailed as problem:
                self.broken(problem)

    def _write(self) -> None:
        self._events.flush()
        if self._outputs is not None:
            self._outputs.flush()


class Attempt:
    """One query on its way: collects its event and tells the run when it is terminal. An `Exchange`."""

    __slots__ = ("_body", "_decoder", "_run", "connection", "event", "timer")

    def __init__(self, run: Run, query: Query) -> None:
        self._run = run
        self._decoder: Decoder | None = None
        self._body = b""
        self.connection: Connection | None = None
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
            self._end(Status.HTTP_ERROR, self._http_error())
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
        self.drop()
        self._end(status, reason)

    def drop(self) -> None:
        """Hear nothing more."""
        if self.timer is not None:
            self.timer.cancel()
        if self.connection is not None:
            self.connection.close()

    def _end(self, status: Status, error: str | None, output: Mapping[str, Any] | None = None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.event.status = status
        # Secrets first, then the cut: half a key would not be recognized.
        self.event.error = None if error is None else shortened(self._run.scrub(error))
        self._run.record(self, output)

    def _http_error(self) -> str:
        status, scrub = self.event.http_status, self._run.scrub
        # Once more before it is parsed: the end of the body may be cut off, and a key with it.
        body = scrub(self._body.decode("utf-8", "replace"))[: _ERROR_BODY_BYTES // 2].encode("utf-8", "replace")
        hint = "a redirect, which is not followed" if 300 <= (status or 0) < 400 else "no message"
        return f"HTTP {status}: {error_message(body) or hint}"
