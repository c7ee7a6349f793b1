"""Engines with embedded servers become one cluster, and take other seats while they run."""

import asyncio
from pathlib import Path

import pytest

from aiex.engine import Bucket, Entry
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


async def test_one_node_grows_to_three_and_never_shows_an_empty_bucket(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    a, b, c = (ClusterEngine(name, tmp_path / name, access()) for name in "abc")
    alone = seat_of("a", carriers[:1])
    users = seat_of("b", carriers[:1])
    async with a.running(alone), b.running(users), c.running(users):
        for one in (a, b, c):
            await one.until("up")
        written = [
            Entry(
                f"key-{number}",
                b"x" * number,
                await a.engine.bucket("any").put(f"key-{number}", b"x" * number),
            )
            for number in range(40)
        ]
        seen: set[str] = set()

        async def look(one: ClusterEngine) -> None:
            while True:
                try:
                    entries = await one.engine.bucket("any").entries()
                    assert entries == written
                    assert await one.engine.bucket("any").get("key-3") == written[3]
                except EngineUnavailable as error:
                    seen.add(str(error))
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as tasks:
            looks = [tasks.create_task(look(one)) for one in (a, b, c)]
            for one in (a, b, c):
                one.engine.take_seat(seat_of(one.name, carriers))
            for one in (a, b, c):
                await one.until("up")
                assert await one.engine.bucket("any").entries() == written
            for task in looks:
                task.cancel()
        assert seen, "they were told nothing while the state was on its way"
    aside = list((tmp_path / "a" / "engine").glob("standalone.moved-*"))
    assert len(aside) == 1


async def test_three_become_one_again_and_one_three(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, b, c = engines
        for one in engines:
            await one.until("up")
        written = [
            Entry(f"key-{number}", b"v", await b.engine.bucket("any").put(f"key-{number}", b"v"))
            for number in range(20)
        ]
        await c.engine.bucket("cluster").put("charter", b"three")

        async def last_words(bucket: Bucket) -> None:
            await bucket.put("charter", b"one")

        await a.engine.take_home(last_words)
        await until(lambda: b.engine.status().state == "forming")
        with pytest.raises(EngineUnavailable, match="on its way to the node a"):
            await b.engine.bucket("any").put("key", b"lost")
        for one in engines:
            one.engine.take_seat(seat_of(one.name, carriers[:1]))
        for one in engines:
            await one.until("up")
            assert await one.engine.bucket("any").entries() == written
            charter = await one.engine.bucket("cluster").get("charter")
            assert charter is not None
            assert charter.value == b"one"
        written.append(Entry("more", b"1", await c.engine.bucket("any").put("more", b"1")))
        for one in engines:
            one.engine.take_seat(seat_of(one.name, carriers))
        for one in engines:
            await one.until("up")
            assert await one.engine.bucket("any").entries() == written
        assert (await a.engine.bucket("any").put("more", b"2")) == written[-1].revision + 1
