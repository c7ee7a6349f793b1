"""The state of three comes home to one, whatever crashes on the way, and three take it again."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from aiex.engine import Bucket, Carrier, Entry, StateMoved, StateMoveFailed
from aiex.engine.bucket_nats import NatsBucket
from aiex.engine.founding import BUCKET, KEY, Founding
from aiex.engine.jetstream import JetStream
from aiex.engine.server_config import EngineFiles
from aiex.errors import EngineRefused, EngineUnavailable
from aiex.testing.engine_cluster import (
    ClusterEngine,
    access,
    addresses,
    cluster_of,
    seat_of,
    until_kept,
)
from aiex.testing.engine_process import LAST_WORDS, EngineProcess

pytestmark = [pytest.mark.integration, pytest.mark.fault]

BUCKETS = ("accounts", "keys", "usage")


async def fill(one: ClusterEngine) -> dict[str, list[Entry]]:
    written = {}
    for bucket in BUCKETS:
        entries = one.engine.bucket(bucket)
        for number in range(20):
            await entries.put(f"key-{number % 15}", f"{number} ".encode() * number * 100)
        await entries.delete("key-3")
        written[bucket] = await entries.entries()
    return written


async def contents(one: ClusterEngine) -> dict[str, list[Entry]]:
    return {bucket: await until_kept(one.engine.bucket(bucket).entries) for bucket in BUCKETS}


async def test_three_become_one_and_one_three_again(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, b, c = engines
        for one in engines:
            await one.until("up")
        written = await fill(b)
        await c.engine.bucket("cluster").put("charter", b"three")

        async def last_words(bucket: Bucket) -> None:
            await bucket.put("charter", b"one")

        await a.engine.take_home(last_words)
        await b.until("forming")
        for one in (b, c):
            charter = await one.engine.bucket("cluster").get("charter")
            assert charter is not None, "the last words are for all"
            assert charter.value == b"one"
        with pytest.raises(EngineUnavailable, match="on its way to the node a"):
            await b.engine.bucket("keys").put("key", b"lost")
        for one in engines:
            one.engine.take_seat(seat_of(one.name, carriers[:1]))
        for one in engines:
            await one.until("up")
            assert await contents(one) == written
            charter = await until_kept(lambda one=one: one.engine.bucket("cluster").get("charter"))  # type: ignore[misc]
            assert charter is None, "this bucket is the cluster's, and stays there"
        added = await c.engine.bucket("keys").put("added", b"while there was one")
        for one in engines:
            one.engine.take_seat(seat_of(one.name, carriers))
        for one in engines:
            await one.until("up")
            entry = await until_kept(lambda one=one: one.engine.bucket("keys").get("added"))  # type: ignore[misc]
            assert entry == Entry("added", b"while there was one", added)
        assert [moved.to for moved in a.heard(StateMoved)] == ["the node a", "the cluster"]


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
async def test_a_node_killed_on_the_way_home_leaves_the_state_whole(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    carriers = addresses("a", "b", "c")
    seat = Carrier(carriers[0], carriers[1:])
    async with cluster_of(tmp_path, carriers, access(), running=carriers[1:]) as engines:
        node = await EngineProcess.start(tmp_path / "a", seat)
        for one in engines:
            await one.until("up")
        written = await fill(engines[0])
        await node.kill()
        node = await EngineProcess.start(tmp_path / "a", seat, "home")
        await node.until_it_says("StateMoveBegan(to='the node a'")
        # Bringing these streams home takes about a second here.
        await asyncio.sleep(random.uniform(0.0, 1.5))
        await node.kill()
        node = await EngineProcess.start(tmp_path / "a", seat)
        try:
            # Once it can be written to again, what was begun was given back.
            await until_kept(lambda: engines[0].engine.bucket("other").put("writable", b"again"))
            for bucket in BUCKETS:
                keys = engines[1].engine.bucket(bucket)
                deletion = await until_kept(lambda keys=keys: keys.delete("no-such-key"))  # type: ignore[misc]
                assert deletion > written[bucket][-1].revision
            for one in engines:
                assert await contents(one) == written, f"seed {seed}"
        finally:
            await node.kill()


async def test_when_the_others_took_the_state_back_the_journey_fails_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, b, _ = engines
        for one in engines:
            await one.until("up")
        written = await fill(a)
        journey = asyncio.create_task(a.engine.take_home())
        # As when this node was frozen in the middle of it, and the others waited in vain.
        await b.until("forming")
        record = NatsBucket(BUCKET, JetStream(b.engine.connection))
        entry = await record.get(KEY)
        founding = Founding.of(entry)
        assert entry is not None
        assert founding is not None
        await record.update(KEY, founding.back().encoded(), entry.revision)
        with pytest.raises(EngineRefused, match="took its state back"):
            await journey
        assert a.heard(StateMoveFailed)
        for one in engines:
            await one.until("up")
            assert await contents(one) == written
        await until_kept(lambda: b.engine.bucket("keys").put("writable", b"again"))
    assert not EngineFiles.below(tmp_path / "a").store.exists()


async def test_state_that_left_for_a_node_that_is_lost_is_given_back_once_that_is_taken_out(
    tmp_path: Path,
) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access(), running=carriers[1:]) as engines:
        seat = Carrier(carriers[0], carriers[1:])
        node = await EngineProcess.start(tmp_path / "a", seat)
        for one in engines:
            await one.until("up")
        written = await fill(engines[0])
        await node.kill()
        node = await EngineProcess.start(tmp_path / "a", seat, "home", "mute")
        await node.until_it_says(LAST_WORDS)
        await node.kill()
        # What a charter without it makes of the others: the seat by itself is not enough.
        for one in engines:
            one.engine.take_seat(seat_of(one.name, carriers[1:]))
        await engines[0].until("forming")
        with pytest.raises(EngineUnavailable, match="on its way to the node a"):
            await engines[1].engine.bucket("keys").put("key", b"too early")
        await until_kept(lambda: engines[0].engine.remove_server("a", is_forced=True))
        for one in engines:
            await one.until("up")
            assert await contents(one) == written
        for bucket in BUCKETS:
            entries = engines[1].engine.bucket(bucket)
            await until_kept(lambda entries=entries: entries.put("added", b"again"))  # type: ignore[misc]


async def test_a_cluster_without_state_has_none_to_bring_home(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access(), running=carriers[:2]) as (a, b):
        for one in (a, b):
            await one.until("forming")
        with pytest.raises(EngineRefused, match="no state yet"):
            await a.engine.take_home()
