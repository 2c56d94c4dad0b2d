"""One worker's share under way: queries go out as the pacer allows, and each leaves one terminal event."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from time import monotonic_ns

import orjson

from auditcube import adapters
from auditcube.adapters.contract import Answer, Keep, texts
from auditcube.errors import SetupFailed
from auditcube.evidence.events import EndRecord, Event, Start, Status, to_lines
from auditcube.evidence.files import write_atomically
from auditcube.evidence.lines import Lines
from auditcube.load.alarm import Alarm
from auditcube.load.attempt import Attempt
from auditcube.load.counting import TokenCounter
from auditcube.load.lag import LagProbe, Times, cpu_ns
from auditcube.load.lanes import Lane, chooser
from auditcube.load.pacing import End, Pacer, bound_of
from auditcube.load.share import Share
from auditcube.load.target import authorization
from auditcube.redaction import Scrubber

_TICK_S = 0.002  # the loop's timers count in milliseconds, and may be early by one
_ISSUES_PER_TURN = 32  # then the loop gets a turn, lest answers wait for a rate of arrivals that we cannot keep up with
_FLUSH_S = 0.05  # events are on disk this soon: what a killed process has sent, its file tells, but for a moment
_FLUSH_LINES = 256  # and as soon as there are so many: more would cost more than they save
_OK = Status.OK.value
_WARM_UNBOUNDED = 32  # connections made ahead where nothing bounds the queries in flight


class Run:
    """One share under way on one event loop."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self.origin_ns = 0
        self._loop = loop = asyncio.get_running_loop()
        self._endpoint = endpoint = share.endpoint
        self.adapter = adapters.get(endpoint.api)
        spec = share.schedule.spec
        self._parameters = self.adapter.unstreamed(endpoint.parameters) if spec.whole else endpoint.parameters
        key, headers = authorization(endpoint.api_key_env, os.environ)
        self.scrub = Scrubber([key])
        self._lanes = [Lane(loop, target, headers, len(endpoint.targets)) for target in endpoint.targets]
        self._choose = chooser(self._lanes, endpoint.balance, share.worker)
        self._pacer = Pacer(share.schedule, share.worker)
        self._paced = share.schedule.load.scenario.paced
        captures = spec.capture > 0
        self._counter = TokenCounter(endpoint.tokenizer, self._add_counted) if endpoint.tokenizer is not None else None
        outputs = captures or self._counter is not None
        self.keep = Keep(outputs, captures and spec.media, endpoint.chunk_times, endpoint.max_answer_bytes)
        self._events = Lines(share.file("events"))
        self._outputs = Lines(share.file("outputs")) if captures else None
        self._chunks = Lines(share.file("chunks")) if self.keep.chunk_times else None
        self._recorded: list[Event] = []  # until the next flush
        self._under_way: dict[Attempt, None] = {}  # in the order of issue, which is that of the deadlines
        self._alarm = Alarm(loop, self._rang)
        self._deadline: asyncio.TimerHandle | None = None
        self._again: asyncio.Handle | None = None
        self._flushing: asyncio.TimerHandle | None = None
        self._end: asyncio.Future[End] = loop.create_future()
        self._turns = Times()
        self._turn_ns = 0  # when the first answer of this moment came
        self._done = self._errors = 0
        self._first_issue_ns = -1

    def now_ns(self) -> int:
        return time.monotonic_ns() - self.origin_ns

    def counts(self) -> dict[str, int]:
        """How far the run is."""
        issued = self._done + len(self._under_way)
        return {
            "issued": issued,
            "done": self._done,
            "errors": self._errors,
            "first_issue_ns": self._first_issue_ns,
        }

    async def prepare(self) -> None:
        """Find the endpoint's addresses and open the connections that the first queries will need."""
        schedule, worker = self._share.schedule, self._share.worker
        bound = bound_of(schedule.max_in_flight or _WARM_UNBOUNDED, worker, schedule.load.workers)
        most = min(bound, schedule.spec.queries)
        for lane in self._lanes:
            lane.pool.resolve()
            if self._endpoint.warm_connections:
                await lane.pool.warm(-(-most // len(self._lanes)))

    async def until_ended(self, origin_ns: int) -> End:
        """From the origin on, issue queries until the schedule is done, the time is up, or `stop` is called."""
        self.origin_ns = origin_ns
        self._write_start()
        await asyncio.sleep(max(0.0, -self.now_ns() / 1e9))
        probe, cpu_before = LagProbe(self._loop), cpu_ns()
        # A timer of its own for the ceiling: it holds whatever the next due time is.
        ceiling_s = self._share.schedule.load.max_duration_s
        ceiling = self._loop.call_later(max(0.0, ceiling_s - self.now_ns() / 1e9) + _TICK_S, self._at_ceiling)
        self._issue()
        try:
            end = await self._end
            for attempt in list(self._under_way):
                attempt.give_up(Status.CANCELLED, f"the run ended: {end.value}")
            cpu = {name: ns - cpu_before[name] for name, ns in cpu_ns().items()}
            lags, turns = probe.lags.summary(), self._turns.summary()
            record = EndRecord(self._share.worker, end.value, self.now_ns(), self._done, lags, turns, cpu)
            if self._counter is not None and end is End.INTERRUPTED:
                self._counter.give_up()
            elif self._counter is not None:
                self._counter.finish()
            self._write()
            self._events.add(orjson.dumps({"end": record}) + b"\n")
            self._write()
        finally:
            ceiling.cancel()
            probe.close()
            self._clean_up()
        return end

    def _clean_up(self) -> None:
        self._alarm.close()
        for handle in (self._deadline, self._again, self._flushing):
            if handle is not None:
                handle.cancel()
        for attempt in self._under_way:
            attempt.drop()
        for lane in self._lanes:
            lane.pool.close()

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
            self.origin_ns, utc, load.config_sha256,
        )  # fmt: skip
        self._events.add(orjson.dumps({"start": start}) + b"\n")
        self._write()

    # issuing

    def _issue(self) -> None:
        """Send every query that may go now, and see to it that this is called when the next one may."""
        if self._end.done():
            return
        pacer, under_way, origin_ns, now_ns = self._pacer, self._under_way, self.origin_ns, 0
        for _ in range(_ISSUES_PER_TURN):
            clock_ns = monotonic_ns()
            now_ns = clock_ns - origin_ns
            if (taken := pacer.take(now_ns)) is None:
                break
            lane = self._choose()
            lane.in_flight += 1
            attempt = Attempt(self, taken, now_ns, lane)
            if not under_way:
                self._first_issued(now_ns)
            under_way[attempt] = None
            self.send(attempt, clock_ns)
        else:
            self._go_on_soon()
        # In flight and unpaced, the next thing to happen is an answer, a deadline or the ceiling.
        if self._paced or pacer.in_flight == 0:
            self._look_ahead(now_ns)

    def _rang(self) -> None:
        """A query is due."""
        began_ns = self.now_ns()
        self._issue()
        self._turns.add(self.now_ns() - began_ns)

    def _at_ceiling(self) -> None:
        self._look_ahead(self.now_ns())

    def _look_ahead(self, now_ns: int) -> None:
        if (end := self._pacer.ended(now_ns)) is not None:
            self._ended(end)
            return
        # By the very time that was too early: by a later one a query that became due in between would be forgotten.
        self._alarm.set(self._pacer.wake_ns(now_ns) + self.origin_ns)

    def _go_on_soon(self) -> None:
        if self._again is None:
            self._turn_ns = self.now_ns()
            self._again = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """What follows the answers of a moment: the next queries, then the events."""
        began_ns, self._again = self._turn_ns, None
        self._issue()
        if len(self._recorded) >= _FLUSH_LINES:
            self._flush()
        elif self._flushing is None and self._recorded:
            self._flushing = self._loop.call_later(_FLUSH_S, self._flush_late)
        self._turns.add(monotonic_ns() - self.origin_ns - began_ns)

    def send(self, attempt: Attempt, now_ns: int) -> None:
        """Put an attempt's request on its way, at this time of the monotonic clock."""
        lane, (sample, _, salt) = attempt.lane, attempt.planned
        request = lane.requests.get(sample) if salt is None else None
        if request is None:
            request = self._request(lane, sample, salt)
        attempt.connection = lane.pool.send(request, attempt, now_ns)

    def _request(self, lane: Lane, sample: int, salt: str | None) -> bytes:
        fields = self._share.samples[sample]
        if salt is not None:
            fields = self.adapter.salted(fields, salt)
        request = lane.request(self.adapter.encode(fields, self._endpoint.model, self._parameters))
        if salt is None:
            lane.keep(sample, request)
        return request

    def _first_issued(self, now_ns: int) -> None:
        """Nothing else is under way: this query's deadline is the next."""
        if self._first_issue_ns < 0:
            self._first_issue_ns = now_ns
        if self._deadline is None:
            self._deadline = self._loop.call_later(self._endpoint.timeout_s, self._check_deadlines)

    def _check_deadlines(self) -> None:
        """Give up what is late, and come back when the oldest of the others would be."""
        self._deadline = None
        timeout_ns = int(self._endpoint.timeout_s * 1e9)
        for attempt in list(self._under_way):
            left_ns = attempt.issued_ns + timeout_ns - self.now_ns()
            if left_ns > 0:
                self._deadline = self._loop.call_later(left_ns / 1e9 + _TICK_S, self._check_deadlines)
                return
            attempt.give_up(Status.TIMEOUT, "no complete answer within endpoint.timeout_s")

    # for attempts

    def may_retry(self, tries: int) -> bool:
        return tries <= self._endpoint.retries

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(delay_s, callback)

    def record(self, attempt: Attempt, event: Event, answer: Answer) -> None:
        """Write the terminal event of an attempt, and let the next query go."""
        del self._under_way[attempt]
        attempt.lane.in_flight -= 1
        self._pacer.in_flight -= 1
        self._done += 1
        if event["status"] != _OK:
            self._errors += 1
        if self._outputs is not None or self._chunks is not None:
            self._record_answer(event, answer)
        if self._counter is None:
            self._recorded.append(event)
        else:
            self._counter.add(event, texts(answer))
        # Not at once: first all answers of this moment are taken and timed, then the next queries go out together. That
        # also wakes the endpoint once and not once for each, which saves a third of our own time in the kernel.
        if self._again is None:
            self._turn_ns = event["done_ns"]
            self._again = self._loop.call_soon(self._go_on)

    def _add_counted(self, event: Event) -> None:
        self._recorded.append(event)
        self._go_on_soon()

    def _record_answer(self, event: Event, answer: Answer) -> None:
        ordinal, sample = event["ordinal"], event["sample"]
        if self._outputs is not None and event["status"] == _OK and self._share.schedule.captures(ordinal):
            if answer.media:
                self._keep_media(ordinal, answer.media)  # first: no line tells of a file that is not there
            kept = {"ordinal": ordinal, "sample": sample, "output": self.scrub.json(dict(answer.output))}
            self._outputs.add(orjson.dumps(kept) + b"\n")
        if self._chunks is not None and answer.chunk_ns:
            times = {"ordinal": ordinal, "sample": sample, "chunk_ns": answer.chunk_ns}
            self._chunks.add(orjson.dumps(times) + b"\n")

    def _keep_media(self, ordinal: int, data: bytes) -> None:
        try:
            write_atomically(self._share.media(ordinal), data)
        except SetupFailed as problem:
            self.broken(problem)

    def _flush_late(self) -> None:
        self._flushing = None
        began_ns = self.now_ns()
        self._flush()
        self._turns.add(self.now_ns() - began_ns)

    def _flush(self) -> None:
        """One write for all events of a moment."""
        if not self._end.done():  # then what follows is written with the end, or never
            try:
                self._write()
            except SetupFailed as problem:
                self.broken(problem)

    def _write(self) -> None:
        if self._recorded:
            self._events.add(to_lines(self._recorded))
            self._recorded.clear()
        for lines in (self._events, self._outputs, self._chunks):
            if lines is not None:
                lines.flush()
