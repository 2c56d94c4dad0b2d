"""Which way a query takes: in turn, workers starting apart, or the one with least to do; and requests that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from auditcube.load import lanes as module
from auditcube.load.lanes import Lane, chooser
from auditcube.load.share import Balance
from auditcube.load.target import Target


def lanes_of(number: int) -> list[Lane]:
    loop = asyncio.new_event_loop()
    try:
        return [Lane(loop, Target(f"http://h{n}", "/v1"), {"A": "b"}, number) for n in range(number)]
    finally:
        loop.close()


def taken(lanes: list[Lane], choose: Callable[[], Lane], times: int) -> list[int]:
    """The lanes that queries take which are never answered."""
    found = []
    for _ in range(times):
        lane = choose()
        lane.in_flight += 1
        found.append(lanes.index(lane))
    return found


@pytest.mark.parametrize(
    ("number", "worker", "expected"),
    [
        (1, 0, [0, 0, 0]),
        (1, 5, [0, 0, 0]),
        (3, 0, [0, 1, 2, 0, 1]),
        (3, 1, [1, 2, 0, 1, 2]),
        (3, 2, [2, 0, 1, 2, 0]),
        (3, 3, [0, 1, 2, 0, 1]),
    ],
)
def test_each_in_turn_from_the_workers_own_start(number: int, worker: int, expected: list[int]) -> None:
    lanes = lanes_of(number)
    assert taken(lanes, chooser(lanes, "round_robin", worker), len(expected)) == expected


def test_turns_take_no_notice_of_what_is_in_flight() -> None:
    lanes = lanes_of(2)
    lanes[0].in_flight = 100
    assert taken(lanes, chooser(lanes, "round_robin", 0), 4) == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("in_flight", "expected"),
    [([0, 0], [0, 1, 0, 1]), ([3, 0], [1, 1, 1, 0, 1]), ([0, 2], [0, 0, 0, 1]), ([2, 1, 0], [2, 1, 2, 0])],
)
def test_the_one_with_least_in_flight_the_first_of_several(in_flight: list[int], expected: list[int]) -> None:
    lanes = lanes_of(len(in_flight))
    for lane, busy in zip(lanes, in_flight, strict=True):
        lane.in_flight = busy
    assert taken(lanes, chooser(lanes, "least_in_flight", 1), len(expected)) == expected


def test_what_was_answered_makes_a_lane_free_again() -> None:
    lanes = lanes_of(2)
    choose = chooser(lanes, "least_in_flight", 0)
    assert taken(lanes, choose, 4) == [0, 1, 0, 1]
    lanes[1].in_flight -= 2
    assert taken(lanes, choose, 2) == [1, 1]


@pytest.mark.parametrize("balance", ["round_robin", "least_in_flight"])
def test_one_lane_is_always_taken(balance: Balance) -> None:
    lanes = lanes_of(1)
    assert taken(lanes, chooser(lanes, balance, 2), 3) == [0, 0, 0]


def test_a_request_is_head_length_and_body() -> None:
    (lane,) = lanes_of(1)
    head, _, body = lane.request(b"{}").partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.startswith(b"POST /v1 HTTP/1.1\r\nHost: h0\r\n")
    assert head.endswith(b"\r\nA: b\r\nContent-Length: 2")


def test_requests_are_kept_as_far_as_there_is_room_for_all_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT_BYTES", 20)
    for lane in lanes_of(2):
        for sample in range(5):
            lane.keep(sample, b"x" * 4)
        assert list(lane.requests) == [0, 1]
