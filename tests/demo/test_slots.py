"""The queue before the slots, on an ideal clock."""

from __future__ import annotations

import asyncio
import time

import pytest

from auditcube.demo.slots import Slots


async def _turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_a_waiting_call_starts_when_the_slot_was_due_not_when_it_was_given() -> None:
    async def scene() -> None:
        slots = Slots(1)
        await slots.take()
        waiting = asyncio.ensure_future(slots.take())
        await _turn()
        due = time.monotonic() + 5
        slots.give(due)
        assert await waiting == due

    asyncio.run(scene())


def test_a_call_that_came_after_the_slot_was_due_starts_when_it_came() -> None:
    async def scene() -> None:
        slots = Slots(1)
        long_ago = await slots.take() - 5
        waiting = asyncio.ensure_future(slots.take())
        await _turn()
        slots.give(long_ago)
        assert await waiting > long_ago + 4

    asyncio.run(scene())


def test_first_come_first_served_and_who_left_is_passed_over() -> None:
    async def scene() -> None:
        slots, order = Slots(1), list[int]()

        async def call(number: int) -> None:
            async with slots.hold():
                order.append(number)

        await slots.take()
        calls = [asyncio.ensure_future(call(number)) for number in range(4)]
        await _turn()
        calls[1].cancel()
        await _turn()
        slots.give(0.0)
        await asyncio.gather(*calls, return_exceptions=True)
        assert order == [0, 2, 3]
        assert slots.in_service == 0

    asyncio.run(scene())


def test_a_slot_granted_to_a_call_that_is_cancelled_in_the_same_turn_is_not_lost() -> None:
    async def scene() -> None:
        slots = Slots(1)
        await slots.take()
        waiting = asyncio.ensure_future(slots.take())
        await _turn()
        slots.give(0.0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert slots.in_service == 0

    asyncio.run(scene())


def test_a_cancelled_service_frees_its_slot_at_once() -> None:
    async def scene() -> None:
        slots = Slots(1)

        async def call() -> None:
            async with slots.hold() as hold:
                await hold.until(hold.start + 3600)

        service = asyncio.ensure_future(call())
        await _turn()
        assert slots.in_service == 1
        service.cancel()
        await _turn()
        assert slots.in_service == 0

    asyncio.run(scene())
