"""The bookkeeper: what was counted is in the engine, once, whatever happens in between."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.assistant.bookkeeper import (
    OTHERS_EVERY_S,
    SINCE_S_MAX,
    WRITE_EVERY_S,
    Bookkeeper,
    seconds_in,
)
from aiex.assistant.ledger import Ledger, Span
from aiex.assistant.usage import Usage
from aiex.assistant.usage_pages import MERGED, UsagePage, pages_in
from aiex.errors import EngineUnavailable
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryStore

NOON_S = datetime(2026, 3, 14, 12, 0, 20, tzinfo=UTC).timestamp()
DAY_S = 24 * 3600


class Desk:
    """Tables that outlive the processes that write them."""

    def __init__(self, wall_s: float = NOON_S) -> None:
        self.clock = FakeClock(wall_s)
        self.store = MemoryStore(self.clock)
        self.pages = pages_in(self.store)
        self.restart()

    def restart(self, writer: str = "node") -> None:
        """Forget all that is in memory, as a new process has."""
        self.ledger = Ledger(self.clock.wall_s)
        self.keeper = Bookkeeper(self.ledger, self.pages, writer=writer, clock=self.clock)

    def request(self, key: str = "k", cost: int = 5) -> None:
        self.ledger.add(key, "m", Usage(2, 3), cost, is_failure=False)

    def go_down(self) -> None:
        self.store.go_down("test")

    def come_back(self) -> None:
        self.store.come_back()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        ready = asyncio.Event()
        task = asyncio.create_task(self.keeper.run(ready.set))
        try:
            await ready.wait()
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def rows(self, span: Span) -> list[UsagePage]:
        return [stored.row async for stored in self.pages[span].scan()]

    async def requests(self, since_s: float) -> int:
        return sum(row.requests for row in await self.keeper.usage(since_s))


async def test_usage_is_written_every_few_seconds() -> None:
    desk = Desk()
    async with desk.running():
        desk.request()
        await desk.clock.advance(WRITE_EVERY_S)
        for span in Span:
            assert len(await desk.rows(span)) == 1


async def test_what_was_counted_last_is_written_on_a_stop_and_read_at_the_start() -> None:
    desk = Desk()
    async with desk.running():
        desk.request()
    desk.restart()
    async with desk.running():
        assert desk.ledger.spent_nano_usd("k") == 5
        desk.request()
        assert desk.ledger.spent_nano_usd("k") == 10
    desk.restart()
    assert await desk.requests(3600) == 2


async def test_a_budget_counts_what_other_nodes_had_spent() -> None:
    desk = Desk()
    desk.request()
    await desk.keeper.write()
    desk.restart("another")
    async with desk.running():
        assert desk.ledger.spent_nano_usd("k") == 5
        desk.request()
    desk.restart("third")
    assert await desk.requests(3600) == 2
    assert desk.ledger.spent_nano_usd("k") == 10


async def test_while_the_engine_is_away_counting_goes_on() -> None:
    desk = Desk()
    desk.go_down()
    async with desk.running():
        desk.request()
        await desk.clock.advance(600)
        desk.request()
        with pytest.raises(EngineUnavailable):
            await desk.keeper.usage(3600)
        desk.come_back()
        await desk.clock.advance(WRITE_EVERY_S)
    desk.restart()
    assert await desk.requests(3600) == 2
    assert desk.ledger.spent_nano_usd("k") == 10


async def test_an_engine_away_at_the_stop_is_said_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk()
    async with desk.running():
        desk.request()
        desk.go_down()
    assert "not written yet" in caplog.text
    desk.come_back()
    async with desk.running():  # the service is run again, with the same ledger
        assert await desk.requests(3600) == 1


async def test_minutes_are_kept_for_a_day_and_hours_for_two_months() -> None:
    desk = Desk()
    desk.request()
    await desk.keeper.write()
    await desk.clock.advance(3 * 3600)
    desk.request()
    assert await desk.requests(3600) == 1
    assert await desk.requests(4 * 3600) == 2
    await desk.clock.advance(30 * DAY_S)
    desk.request()
    assert await desk.requests(DAY_S) == 1
    assert await desk.requests(29 * DAY_S) == 1
    assert await desk.requests(31 * DAY_S) == 3


async def test_a_lost_answer_counts_nothing_twice() -> None:
    desk = Desk()
    desk.request()
    await desk.keeper.write()
    desk.request()
    for _ in range(3):
        desk.store.lose_next_answer()
        with suppress(EngineUnavailable):
            await desk.keeper.write()
        desk.request()
    assert await desk.requests(3600) == 5


async def test_what_was_merged_meanwhile_is_not_counted_again() -> None:
    desk = Desk()
    desk.request()
    await desk.keeper.write()
    rows = desk.pages[Span.MINUTE]
    (page,) = await desk.rows(Span.MINUTE)
    await rows.put(UsagePage(page.at, MERGED, page.rows))
    await rows.delete((page.at, page.writer))
    desk.request()
    assert await desk.requests(3600) == 2


async def test_what_others_spend_is_heard_of_within_a_minute() -> None:
    desk = Desk()
    first, keeper = desk.ledger, desk.keeper
    await keeper.write()
    desk.restart("another")
    desk.request(cost=7)
    await desk.keeper.write()
    await desk.clock.advance(OTHERS_EVERY_S)
    await keeper.write()
    assert first.spent_nano_usd("k") == 7
    assert first.own_nano_usd("k") == 0
    assert [one.used for one in await keeper.spent("k", first.month)] == [7]
    assert await keeper.spent("other", first.month) == ()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["request", "write", "down", "up", "stop and start"]),
            st.integers(1, 5_000),
        ),
        max_size=40,
    )
)
def test_every_request_is_kept_once_over_stops_and_outages(steps: list[str | int]) -> None:
    """A number is so many seconds later. Killed processes are not here: they may lose seconds."""

    async def story() -> None:
        desk, counted, spent = Desk(), 0, Counter[int]()
        is_down = False
        for step in steps:
            if isinstance(step, int):
                await desk.clock.advance(step)
            elif step == "request":
                desk.request()
                counted += 1
                spent[Span.MONTH.at(desk.clock.wall_s())] += 5
            elif step == "write":
                with suppress(EngineUnavailable):
                    await desk.keeper.write()
            elif step in ("down", "up"):
                is_down = step == "down"
                (desk.go_down if is_down else desk.come_back)()
            elif step == "stop and start" and not is_down:
                async with desk.running():
                    pass
                desk.restart()
        desk.come_back()
        assert await desk.requests(SINCE_S_MAX) == counted
        assert desk.ledger.spent_nano_usd("k") == spent[Span.MONTH.at(desk.clock.wall_s())]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1_800), ("1h", 3_600), ("24h", DAY_S), ("62d", SINCE_S_MAX)]
)
def test_a_time_is_said_in_minutes_hours_or_days(text: str, seconds: int) -> None:
    assert seconds_in(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "0h", "63d", "-1h", "1.5h", "1w", "٣h", "9999999m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        seconds_in(text)
