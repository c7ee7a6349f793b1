"""Which server a seat needs: its store, its lock, where it answers."""

from pathlib import Path

import pytest

from aiex.engine import Alone, Carrier, CarrierAddress, Client, Seat
from aiex.engine.server_config import Credentials, EngineFiles
from aiex.engine.server_plan import (
    ServerPlan,
    carriers_of,
    is_clustered,
    server_count,
    server_plan,
    system_addresses,
)
from aiex.testing.engine_cluster import access

FILES = EngineFiles.below(Path("/data"))
CARRIERS = tuple(CarrierAddress(name, "10.0.0.1", 6222, 4222) for name in "abcde")
OWN, *OTHERS = CARRIERS
LONE = Carrier(OWN, ())
THREE = Carrier(OWN, tuple(OTHERS[:2]))


def plan_of(seat: Alone | Carrier) -> ServerPlan:
    own = Credentials("aiex", "of this node")
    return server_plan(seat, FILES, access=access(), own=own, own_port=4999)


def test_a_node_alone_is_reached_on_loopback_by_itself() -> None:
    plan = plan_of(Alone())
    assert (plan.address.host, plan.address.port) == ("127.0.0.1", 4999)
    assert plan.address.password == "of this node"


def test_a_carrier_without_others_has_the_nodes_own_store_and_lets_nodes_in() -> None:
    plan = plan_of(LONE)
    assert (plan.store, plan.lock) == (FILES.store, FILES.lock)
    assert (plan.address.host, plan.address.port) == ("10.0.0.1", 4222)
    assert plan.address.password == access().node.password
    assert not plan.is_clustered


def test_only_a_carrier_among_others_is_clustered_and_its_store_is_another() -> None:
    plan = plan_of(THREE)
    assert plan.is_clustered
    assert (plan.store, plan.lock) == (FILES.cluster_store(0), FILES.cluster_lock(0))
    assert "cluster {" in plan.config


@pytest.mark.parametrize("seat", [Alone(), LONE])
def test_no_cluster_block_ever_stands_over_the_standalone_store(seat: Alone | Carrier) -> None:
    plan = plan_of(seat)
    assert str(FILES.store) in plan.config
    assert "cluster {" not in plan.config
    assert str(FILES.store) not in plan_of(THREE).config


@pytest.mark.parametrize(
    ("seat", "count"),
    [(Alone(), 1), (LONE, 1), (THREE, 3), (Carrier(OWN, tuple(OTHERS)), 5), (Client(CARRIERS), 5)],
)
def test_an_engine_has_as_many_servers_as_it_has_carriers(seat: Seat, count: int) -> None:
    assert server_count(seat) == count


def test_whoever_has_a_seat_knows_the_carriers() -> None:
    assert carriers_of(Alone()) == ()
    assert carriers_of(THREE)[0] == OWN
    assert carriers_of(Client(CARRIERS)) == CARRIERS
    assert not is_clustered(Client(CARRIERS))


def test_the_system_account_has_its_own_user() -> None:
    (address,) = system_addresses([OWN], access())
    assert (address.user, address.password) == ("system", access().system.password)
