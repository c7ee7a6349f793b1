"""A thousand seeded lives of clusters: founded, grown, shrunk, crashed; never two, nothing lost.

A seed that fails is told by the assertion.
"""

from collections.abc import Callable
from random import Random

import msgspec
import pytest

from aiex.cluster.formation.steps import Facts, Sit, Step, next_step
from aiex.engine import Carrier
from aiex.testing.simulated_formation import Room

BLOCKS = 10
SEEDS = range(1_000)
SETTLE_STEPS_MAX = 4_000

type Storm = Callable[[Room, Random], None]


def check_no_two(room: Room, seed: int) -> None:
    stores = {id(store) for _, store in room.users()}
    assert len(stores) <= 1, f"seed {seed}: nodes use {len(stores)} stores at once"


def settle(room: Room, seed: int) -> None:
    """Everybody that is not gone for good is started again, and left alone."""
    for count in range(SETTLE_STEPS_MAX):
        for machine in room.machines.values():
            if not machine.is_running and not machine.has_left:
                machine.start()
            if machine.has_left and count % 100 == 99:
                room.remove(machine.name)
        room.step()
        check_no_two(room, seed)
        if room.is_settled():
            return
    told = {name: (one.charter, one.seat, one.read) for name, one in room.machines.items()}
    raise AssertionError(f"seed {seed}: not settled: {told}")


def check_nothing_lost(room: Room, seed: int) -> None:
    for _, store in room.users():
        lost = room.acknowledged - store.rows
        assert not lost, f"seed {seed}: {len(lost)} of {len(room.acknowledged)} rows lost"


def live(room: Room, storm: Storm, seed: int) -> None:
    """A life of a cluster, with all that must hold checked on the way."""
    random = room.random
    for name in random.sample(sorted(room.machines), len(room.machines)):
        if random.random() < 0.8:
            room.machines[name].start()
    for _ in range(random.randrange(20, 300)):
        storm(room, random)
        room.step()
        check_no_two(room, seed)
    settle(room, seed)
    check_nothing_lost(room, seed)


def crashes_and_leaves(room: Room, random: Random) -> None:
    machine = random.choice(list(room.machines.values()))
    match random.random():
        case chance if chance < 0.02 and machine.is_running:
            machine.crash()
        case chance if chance < 0.10 and not machine.is_running and not machine.has_left:
            machine.start()
        case chance if 0.10 < chance < 0.105 and machine.is_running:
            machine.is_leaving = True


def one_is_lost_for_good(room: Room, random: Random) -> None:
    """Its disc with it, while the cluster is whole: two at once are more than three bear."""
    crashes_and_leaves(room, random)
    if any(one.has_left for one in room.machines.values()) or random.random() > 0.02:
        return
    machine = random.choice(list(room.machines.values()))
    group = machine.group
    if group is None or group.charter is None or group.members != set(group.charter.names):
        return
    if all(room.machines[name].is_running for name in group.members):
        machine.crash()
        machine.has_left = True


def one_is_lost_on_its_way_home(room: Room, random: Random) -> None:
    """With its disc, before it used what it brought home or told anybody."""
    crashes_and_leaves(room, random)
    if any(one.has_left and not one.is_leaving for one in room.machines.values()):
        return
    for machine in room.machines.values():
        group = machine.group
        if not machine.carries_with_others or group is None or group.charter is None:
            continue
        others = group.members - {machine.name}
        running = sum(room.machines[name].is_running for name in others)
        is_taking = group.charter.takes == machine.name
        if is_taking and 2 * running > len(group.members) and random.random() < 0.5:
            machine.crash()
            machine.has_left = True
            return


@pytest.mark.parametrize("block", range(BLOCKS))
def test_clusters_are_founded_grown_and_shrunk_without_loss_whatever_crashes(block: int) -> None:
    acknowledged = 0
    for seed in SEEDS[block::BLOCKS]:
        room = Room("a b c d", Random(seed))
        live(room, crashes_and_leaves, seed)
        acknowledged += len(room.acknowledged)
    assert acknowledged > 1_000


def test_a_carrier_lost_with_its_disc_is_removed_and_replaced() -> None:
    lost = 0
    for seed in SEEDS[::4]:
        room = Room("a b c d e", Random(seed))
        live(room, one_is_lost_for_good, seed)
        lost += any(one.has_left and not one.is_leaving for one in room.machines.values())
    assert lost > 50


def test_a_carrier_lost_on_its_way_home_is_removed_and_the_others_go_on() -> None:
    lost = 0
    for seed in SEEDS[::4]:
        room = Room("a b c", Random(seed))
        live(room, one_is_lost_on_its_way_home, seed)
        lost += any(one.has_left and not one.is_leaving for one in room.machines.values())
    assert lost > 20


def test_five_carriers_are_had_when_five_are_wanted() -> None:
    for seed in SEEDS[::20]:
        room = Room("a b c d e", Random(seed), wanted=5)
        for machine in room.machines.values():
            machine.start()
        settle(room, seed)
        charter = room.machines["e"].charter
        assert charter is not None
        assert len(charter.carriers) == 5


def test_one_node_with_state_grows_to_three_and_brings_it() -> None:
    for seed in SEEDS[::20]:
        random = Random(seed)
        room = Room("a b c", random)
        old = room.machines["b"]
        old.start_with_state({-1, -2, -3})
        room.acknowledged |= {-1, -2, -3}
        for name in "ac":
            room.machines[name].start()
        settle(room, seed)
        check_nothing_lost(room, seed)
        assert old.standalone is None


# The checks must find what they are there to find.


def forgets_generations(facts: Facts) -> Step:
    step = next_step(facts)
    if isinstance(step, Sit) and isinstance(step.seat, Carrier):
        return Sit(msgspec.structs.replace(step.seat, generation=1))
    return step


def writes_over_anything(facts: Facts) -> Step:
    """As if a change of the carriers needed no look at the servers that are there."""
    servers = facts.servers
    if servers is not None and facts.charter is not None:
        facts = msgspec.structs.replace(facts, servers=dict.fromkeys(facts.charter.names, True))
    return next_step(facts)


@pytest.mark.parametrize("mutant", [forgets_generations, writes_over_anything])
def test_servers_of_old_and_changes_too_early_are_found_out(
    mutant: Callable[[Facts], Step],
) -> None:
    def live_all() -> None:
        for seed in SEEDS[:300]:
            live(Room("a b c d e", Random(seed), decide=mutant), one_is_lost_for_good, seed)

    with pytest.raises(AssertionError):
        live_all()
