"""The schedule: everything that is sent, and its digest, before anything is sent."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube.load.order import Salted, Single, WithoutReplacement
from auditcube.load.schedule import BLOCK, RunSpec, Schedule, Seeds
from auditcube.scenario import Scenario
from builders import Query, load_of, planned, queries, schedule_of

MLPERF = 10487924139932647040  # one of MLPerf's published seeds, beyond 2**53 and 2**63
OFFLINE = schedule_of(1000, load_of(), order=WithoutReplacement((3,)), size=248)
SERVER = schedule_of(1000, load_of(Scenario.SERVER, target_qps=12.5, seeds=Seeds(MLPERF, 2**64 - 1, 0)), size=7)
WARMUP = Schedule(RunSpec("warmup", Salted(), 100), load_of(), 248)


@pytest.mark.parametrize(
    ("schedule", "digest"),
    [
        (OFFLINE, "032573ddf78672da30a26b54754be740cefdf5d15424df59bfe0501683db515e"),
        (SERVER, "d876a304ecb4fc63f84c85e6fc57029156dee00275f2f9de38d19fa98ebaad89"),
        (WARMUP, "75c84fac17e341dd0078932038da96fb4d415e1c2cefe4f0d71a94b91458a938"),
    ],
)
def test_the_digest_is_the_same_on_every_machine_and_python(schedule: Schedule, digest: str) -> None:
    assert schedule.digest() == digest


@pytest.mark.parametrize("schedule", [OFFLINE, SERVER, WARMUP, schedule_of(BLOCK), schedule_of(2 * BLOCK + 1)])
def test_the_digest_computed_by_other_means(schedule: Schedule) -> None:
    """Rows, times and salts as the documentation tells them, written by the standard library."""
    seeds, rate, size = schedule.load.seeds, schedule.load.target_qps, schedule.dataset_size
    count = schedule.spec.queries

    def chance(purpose: str, seed: int) -> Callable[[], float]:
        return random.Random(f"auditcube/{purpose}/{seed}/0").random

    rows: list[int] = []
    salts: list[str | None] = [None] * count
    if isinstance(schedule.spec.order, Salted):
        draw = chance("salted rows", seeds.order)
        rows = [math.floor(draw() * size) for _ in range(count)]
        draw = chance("salts", seeds.order)
        salts = [format(math.floor(draw() * 2**48), "x").zfill(12) for _ in range(count)]
    else:
        assert isinstance(schedule.spec.order, WithoutReplacement)
        draw = chance("order", seeds.order)
        middle = schedule.spec.order.middle
        left = [row for row in range(size) if row not in middle]
        for place in range(len(left)) if middle else ():
            other = place + math.floor(draw() * (len(left) - place))
            left[place], left[other] = left[other], left[place]
        before = (min(count, size) - len(middle)) // 2
        rows = [*left[:before], *middle, *left[before:]] if middle else []
        left = list(range(size))
        while len(rows) < count:
            for place in range(size):
                other = place + math.floor(draw() * (size - place))
                left[place], left[other] = left[other], left[place]
            rows += left
    dues, draw = [0] * count, chance("arrival", seeds.arrival)
    for n in range(count if rate else 0):
        dues[n] = dues[n - 1] * (n > 0) + 1000 * round(-math.log(1.0 - draw()) / (rate or 1) * 1e6)
    plan = list(zip(rows, dues, salts, strict=False))
    blocks = [plan[first : first + BLOCK] for first in range(0, count, BLOCK)]
    lines = "".join(json.dumps(block[:count], separators=(",", ":")) + "\n" for block in blocks)
    assert schedule.digest() == hashlib.sha256(lines.encode()).hexdigest()


def test_the_digest_is_of_one_line_per_block_of_planned_queries() -> None:
    schedule = Schedule(RunSpec("warmup", Salted(), 2), load_of(Scenario.SERVER), 5)
    a, b = planned(schedule)
    line = f'[[{a.sample},{a.due_ns},"{a.salt}"],[{b.sample},{b.due_ns},"{b.salt}"]]\n'
    assert schedule.digest() == hashlib.sha256(line.encode()).hexdigest()
    lines = [b"[" + b",".join([b"[4,0,null]"] * count) + b"]\n" for count in (BLOCK, BLOCK, 1)]
    plain = schedule_of(2 * BLOCK + 1, order=Single(4))
    assert plain.digest() == hashlib.sha256(b"".join(lines)).hexdigest()


def test_the_queries_go_on_after_the_plan_by_the_same_rule() -> None:
    short, long = schedule_of(3, size=5), schedule_of(12, size=5)
    endless = queries(short)
    assert [next(endless) for _ in range(12)] == planned(long)


def queries_of(seeds: Seeds) -> list[Query]:
    return list(planned(schedule_of(50, load_of(Scenario.SERVER, seeds=seeds), size=100)))


@given(st.integers(0, 2**64 - 1))
def test_the_seed_of_the_order_moves_no_time_and_no_capture(seed: int) -> None:
    base, moved = queries_of(Seeds()), queries_of(Seeds(order=seed))
    assert [q.due_ns for q in base] == [q.due_ns for q in moved]
    assert ([q.sample for q in base] == [q.sample for q in moved]) == (seed == 42)


@given(st.integers(0, 2**64 - 1))
def test_the_seed_of_the_arrivals_moves_no_sample(seed: int) -> None:
    base, moved = queries_of(Seeds()), queries_of(Seeds(arrival=seed))
    assert [q.sample for q in base] == [q.sample for q in moved]
    assert ([q.due_ns for q in base] == [q.due_ns for q in moved]) == (seed == 42)


@given(st.integers(0, 2**64 - 1))
def test_the_seed_of_the_capture_moves_no_query(seed: int) -> None:
    assert queries_of(Seeds()) == queries_of(Seeds(capture=seed))


def captured(schedule: Schedule, count: int = 2000) -> set[int]:
    return {ordinal for ordinal in range(count) if schedule.captures(ordinal)}


def test_only_its_own_seed_moves_the_capture() -> None:
    base = schedule_of(10, capture=0.25)
    other = replace(base, load=replace(base.load, seeds=Seeds(order=1, arrival=1)))
    assert captured(base) == captured(other)
    assert captured(base) != captured(replace(base, load=replace(base.load, seeds=Seeds(capture=1))))


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.25, 430, 570), (1.0, 2000, 2000)])
def test_the_share_of_captured_outputs(share: float, low: int, high: int) -> None:
    assert low <= len(captured(schedule_of(10, capture=share))) <= high


def test_a_larger_share_keeps_what_a_smaller_one_kept() -> None:
    assert captured(schedule_of(10, capture=0.1)) < captured(schedule_of(10, capture=0.2))


@pytest.mark.parametrize("scenario", [Scenario.OFFLINE, Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM])
def test_without_an_arrival_rate_everything_is_due_at_once(scenario: Scenario) -> None:
    assert {q.due_ns for q in planned(schedule_of(20, load_of(scenario)))} == {0}


def test_the_file_holds_the_rule_and_the_digest_but_not_the_plan() -> None:
    written = json.loads(json.dumps(SERVER.to_json()))
    assert written["schedule_sha256"] == SERVER.digest()
    assert written["dataset_size"] == 7
    assert written["load"]["seeds"] == {"order": str(MLPERF), "arrival": str(2**64 - 1), "capture": "0"}
    assert written["spec"] == {
        "label": "reference",
        "order": {"kind": "without_replacement", "middle": []},
        "queries": 1000,
        "min_duration_s": 0.0,
        "capture": 0.0,
        "whole": False,
        "media": False,
        "together": None,
    }
    assert len(json.dumps(written)) < 1000


def test_equal_specs_are_equal_and_can_share_a_run() -> None:
    assert RunSpec("a", WithoutReplacement((3,)), 5) == RunSpec("a", WithoutReplacement((3,)), 5)
    assert len({RunSpec("a", Single(3), 5), RunSpec("a", Single(3), 5), RunSpec("a", Single(4), 5)}) == 2
