"""Engines with embedded servers become one cluster, and take other seats while they run."""

import asyncio
from pathlib import Path

import pytest

from aiex.engine import Alone, EngineUp, Entry
from aiex.errors import EngineUnavailable
from aiex.testing.engine_cluster import (
    ClusterEngine,
    access,
    addresses,
    cluster_of,
    seat_of,
    until,
)

pytestmark = [pytest.mark.integration, pytest.mark.fault]


async def test_three_carriers_and_a_client_share_one_state(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        client = ClusterEngine("d", tmp_path / "d", access())
        async with client.running(seat_of("d", carriers)):
            for one in (*engines, client):
                await one.until("up")
            assert client.pid is None
            revision = await engines[0].engine.bucket("any").put("key", b"value")
            for one in (*engines, client):
                entry = await one.engine.bucket("any").get("key")
                assert entry == Entry("key", b"value", revision)
            stream = await engines[1].engine._keeper._jetstream.stream("KV_any")
            assert stream.config["num_replicas"] == 3
