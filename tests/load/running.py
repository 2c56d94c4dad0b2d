"""Runs of the load engine in this process, and what must hold of every file of events."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from auditcube import adapters
from auditcube.dataset import Sample
from auditcube.load.issuer import Run
from auditcube.load.pacing import End
from auditcube.load.schedule import Schedule
from auditcube.load.share import Endpoint, Share
from auditcube.load.target import Target
from auditcube.scenario import Scenario
from builders import load_of, schedule_of

Event = dict[str, Any]


def samples(count: int = 10) -> dict[int, Sample]:
    return {index: Sample(index, {"prompt": f"prompt {index}"}) for index in range(count)}


def endpoint_of(
    url: str, *, api: str = "videogen", timeout_s: float = 20.0, ca_file: str | None = None, key: str | None = None,
    parameters: Mapping[str, Any] | None = None, **more: Any,
) -> Endpoint:  # fmt: skip
    """An endpoint whose connections are opened when a query needs them, unless `more` says otherwise."""
    target = Target(url, adapters.get(api).path, ca_file)
    more = {"warm_connections": False, **more}
    return Endpoint((target,), api, None, dict(parameters or {}), key, timeout_s, **more)


def one_after_another(queries: int, **changes: Any) -> Schedule:
    return schedule_of(queries, load_of(Scenario.SINGLE_STREAM, **changes))


def share_of(folder: Path, endpoint: Endpoint, schedule: Schedule) -> Share:
    return Share("run-id", schedule, schedule.digest(), 0, samples(), endpoint, folder)


async def _until_ended(share: Share) -> End:
    run = Run(share)
    await run.prepare()
    return await run.until_ended(time.monotonic_ns() + 1_000_000)


def ran(folder: Path, endpoint: Endpoint, schedule: Schedule | int = 3) -> list[Event]:
    """One run in this process, its queries one after the other if only their number is given; checked events."""
    planned = one_after_another(schedule) if isinstance(schedule, int) else schedule
    end = uvloop.run(_until_ended(share_of(folder, endpoint, planned)))
    events, ends = read(folder)
    assert [record["reason"] for record in ends] == [end.value]
    assert ends[0]["events"] == len(events)
    return events


def read(folder: Path) -> tuple[list[Event], list[dict[str, Any]]]:
    """The events of a run by ordinal, after checking what always holds, and the end records of its workers."""
    events, ends = [], []
    for path in sorted(folder.glob("events*.jsonl")):
        data = path.read_bytes()
        assert data.endswith(b"\n")
        start, *records = map(json.loads, data.splitlines())
        assert start.keys() == {"start"}
        if records and "end" in records[-1]:
            ends.append(records.pop()["end"])
        events += records
    events.sort(key=lambda event: event["ordinal"])
    ordinals = [event["ordinal"] for event in events]
    assert len(set(ordinals)) == len(ordinals), "a query has two terminal events"
    for event in events:
        times = [event[name] for name in ("due_ns", "issued_ns", "first_ns", "last_ns", "done_ns") if name in event]
        assert times == sorted(times), event
        assert ("error" in event) == (event["status"] != "ok"), event
        assert ("first_ns" in event) == ("last_ns" in event) == ("chunks" in event), event
    return events, ends


def statuses(events: list[Event]) -> list[str]:
    return [event["status"] for event in events]
