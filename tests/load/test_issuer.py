"""One worker's share under way, in this process, against real servers: pacing, ends, outputs."""

from __future__ import annotations

import itertools
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import uvloop

from auditcube.errors import SetupFailed
from auditcube.evidence.lines import Lines
from auditcube.load.attempt import Attempt
from auditcube.load.issuer import Run
from auditcube.load.order import Salted
from auditcube.load.pacing import End
from auditcube.scenario import Scenario
from builders import load_of, planned, schedule_of
from load.raw_server import RawServer, Talk, answer, honest
from load.running import endpoint_of, one_after_another, ran, read, samples, share_of, statuses


class Gauge:
    """A server that takes its time, and counts how many requests it has at once; none is answered before `awaited`."""

    def __init__(self, seconds: float, awaited: int = 1) -> None:
        self._seconds = seconds
        self._awaited = awaited
        self._full = threading.Event()
        self._lock = threading.Lock()
        self.now = self.most = self.served = 0

    def __call__(self, talk: Talk) -> None:
        while talk.request() is not None:
            with self._lock:
                self.now += 1
                self.most = max(self.most, self.now)
                if self.now == self._awaited:
                    self._full.set()
            assert self._full.wait(10)
            time.sleep(self._seconds)
            with self._lock:
                self.now -= 1
                self.served += 1
            talk.send(answer())


def silent(talk: Talk) -> None:
    talk.until_closed()


@pytest.mark.parametrize(
    ("scenario", "bound", "most"),
    [
        (Scenario.SINGLE_STREAM, 1, 1),
        (Scenario.MULTI_STREAM, 4, 4),
        (Scenario.OFFLINE, 7, 7),
        (Scenario.OFFLINE, 100, 24),
    ],
)
def test_as_many_in_flight_as_allowed_and_never_more(tmp_path: Path, scenario: Scenario, bound: int, most: int) -> None:
    gauge = Gauge(0.02, most)
    with RawServer(gauge) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule_of(24, load_of(scenario, max_in_flight=bound)))
        assert statuses(events) == ["ok"] * 24
        assert (gauge.most, gauge.served) == (most, 24)
        assert server.connections <= bound


def test_what_goes_out_together_is_answered_before_the_next_goes(tmp_path: Path) -> None:
    schedule = schedule_of(14, load_of(Scenario.MULTI_STREAM, max_in_flight=4))
    with RawServer(Gauge(0.005)) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule)
    assert statuses(events) == ["ok"] * 14
    groups = [events[first : first + 4] for first in range(0, 14, 4)]
    for group, following in itertools.pairwise(groups):
        assert max(event["done_ns"] for event in group) <= min(event["issued_ns"] for event in following)


def test_every_sample_is_asked_for_as_planned(tmp_path: Path) -> None:
    schedule = schedule_of(25, load_of())
    with RawServer(honest) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule)
        sent = sorted(request.json["prompt"] for request in server.requests)
    assert [(event["ordinal"], event["sample"]) for event in events] == [
        (q.ordinal, q.sample) for q in planned(schedule)
    ]
    assert sent == sorted(f"prompt {event['sample']}" for event in events)


def test_salted_requests_are_all_new(tmp_path: Path) -> None:
    with RawServer(honest) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule_of(8, one_after_another(8).load, order=Salted()))
        sent = [request.json["prompt"] for request in server.requests]
    assert len(set(sent)) == 8
    assert sent == [f"{event['salt']} prompt {event['sample']}" for event in events]


def test_arrivals_of_server_are_those_of_the_schedule_and_on_time(tmp_path: Path) -> None:
    schedule = schedule_of(100, load_of(Scenario.SERVER, target_qps=100.0))
    with RawServer(Gauge(0.02)) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule)
    assert statuses(events) == ["ok"] * 100
    assert [event["due_ns"] for event in events] == [query.due_ns for query in planned(schedule)]
    slips = sorted(event["issued_ns"] - event["due_ns"] for event in events)
    assert slips[0] >= 0
    assert slips[50] < 5e6  # the machine may be busy for some of them, not for most
    assert events[-1]["issued_ns"] > 0.5e9


def test_a_slow_server_delays_no_arrival(tmp_path: Path) -> None:
    schedule = schedule_of(20, load_of(Scenario.SERVER, target_qps=200.0))
    with RawServer(Gauge(0.0, awaited=20)) as server:
        assert statuses(ran(tmp_path, endpoint_of(server.url), schedule)) == ["ok"] * 20


def test_a_run_lasts_at_least_its_minimum_duration(tmp_path: Path) -> None:
    schedule = schedule_of(3, one_after_another(3).load, min_duration_s=0.3)
    with RawServer(Gauge(0.01)) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule)
    assert len(events) > 3
    assert max(event["issued_ns"] for event in events) < 0.35e9
    assert max(event["done_ns"] for event in events) > 0.25e9
    assert [event["ordinal"] for event in events] == list(range(len(events)))


def test_a_run_lasts_as_long_as_its_queries_take(tmp_path: Path) -> None:
    schedule = schedule_of(20, one_after_another(20).load, min_duration_s=0.01)
    with RawServer(Gauge(0.01)) as server:
        assert len(ran(tmp_path, endpoint_of(server.url), schedule)) == 20


def test_a_query_that_becomes_due_while_we_look_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is held up between two looks at the clock, each time."""
    look = Run.now_ns

    def slowly(run: Run) -> int:
        now = look(run)
        time.sleep(0.001)
        return now

    monkeypatch.setattr(Run, "now_ns", slowly)
    schedule = schedule_of(100, load_of(Scenario.SERVER, target_qps=500.0, max_duration_s=10.0))
    with RawServer(honest) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule)
    assert statuses(events) == ["ok"] * 100


def ended(folder: Path) -> Any:
    return json.loads((folder / "events.jsonl").read_bytes().splitlines()[-1])["end"]


def test_the_maximum_duration_cancels_what_is_in_flight(tmp_path: Path) -> None:
    load = load_of(max_in_flight=4, max_duration_s=0.3)
    with RawServer(silent) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule_of(10, load))
    assert statuses(events) == ["cancelled"] * 4
    assert {event["error"] for event in events} == {"the run ended: max_duration"}
    assert ended(tmp_path)["reason"] == "max_duration"
    assert 0.3e9 <= ended(tmp_path)["elapsed_ns"] < 2e9


def test_the_maximum_duration_holds_while_nothing_is_due(tmp_path: Path) -> None:
    """The next query is due in a quarter of an hour."""
    load = load_of(Scenario.SERVER, target_qps=0.001, max_duration_s=0.2)
    with RawServer(honest) as server:
        assert ran(tmp_path, endpoint_of(server.url), schedule_of(2, load)) == []
    assert ended(tmp_path)["elapsed_ns"] < 2e9


def test_a_rate_beyond_our_means_starves_nobody(tmp_path: Path) -> None:
    """A million per second are always due: answers are read, and the run ends, all the same."""
    load = load_of(Scenario.SERVER, target_qps=1e6, max_in_flight=50, max_duration_s=0.5)
    with RawServer(honest) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule_of(10**5, load))
    assert statuses(events).count("ok") > 50
    assert ended(tmp_path)["elapsed_ns"] < 2e9


def test_a_rate_beyond_our_means_without_a_bound(tmp_path: Path) -> None:
    load = load_of(Scenario.SERVER, target_qps=1e6, max_duration_s=0.2)
    with RawServer(honest) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule_of(10**5, load))
    assert "ok" in statuses(events)
    assert ended(tmp_path)["elapsed_ns"] < 4e9


def test_attempts_that_fail_at_once_do_not_pile_up(tmp_path: Path) -> None:
    """Each failure lets the next query go: thousands of them, and no recursion."""
    url = "http://127.0.0.1:1"
    events = ran(tmp_path, endpoint_of(url), schedule_of(3000, load_of()))
    assert statuses(events) == ["transport_error"] * 3000


def test_stop_ends_a_run_at_once(tmp_path: Path) -> None:
    async def stopped() -> End:
        run = Run(share_of(tmp_path, endpoint_of(server.url), schedule_of(5, load_of())))
        await run.prepare()
        run._loop.call_later(0.1, run.stop)
        run._loop.call_later(0.1, run.stop)
        return await run.until_ended(time.monotonic_ns())

    with RawServer(silent) as server:
        assert uvloop.run(stopped()) is End.INTERRUPTED
    events, ends = read(tmp_path)
    assert statuses(events) == ["cancelled"] * 5
    assert ends[0]["reason"] == "interrupted"


def streaming(talk: Talk) -> None:
    """Role, then three pieces 30 ms apart, each cut in the middle; then the usage."""
    while talk.request() is not None:
        talk.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        texts = ['{"delta": {"role": "assistant"}}'] + ['{"delta": {"content": "a"}}'] * 3
        for text in texts + ['{"delta": {}, "finish_reason": "stop"}']:
            data = b'data: {"choices": [%b], "usage": {"prompt_tokens": 5, "completion_tokens": 3}}\n\n' % text.encode()
            for part in (data[:20], data[20:]):
                talk.send(b"%x\r\n%b\r\n" % (len(part), part))
            time.sleep(0.03)
        talk.send(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


def test_a_streamed_answer_is_timed_by_its_output(tmp_path: Path) -> None:
    with RawServer(streaming) as server:
        events = ran(tmp_path, endpoint_of(server.url, api="openai_chat", parameters={"stream": True}), 2)
    for event in events:
        assert event["status"] == "ok", event
        assert event["chunks"] == 3
        assert (event["tokens_in"], event["tokens_out"]) == (5, 3)
        assert event["first_ns"] - event["issued_ns"] > 25e6  # the role is no output
        assert event["last_ns"] - event["first_ns"] > 55e6
        assert event["done_ns"] - event["last_ns"] > 25e6


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_outputs_are_captured_for_the_chosen_queries(tmp_path: Path, share: float) -> None:
    schedule = schedule_of(50, load_of(), capture=share)
    with RawServer(honest) as server:
        events = ran(tmp_path, endpoint_of(server.url), schedule)
    chosen = [event for event in events if schedule.captures(event["ordinal"])]
    assert len(chosen) == {0.0: 0, 1.0: 50}.get(share, len(chosen))
    path = tmp_path / "outputs.jsonl"
    assert path.exists() == (share > 0)
    kept = [json.loads(line) for line in path.read_text().splitlines()] if share else []
    assert sorted(kept, key=lambda line: int(line["ordinal"])) == [
        {"ordinal": event["ordinal"], "sample": event["sample"], "output": {"video_path": "/v.mp4"}} for event in chosen
    ]


def test_failed_queries_have_no_output(tmp_path: Path) -> None:
    def failing(talk: Talk) -> None:
        while talk.request() is not None:
            talk.send(answer(b"{}", "500 Oops"))

    with RawServer(failing) as server:
        ran(tmp_path, endpoint_of(server.url), schedule_of(5, load_of(), capture=1.0))
    assert (tmp_path / "outputs.jsonl").read_bytes() == b""


@pytest.mark.parametrize(("queries", "after"), [(2, 0), (2, 1), (600, 1), (600, 2)])
def test_evidence_that_cannot_be_written_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, queries: int, after: int
) -> None:
    """The disk is full after some writes: 0 is the start, then a few hundred events at once, the last is the end."""
    writes = iter([False] * after + [True] * 10)
    flush = Lines.flush

    def full(lines: Lines) -> None:
        if next(writes):
            raise SetupFailed("no space left")
        flush(lines)

    monkeypatch.setattr(Lines, "flush", full)
    with RawServer(honest) as server, pytest.raises(SetupFailed, match="no space"):
        ran(tmp_path, endpoint_of(server.url), one_after_another(queries))


def test_samples_are_what_the_tests_think() -> None:
    assert samples(1)[0].fields == {"prompt": "prompt 0"}


@pytest.mark.parametrize("where", ["read", "send", "write"])
def test_our_own_pauses_are_told_apart_from_those_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Ours when an answer takes long to read, a query to send, an event to write; not when the endpoint takes long."""
    owner, name = {"read": (Attempt, "_end"), "send": (Run, "send"), "write": (Lines, "flush")}[where]
    quick = getattr(owner, name)

    def slowly(*arguments: Any) -> Any:
        time.sleep(0.02)
        return quick(*arguments)

    load = load_of(Scenario.SERVER, target_qps=100.0)
    for folder in ("usual", "slow"):
        (tmp_path / folder).mkdir()
    with RawServer(Gauge(0.3)) as server:
        ran(tmp_path / "usual", endpoint_of(server.url), schedule_of(20, load))
        monkeypatch.setattr(owner, name, slowly)
        ran(tmp_path / "slow", endpoint_of(server.url), schedule_of(20, load))
    usual, slow = ended(tmp_path / "usual"), ended(tmp_path / "slow")
    assert usual["turn_ns"]["count"] >= 20
    assert usual["turn_ns"]["max"] < 300e6
    assert slow["turn_ns"]["max"] >= 20e6
    assert slow["cpu_ns"]["used"] > 0
