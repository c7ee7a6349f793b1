"""Nodes that share a key's limits never use more than is said, whatever happens between them.

A failing seed is in the test's name: `-k "[17]"`.
"""

from functools import partial
from random import Random

import pytest

from aiex.assistant.key_blocks import Deal, KeyBlocks
from aiex.assistant.limits import Limits
from aiex.assistant.shared_rate import overshoot_max
from aiex.testing.simulated_limits import EXCHANGE_S_MAX, SimulatedLimits, level_max

SEEDS = 1_000
GROUPS = 20
BUDGET_SEEDS = 200
RATE_S = 50.0


def disturb(world: SimulatedLimits, random: Random, *, until_s: float) -> None:
    """Bad weather, cuts and kills at times of the seed."""
    world.weather.refused_ratio = random.choice([0.0, 0.0, 0.05])
    world.weather.lost_ratio = random.choice([0.0, 0.05, 0.2])
    world.weather.delay_s_max = random.choice([0.002, 0.02, 0.2])
    for _ in range(random.randrange(4)):
        index = random.randrange(world.node_count)
        at_s = random.uniform(world.now_s, until_s)
        if random.random() < 0.5:
            world.at(at_s, partial(_kill, world, index))
            continue

        world.at(at_s, partial(_cut, world, index, random.uniform(1.0, 30.0)))


def _kill(world: SimulatedLimits, index: int) -> None:
    world.kill(world.nodes[index])


def _cut(world: SimulatedLimits, index: int, for_s: float) -> None:
    node = world.nodes[index]
    node.is_connected = False
    world.at(world.now_s + for_s, lambda: setattr(node, "is_connected", True))


def rates(
    seed: int, blocks: type[KeyBlocks] = KeyBlocks, *, is_disturbed: bool = True
) -> SimulatedLimits:
    """A key whose clients ask for less, as much, or three times as much as it may have."""
    random = Random(seed)
    limit = random.choice([3, 10, 60, 600, 3_000])
    per_request = random.choice([1, 20, 200])
    tokens_limit = random.choice([0, limit * per_request])
    concurrency = random.choice([0, 0, 2, 20])
    limits = Limits(
        requests_per_minute=limit, tokens_per_minute=tokens_limit, concurrency=concurrency
    )
    count = random.choice([2, 3, 5])
    skew_s = random.choice([0.0, 0.1, 1.0])
    world = SimulatedLimits(random, limits, node_count=count, skew_s_max=skew_s, blocks=blocks)
    end_s = world.now_s + RATE_S
    if is_disturbed:
        disturb(world, random, until_s=end_s)
    pace = random.choice([0.3, 1.0, 3.0]) * limit / 60.0
    favourite = random.randrange(count)
    at_s = world.now_s
    while (at_s := at_s + random.expovariate(min(pace, 30.0))) < end_s:
        index = favourite if random.random() < 0.5 else random.randrange(count)
        tokens = random.randint(0, 2 * per_request)
        used = random.choice([0, tokens // 2, tokens])
        lasts_s = random.choice([0.01, 1.0, 20.0])
        asked = partial(world.ask, index, tokens=tokens, used=used, lasts_s=lasts_s)
        world.at(at_s, asked)
    world.run_until(end_s + 5.0)
    return world


def excess(world: SimulatedLimits, limit: int, uses: list[tuple[float, int]]) -> float:
    """By how much the worst window exceeded what is allowed; not more than 0.

    A request that waited is let in at most one exchange after its units were taken from the row.
    """
    per_s = limit / 60.0
    allowed = (
        limit + overshoot_max(limit, world.node_count) + per_s * (world.skew_s_max + EXCHANGE_S_MAX)
    )
    return level_max(uses, per_s) - allowed - 1e-6


@pytest.mark.parametrize("group", range(GROUPS))
def test_no_window_has_more_than_the_bound_allows(group: int) -> None:
    for seed in range(group, SEEDS, GROUPS):
        world = rates(seed)
        limits = world.limits
        by_request = [(use.at_s, 1) for use in world.uses]
        assert excess(world, limits.requests_per_minute, by_request) <= 0, f"seed {seed}"
        if limits.tokens_per_minute:
            by_token = [(use.at_s, use.tokens) for use in world.uses]
            assert excess(world, limits.tokens_per_minute, by_token) <= 0, f"seed {seed}"


class GenerousBlocks(KeyBlocks):
    """Spends what it has borrowed ahead twice."""

    def dealt(self, deal: Deal) -> None:
        super().dealt(deal)
        if self.requests is not None and deal.requests.ahead and deal.requests_block is not None:
            self.requests.left += deal.requests_block.amount


def test_blocks_that_are_spent_twice_would_be_seen() -> None:
    for seed in range(100):
        world = rates(seed, GenerousBlocks)
        uses = [(use.at_s, 1) for use in world.uses]
        if excess(world, world.limits.requests_per_minute, uses) > 0:
            return
    pytest.fail("no seed found it")


def busy(limit: int, *, per_s: float, node_count: int = 3, for_s: float = 90.0) -> SimulatedLimits:
    """Clients who ask all nodes in turn, steadily; nothing is disturbed."""
    random = Random(limit)
    world = SimulatedLimits(random, Limits(requests_per_minute=limit), node_count=node_count)
    for number in range(int(for_s * per_s)):
        world.at(world.now_s + number / per_s, partial(world.ask, number % node_count))
    world.run_until(world.now_s + for_s)
    return world


@pytest.mark.parametrize("limit", [1, 10, 60, 600, 6_000])
def test_a_busy_key_gets_all_of_its_limit(limit: int) -> None:
    world = busy(limit, per_s=limit / 60.0 * 2)
    assert len(world.uses) >= limit + 0.95 * limit * 1.5 - 1


@pytest.mark.parametrize("limit", [1, 2, 10, 29])
def test_a_small_limit_is_exact(limit: int) -> None:
    assert overshoot_max(limit, 3) == 0
    uses = [(use.at_s, 1) for use in busy(limit, per_s=5.0).uses]
    assert level_max(uses, limit / 60.0) <= limit + limit / 60.0 * 0.1


@pytest.mark.parametrize("seed", range(40))
def test_in_good_weather_no_more_requests_are_in_progress_than_allowed(seed: int) -> None:
    world = rates(seed, is_disturbed=False)
    assert not world.limits.concurrency or world.concurrency_peak <= world.limits.concurrency


BUDGET_MICRO = 1_000_000
BUDGET = BUDGET_MICRO * 1_000
COST_MAX = BUDGET // 200


def spenders(seed: int, *, is_disturbed: bool = True) -> SimulatedLimits:
    """A key that spends its budget within some minutes, each request up to half a percent of it."""
    random = Random(seed)
    limits = Limits(budget_micro_usd=BUDGET_MICRO)
    count = random.choice([2, 3, 5])
    world = SimulatedLimits(random, limits, node_count=count, skew_s_max=1.0)
    end_s = world.now_s + 500.0
    if is_disturbed:
        disturb(world, random, until_s=end_s)
    at_s = world.now_s
    while (at_s := at_s + random.expovariate(1.0)) < end_s:
        index = random.randrange(count)
        cost, lasts_s = random.randint(0, COST_MAX), random.choice([0.1, 5.0])
        world.at(at_s, partial(world.ask, index, cost=cost, lasts_s=lasts_s))
    world.run_until(end_s + 60.0)
    return world


@pytest.mark.parametrize("group", range(GROUPS))
def test_no_budget_is_exceeded_but_by_requests_in_progress_and_by_what_a_killed_node_kept(
    group: int,
) -> None:
    for seed in range(group, BUDGET_SEEDS, GROUPS):
        world = spenders(seed)
        in_progress = sum(node.peak for node in world.lives)
        assert world.spent <= BUDGET + world.unreported + in_progress * COST_MAX, f"seed {seed}"


def test_nobody_is_refused_while_much_of_a_budget_is_left() -> None:
    for seed in range(40):
        world = spenders(seed, is_disturbed=False)
        assert world.spent >= BUDGET * 0.95 or not world.refusals, f"seed {seed}"
