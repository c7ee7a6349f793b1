"""A key's account in memory: all that is needed is taken, or nothing."""

from dataclasses import dataclass

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.account import Hold, Limit, Shortage
from aiex.assistant.account_local import LocalAccount, LocalAccounts
from aiex.assistant.gcra import MINUTE_NS, NANOSECONDS
from aiex.assistant.limits import Limits


@dataclass
class World:
    """The time and the money that accounts look at, moved by hand."""

    now_ns: int = 10**15
    spent: int = 0

    def spent_nano_usd(self, key_id: str) -> int:
        return self.spent

    def month_left_s(self) -> float:
        return 100.0

    def account(self, limits: Limits) -> LocalAccount:
        return LocalAccounts(lambda: self.now_ns, self).account("key", limits)


async def held(account: LocalAccount, tokens: int = 0) -> Hold:
    hold = await account.take(tokens)
    assert not isinstance(hold, Shortage)
    return hold


async def short(account: LocalAccount, tokens: int = 0) -> Shortage:
    shortage = await account.take(tokens)
    assert isinstance(shortage, Shortage)
    return shortage


async def test_requests_run_out_and_come_back() -> None:
    world = World()
    account = world.account(Limits(requests_per_minute=2))
    await held(account)
    await held(account)
    assert await short(account) == Shortage(Limit.REQUESTS, 2, 1, 30 * NANOSECONDS)
    world.now_ns += 30 * NANOSECONDS
    await held(account)


async def test_tokens_are_held_as_guessed_and_settled_as_counted() -> None:
    account = World().account(Limits(tokens_per_minute=1_000))
    hold = await held(account, 900)
    assert account.standing().tokens_remaining == 100
    assert (await short(account, 200)).limit is Limit.TOKENS
    hold.settle(50)
    assert account.standing().tokens_remaining == 950


async def test_tokens_used_beyond_the_guess_are_waited_for() -> None:
    account = World().account(Limits(tokens_per_minute=1_000))
    (await held(account, 10)).settle(1_500)
    assert account.standing().tokens_remaining == 0
    assert (await short(account, 0)).wait_ns == MINUTE_NS // 2


async def test_what_nobody_counted_stays_as_guessed() -> None:
    account = World().account(Limits(tokens_per_minute=1_000))
    (await held(account, 400)).settle(None)
    assert account.standing().tokens_remaining == 600


async def test_a_request_larger_than_the_limit_is_told_not_to_wait() -> None:
    account = World().account(Limits(tokens_per_minute=1_000))
    assert await short(account, 1_001) == Shortage(Limit.TOKENS, 1_000, 1_001, None)


async def test_only_so_many_are_in_progress() -> None:
    account = World().account(Limits(concurrency=2))
    first = await held(account)
    await held(account)
    assert await short(account) == Shortage(Limit.CONCURRENCY, 2, 2, None)
    first.settle(0)
    await held(account)


async def test_a_spent_budget_admits_nothing_until_next_month() -> None:
    world = World(spent=49_999_999)
    account = world.account(Limits(budget_micro_usd=50_000))
    (await held(account)).settle(0)
    world.spent += 1
    shortage = await short(account)
    assert shortage == Shortage(Limit.BUDGET, 50_000, 50_000, 100 * NANOSECONDS)


async def test_a_refusal_for_one_limit_takes_nothing_of_the_others() -> None:
    account = World().account(Limits(requests_per_minute=5, tokens_per_minute=100, concurrency=1))
    await short(account, 101)
    assert account.standing().requests_remaining == 5
    await held(account, 10)
    assert (await short(account, 10)).limit is Limit.CONCURRENCY
    assert account.standing().requests_remaining == 4
    assert account.standing().tokens_remaining == 90


async def test_a_changed_limit_keeps_what_was_used() -> None:
    world = World()
    accounts = LocalAccounts(lambda: world.now_ns, world)
    account = accounts.account("key", Limits(requests_per_minute=10, tokens_per_minute=100))
    hold = await held(account, 60)
    changed = accounts.account("key", Limits(requests_per_minute=4, tokens_per_minute=80))
    assert changed is account
    assert (changed.standing().requests_remaining, changed.standing().tokens_remaining) == (3, 20)
    hold.settle(0)  # taken under limits that are no more: it is not given back
    assert changed.standing().tokens_remaining == 20
    lifted = accounts.account("key", Limits(concurrency=1))
    assert lifted.standing().requests_limit == 0
    await held(lifted, 10**9)


async def test_keys_do_not_share_an_account() -> None:
    world, limits = World(), Limits(requests_per_minute=1)
    accounts = LocalAccounts(lambda: world.now_ns, world)
    await held(accounts.account("one", limits))
    await held(accounts.account("two", limits))
    assert (await short(accounts.account("one", limits))).limit is Limit.REQUESTS


@given(st.lists(st.one_of(st.just(None), st.integers(0, 4)), max_size=50), st.integers(1, 4))
def test_never_more_are_in_progress_than_allowed(steps: list[int | None], allowed: int) -> None:
    """None asks for one more, a number settles one of those in progress."""
    account = World().account(msgspec.structs.replace(Limits(), concurrency=allowed))
    in_progress: list[Hold] = []
    for step in steps:
        if step is None:
            asked = account.take(0)
            try:
                asked.send(None)
            except StopIteration as answer:
                if not isinstance(answer.value, Shortage):
                    in_progress.append(answer.value)
        elif step < len(in_progress):
            in_progress.pop(step).settle(0)
        assert len(in_progress) <= allowed
