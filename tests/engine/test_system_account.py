"""A server that is gone for good is taken out of its cluster, and another takes its place."""

from pathlib import Path

import pytest

from aiex.engine import Client
from aiex.engine.jetstream import JetStream
from aiex.engine.server_plan import system_addresses
from aiex.engine.system_account import system_account
from aiex.errors import EngineRefused
from aiex.testing.engine_cluster import (
    ClusterEngine,
    access,
    addresses,
    cluster_of,
    seat_of,
    until,
)

pytestmark = [pytest.mark.integration, pytest.mark.fault]


async def test_a_server_that_runs_is_not_removed_and_one_that_is_gone_is_replaced(
    tmp_path: Path,
) -> None:
    *old, new = addresses("a", "b", "c", "d")
    async with cluster_of(tmp_path, old, access()) as engines:
        a, b, c = engines
        for one in engines:
            await one.until("up")
        revision = await a.engine.bucket("any").put("key", b"value")
        with pytest.raises(EngineRefused, match="node c still runs; stop that node"):
            await a.engine.remove_server("c")
        carriers = (*old[:2], new)
        c.engine.take_seat(Client(carriers))
        await until(lambda: c.pid is None)
        await removed(a, "c")
        await a.engine.remove_server("c")  # once more is no harm
        successor = ClusterEngine("d", tmp_path / "d", access())
        async with successor.running(seat_of("d", carriers)):
            for one in (a, b):
                one.engine.take_seat(seat_of(one.name, carriers))
            for one in (a, b, c, successor):
                await one.until("up")
            jetstream = JetStream(a.engine.connection)
            async with system_account(system_addresses(carriers, access())) as system:
                while True:
                    stream = await jetstream.stream("KV_any")
                    assert stream.cluster is not None
                    names = {stream.cluster.leader, *(one.name for one in stream.followers)}
                    stores = await system.stores(3)
                    stored = {name: store.get("KV_any") for name, store in stores.items()}
                    if names == set(stored) == {"a", "b", "d"} and all(
                        state == stream.state for state in stored.values()
                    ):
                        break
            entry = await successor.engine.bucket("any").get("key")
            assert entry is not None
            assert entry.revision == revision


async def removed(one: ClusterEngine, name: str) -> None:
    """Remove it once it is seen to be gone."""
    while True:
        try:
            await one.engine.remove_server(name)
        except EngineRefused:
            continue
        return
