"""Accounts that share limits over tables: fast while units are in hand, right when they are not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
import pytest

from aiex.assistant.account import Account, Hold, Limit, Shortage
from aiex.assistant.account_borrowing import (
    UNKNOWN,
    WAIT_S,
    BorrowingAccounts,
    WithoutEngine,
)
from aiex.assistant.account_local import LocalAccounts
from aiex.assistant.borrower import BUDGETS, LIMITS, TICK_S, Borrower
from aiex.assistant.budget_block import BLOCK_MS, IDLE_S, BudgetRow
from aiex.assistant.events import LimitsTurned
from aiex.assistant.gcra import NANOSECONDS
from aiex.assistant.holdings import Holding, Holdings
from aiex.assistant.key_blocks import LimitRow
from aiex.assistant.ledger import Ledger
from aiex.assistant.limits import Limits
from aiex.assistant.shared_rate import SharedRate
from aiex.assistant.usage import NO_USAGE
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryStore


class Node:
    """One node over the store of all."""

    def __init__(
        self,
        cluster: "Cluster",
        name: str,
        *,
        without_engine: WithoutEngine = "share",
        limit_rows: Any = None,
    ) -> None:
        self.clock = cluster.clock
        self.cluster = cluster
        self.name = name
        self.events: list[Any] = []
        self.ledger = Ledger(self.clock.wall_s)
        self.ledger.begin_with(self.ledger.month, ())
        local = LocalAccounts(lambda: int(self.clock.monotonic_s() * NANOSECONDS), self.ledger)
        self.accounts = BorrowingAccounts(
            local,
            lambda: self.borrower,
            writer=name,
            spending=self.ledger,
            clock=self.clock,
            without_engine=without_engine,
        )
        self.borrower = Borrower(
            self.accounts,
            limit_rows or cluster.store.rows(LIMITS),
            cluster.store.rows(BUDGETS),
            company=lambda: cluster.count,
            spent_before=cluster.spent_before,
            clock=self.clock,
            random=Random(1),
            emit=self.events.append,
        )

    def account(self, limits: Limits) -> Account:
        return self.accounts.account("key", limits)

    def spend(self, cost: int) -> None:
        self.ledger.add("key", "m", NO_USAGE, cost, is_failure=False)


class Cluster:
    def __init__(self, count: int = 2) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.count = count
        self.before: Holdings = ()

    async def spent_before(self, key_id: str, month: int) -> Holdings:
        assert key_id == "key"
        return self.before

    def node(self, name: str, *, without_engine: WithoutEngine = "share") -> Node:
        return Node(self, name, without_engine=without_engine)

    @asynccontextmanager
    async def running(self, *nodes: Node) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(node.borrower.run(lambda: None)) for node in nodes]
        await self.clock.settle()
        try:
            yield
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def held(taking: Awaitable[Hold | Shortage]) -> Hold:
    taken = await taking
    assert not isinstance(taken, Shortage), taken
    return taken


async def short(taking: Awaitable[Hold | Shortage]) -> Shortage:
    taken = await taking
    assert isinstance(taken, Shortage)
    return taken


def at_once(account: Account, tokens: int = 0) -> Hold | Shortage:
    """What is taken without the loop turning once."""
    taking = account.take(tokens)
    assert asyncio.iscoroutine(taking)
    try:
        taking.send(None)
    except StopIteration as answer:
        taken: Hold | Shortage = answer.value
        return taken
    taking.close()
    raise AssertionError("it waits")


async def test_two_nodes_let_in_as_many_as_one_would() -> None:
    cluster = Cluster()
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(requests_per_minute=4)
    async with cluster.running(one, two):
        for node in (one, two, one, two):
            await held(node.account(limits).take(0))
        shortage = await short(two.account(limits).take(0))
        assert shortage == Shortage(Limit.REQUESTS, 4, 1, 15 * NANOSECONDS)
        await cluster.clock.advance(15)
        await held(one.account(limits).take(0))
        assert (await short(two.account(limits).take(0))).limit is Limit.REQUESTS


async def test_a_busy_key_is_served_without_the_engine_being_asked() -> None:
    cluster = Cluster()
    node = cluster.node("one")
    limits = Limits(requests_per_minute=60_000, tokens_per_minute=10**7, concurrency=1_000)
    async with cluster.running(node):
        account = node.account(limits)
        holds = [await held(account.take(10)) for _ in range(20)]
        await cluster.clock.advance(2 * TICK_S)
        cluster.store.go_down("a drill")
        holds += [at_once(account, 10) for _ in range(20)]  # type: ignore[misc]
        assert not any(isinstance(hold, Shortage) for hold in holds)


async def test_what_is_in_hand_and_not_used_comes_back() -> None:
    cluster = Cluster()
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(requests_per_minute=6_000)
    async with cluster.running(one, two):
        for _ in range(100):
            await held(one.account(limits).take(0))
        await cluster.clock.advance(TICK_S)
        in_hand = one.accounts.borrowing["key"].in_hand.requests
        assert in_hand is not None
        assert in_hand.left > 0
        await cluster.clock.advance(10)
        assert in_hand.left == 0
        await held(two.account(limits).take(0))
        assert two.account(limits).standing().requests_remaining == 5_999


async def test_tokens_guessed_too_high_are_there_for_others() -> None:
    cluster = Cluster()
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(tokens_per_minute=1_000)
    async with cluster.running(one, two):
        hold = await held(one.account(limits).take(900))
        assert (await short(two.account(limits).take(200))).limit is Limit.TOKENS
        hold.settle(100)
        await cluster.clock.advance(TICK_S)
        await held(two.account(limits).take(800))


async def test_a_refused_request_takes_nothing_of_any_limit() -> None:
    cluster = Cluster()
    node = cluster.node("one")
    limits = Limits(requests_per_minute=10, tokens_per_minute=100)
    async with cluster.running(node):
        assert await short(node.account(limits).take(101)) == Shortage(Limit.TOKENS, 100, 101, None)
        await held(node.account(limits).take(60))
        assert (await short(node.account(limits).take(50))).limit is Limit.TOKENS
        standing = node.account(limits).standing()
        assert (standing.requests_remaining, standing.tokens_remaining) == (9, 40)


async def test_only_so_many_are_in_progress_on_all_nodes_together() -> None:
    cluster = Cluster()
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(concurrency=2)
    async with cluster.running(one, two):
        first = await held(one.account(limits).take(0))
        await held(two.account(limits).take(0))
        assert await short(two.account(limits).take(0)) == Shortage(Limit.CONCURRENCY, 2, 2, None)
        first.settle(None)
        await cluster.clock.advance(2 * TICK_S)
        await held(two.account(limits).take(0))


async def test_the_slots_of_a_killed_node_are_free_after_their_time() -> None:
    cluster = Cluster()
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(concurrency=1)
    async with cluster.running(two):
        rows = cluster.store.rows(LIMITS)
        async with cluster.running(one):
            await held(one.account(limits).take(0))
            kept = await rows.get(("key",))
        assert kept is not None
        await rows.put(kept.row)  # as if it had not been given back at the stop
        await short(two.account(limits).take(0))
        await cluster.clock.advance(30)
        await short(two.account(limits).take(0))
        await cluster.clock.advance(6)
        await held(two.account(limits).take(0))


async def test_a_request_in_progress_keeps_its_slot_for_as_long_as_it_lasts() -> None:
    cluster = Cluster()
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(concurrency=1)
    async with cluster.running(one, two):
        await held(one.account(limits).take(0))
        for _ in range(10):
            await cluster.clock.advance(30)
            assert (await short(two.account(limits).take(0))).limit is Limit.CONCURRENCY


async def test_a_budget_is_one_for_all_nodes_and_its_rest_comes_back() -> None:
    cluster = Cluster()
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(budget_micro_usd=1_000)
    async with cluster.running(one, two):
        await held(one.account(limits).take(0))
        one.spend(900_000)
        await cluster.clock.advance(IDLE_S + 1)
        await held(two.account(limits).take(0))
        two.spend(100_000)
        assert (await short(two.account(limits).take(0))).limit is Limit.BUDGET
        shortage = await short(one.account(limits).take(0))
        assert (shortage.limit, shortage.allowed, shortage.used) == (Limit.BUDGET, 1_000, 1_000)
        assert shortage.wait_ns == int(one.ledger.month_left_s() * NANOSECONDS)


async def test_what_was_spent_before_there_was_company_counts() -> None:
    cluster = Cluster()
    cluster.before = (Holding("gone", 700_000, 0, 700_000),)
    one = cluster.node("one")
    one.spend(300_000)
    async with cluster.running(one):
        assert (await short(one.account(Limits(budget_micro_usd=1_000)).take(0))).used == 1_000


async def test_what_a_killed_node_held_of_a_budget_comes_back_after_its_time() -> None:
    cluster = Cluster()
    now_ms = int(cluster.clock.wall_s() * 1_000)
    cluster.before = (Holding("killed", 1_000_000, now_ms + BLOCK_MS, 400_000),)
    one = cluster.node("one")
    async with cluster.running(one):
        account = one.account(Limits(budget_micro_usd=1_000))
        await short(account.take(0))
        cluster.clock.jump(BLOCK_MS / 1_000 + 6)
        await cluster.clock.advance(TICK_S)
        await held(account.take(0))


async def test_a_month_begins_with_all_of_the_budget() -> None:
    cluster = Cluster()
    one = cluster.node("one")
    async with cluster.running(one):
        account = one.account(Limits(budget_micro_usd=1_000))
        await held(account.take(0))
        one.spend(1_000_000)
        await short(account.take(0))
        cluster.clock.jump(one.ledger.month_left_s())
        await cluster.clock.advance(2 * TICK_S)
        await held(account.take(0))


async def test_without_the_engine_each_node_has_its_share() -> None:
    cluster = Cluster(count=3)
    node = cluster.node("one")
    limits = Limits(requests_per_minute=30, concurrency=15)
    cluster.store.go_down("a drill")
    async with cluster.running(node):
        holds = [await held(node.account(limits).take(0)) for _ in range(5)]
        assert (await short(node.account(limits).take(0))).limit is Limit.CONCURRENCY
        for hold in holds:
            hold.settle(None)
        for _ in range(5):
            (await held(node.account(limits).take(0))).settle(None)
        assert (await short(node.account(limits).take(0))).limit is Limit.REQUESTS
        assert [type(event) for event in node.events] == [LimitsTurned]


async def test_what_was_used_without_the_engine_is_owed_once_it_is_back() -> None:
    cluster = Cluster(count=2)
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(requests_per_minute=10)
    cluster.store.go_down("a drill")
    async with cluster.running(one, two):
        for _ in range(5):
            await held(one.account(limits).take(0))
        cluster.store.come_back()
        await cluster.clock.advance(2 * TICK_S)
        assert not one.borrower.is_away
        for _ in range(5):
            await held(two.account(limits).take(0))
        await short(two.account(limits).take(0))


async def test_what_was_used_while_alone_is_owed_once_there_is_company() -> None:
    cluster = Cluster(count=1)
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(requests_per_minute=10)
    async with cluster.running(one, two):
        for _ in range(7):
            assert not isinstance(at_once(one.account(limits)), Shortage)
        cluster.count = 2
        await cluster.clock.advance(TICK_S)
        await held(one.account(limits).take(0))
        await held(two.account(limits).take(0))
        await held(two.account(limits).take(0))
        assert (await short(two.account(limits).take(0))).limit is Limit.REQUESTS


async def test_a_node_that_is_left_alone_counts_on_from_where_all_were() -> None:
    cluster = Cluster(count=2)
    one, two = cluster.node("one"), cluster.node("two")
    limits = Limits(requests_per_minute=60)
    async with cluster.running(one):
        async with cluster.running(two):
            for _ in range(30):
                await held(two.account(limits).take(0))
        for _ in range(20):
            (await held(one.account(limits).take(0))).settle(None)
        cluster.count = 1
        await cluster.clock.advance(2 * TICK_S)
        assert one.account(limits).standing().requests_remaining == 10
        assert one.accounts.borrowing == {}


async def test_a_node_that_is_cut_off_for_long_never_takes_itself_to_be_alone() -> None:
    cluster = Cluster(count=3)
    node = cluster.node("one")
    limits = Limits(requests_per_minute=30)
    async with cluster.running(node):
        cluster.store.go_down("a drill")
        await held(node.account(limits).take(0))
        cluster.count = 1  # the others are forgotten
        await cluster.clock.advance(300)
        for _ in range(10):
            await held(node.account(limits).take(0))
        assert (await short(node.account(limits).take(0))).limit is Limit.REQUESTS
        cluster.store.come_back()
        await cluster.clock.advance(2 * TICK_S)
        assert node.borrower.member_count == 1


async def test_where_nothing_is_guessed_the_rest_is_refused() -> None:
    cluster = Cluster()
    node = cluster.node("one", without_engine="refuse")
    cluster.store.go_down("a drill")
    async with cluster.running(node):
        assert await short(node.account(Limits(requests_per_minute=10)).take(0)) == UNKNOWN


async def test_money_is_never_guessed() -> None:
    cluster = Cluster()
    node = cluster.node("one")
    async with cluster.running(node):
        account = node.account(Limits(budget_micro_usd=1_000))
        await held(account.take(0))
        cluster.store.go_down("a drill")
        await held(account.take(0))
        node.spend(1_000_000)
        assert await short(account.take(0)) == UNKNOWN


class HangingRows:
    """Rows that answer once they are let."""

    def __init__(self, rows: Any) -> None:
        self.may_answer = asyncio.Event()
        self.put = rows.put
        self._rows = rows

    async def get(self, *args: Any, **more: Any) -> Any:
        await self.may_answer.wait()
        return await self._rows.get(*args, **more)


async def test_a_slow_engine_is_not_waited_for_long() -> None:
    cluster = Cluster()
    rows = HangingRows(cluster.store.rows(LIMITS))
    node = Node(cluster, "one", limit_rows=rows)
    async with cluster.running(node):
        taking = asyncio.create_task(held(node.account(Limits(requests_per_minute=10)).take(0)))
        await cluster.clock.advance(WAIT_S)
        await taking
        rows.may_answer.set()


async def test_a_request_that_is_called_away_has_taken_nothing() -> None:
    cluster = Cluster()
    node = cluster.node("one")
    limits = Limits(requests_per_minute=10, tokens_per_minute=100, concurrency=1)
    async with cluster.running(node):
        for turns in range(12):
            taking = asyncio.ensure_future(node.account(limits).take(10))
            for _ in range(turns):
                await asyncio.sleep(0)
            if taking.done():
                taking.result().settle(0)  # type: ignore[union-attr]
                break
            taking.cancel()
            await cluster.clock.settle()
        assert node.accounts.borrowing["key"].in_hand.in_progress == 0
        await cluster.clock.advance(10)
        standing = node.account(limits).standing()
        assert (standing.requests_remaining, standing.tokens_remaining) == (10, 100)


async def test_a_lost_answer_costs_the_key_units_and_nobody_more() -> None:
    cluster = Cluster()
    node = cluster.node("one")
    limits = Limits(requests_per_minute=10, concurrency=4)
    async with cluster.running(node):
        cluster.store.lose_next_answer()
        await held(node.account(limits).take(0))
        assert node.account(limits).standing().requests_remaining == 8
        row = await cluster.store.rows(LIMITS).get(("key",))
        assert row is not None
        assert [one.amount for one in row.row.slots] == [1]


async def test_a_changed_limit_is_in_force_at_once_and_keeps_what_was_used() -> None:
    cluster = Cluster()
    node = cluster.node("one")
    async with cluster.running(node):
        for _ in range(6):
            await held(node.account(Limits(requests_per_minute=10)).take(0))
        lower = Limits(requests_per_minute=8)
        for _ in range(2):
            await held(node.account(lower).take(0))
        assert (await short(node.account(lower).take(0))).allowed == 8


async def test_a_stop_gives_all_back() -> None:
    cluster = Cluster()
    one = cluster.node("one")
    limits = Limits(requests_per_minute=6_000, concurrency=50, budget_micro_usd=1_000_000)
    async with cluster.running(one):
        holds = [await held(one.account(limits).take(0)) for _ in range(40)]
        await cluster.clock.advance(TICK_S)
        for hold in holds:
            hold.settle(None)
    limit_row = await cluster.store.rows(LIMITS).get(("key",))
    budget_row = await cluster.store.rows(BUDGETS).get(("key", one.ledger.month))
    assert limit_row is not None
    assert limit_row.row.slots == ()
    assert budget_row is not None
    assert budget_row.row.holdings == ()


@pytest.mark.parametrize("without_engine", ["share", "refuse"])
async def test_before_the_service_runs_nobody_waits(without_engine: WithoutEngine) -> None:
    node = Cluster().node("one", without_engine=without_engine)
    node.borrower.member_count = 2
    taken = await node.account(Limits(requests_per_minute=10)).take(0)
    assert (taken == UNKNOWN) is (without_engine == "refuse")


def test_the_worst_case_is_told() -> None:
    cluster = Cluster(count=3)
    node = cluster.node("one")
    node.borrower.member_count = 3
    node.account(Limits(requests_per_minute=600, tokens_per_minute=10))
    assert node.borrower.overshoot() == {"requests": 60, "tokens": 0}


def test_rows_are_read_as_they_were_written() -> None:
    rate = SharedRate(600, 1_700_000_000_000_000_000, 5)
    limits = LimitRow("key", rate, rate, (Holding("one", 2, 1_700_000_000_000),))
    budget = BudgetRow("key", 24_000, (Holding("one", 2, 3, 4),))
    for table, row in ((LIMITS, limits), (BUDGETS, budget)):
        assert msgspec.json.decode(msgspec.json.encode(row), type=table.row) == row
