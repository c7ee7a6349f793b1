"""Clients that leave: found out after a moment, and nobody asked of those answered before."""

import asyncio

import pytest

from aiex.assistant.leave_watch import LeaveWatch
from aiex.assistant.trail import Trail
from aiex.testing.exchange import MemoryExchange

MOMENT_S = 0.01


class Visit:
    """A request in a task of its own, answered when `answered` is set."""

    def __init__(self, watch: LeaveWatch) -> None:
        self.trail = Trail(method="POST", route="/x", request_id="r1", traceparent="", at_s=0)
        self.exchange = MemoryExchange()
        self.answered = asyncio.Event()
        self._watch = watch
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._watch.add(task, self.trail, self.exchange)
        try:
            await self.answered.wait()
        finally:
            self._watch.remove(task)


async def test_who_leaves_is_found_out_and_the_request_ended() -> None:
    visit = Visit(LeaveWatch(MOMENT_S))
    visit.exchange.leave()
    with pytest.raises(asyncio.CancelledError):
        await visit.task
    assert visit.trail.has_lost_client


async def test_who_leaves_much_later_is_found_out_too() -> None:
    watch = LeaveWatch(MOMENT_S)
    early, late = Visit(watch), Visit(watch)
    early.exchange.leave()
    await asyncio.wait([early.task])
    late.exchange.leave()
    await asyncio.wait([late.task])
    assert late.trail.has_lost_client


async def test_an_answer_within_a_moment_asks_nobody() -> None:
    visit = Visit(LeaveWatch(60.0))
    visit.answered.set()
    await visit.task
    assert not visit.exchange.client_disconnect().done()


async def test_a_request_that_is_over_is_asked_about_no_more() -> None:
    watch = LeaveWatch(MOMENT_S)
    over, gone = Visit(watch), Visit(watch)
    gone.exchange.leave()
    await asyncio.wait([gone.task])  # by now both are looked after
    over.answered.set()
    await over.task
    assert over.exchange.client_disconnect().cancelled()
    assert not over.trail.has_lost_client
