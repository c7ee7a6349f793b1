"""The state of a node moves into a new cluster, whatever crashes on the way: all of it, once."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from aiex.engine import (
    Carrier,
    Entry,
    NewMessage,
    StateMoveBegan,
    StateMoved,
    StateMoveFailed,
    StreamConfig,
)
from aiex.engine.server_config import EngineFiles
from aiex.engine.standalone_store import holds_state
from aiex.errors import EngineUnavailable
from aiex.testing.engine_cluster import (
    ClusterEngine,
    access,
    addresses,
    cluster_of,
    seat_of,
    until,
    until_kept,
)
from aiex.testing.engine_process import EngineProcess

pytestmark = [pytest.mark.integration, pytest.mark.fault]

BUCKETS = ("accounts", "keys", "usage")
ROWS = StreamConfig(
    "T_rows", followed="aiex.test.rows.>", barrier="aiex.test.rows", marker_life_s=60
)


async def filled(directory: Path, name: str) -> dict[str, list[Entry]]:
    """What a node that ran alone has written, bucket by bucket; it is stopped again."""
    alone = ClusterEngine(name, directory / name, access())
    written = {}
    async with alone.running():
        for bucket in BUCKETS:
            entries = alone.engine.bucket(bucket)
            for number in range(30):
                await entries.put(f"key-{number % 20}", f"{name} {number} ".encode() * number * 200)
            await entries.delete("key-3")
            written[bucket] = await entries.entries()
    return written


async def contents(one: ClusterEngine) -> dict[str, list[Entry]]:
    return {bucket: await until_kept(one.engine.bucket(bucket).entries) for bucket in BUCKETS}


async def test_a_cluster_grows_around_a_node_and_nobody_ever_sees_an_empty_bucket(
    tmp_path: Path,
) -> None:
    written = await filled(tmp_path, "a")
    carriers = addresses("a", "b", "c")
    refused = 0

    async def look(one: ClusterEngine) -> None:
        nonlocal refused
        while True:
            try:
                assert await one.engine.bucket("keys").entries() == written["keys"]
                assert await one.engine.bucket("keys").get("key-5") is not None
            except EngineUnavailable:
                refused += 1
            await asyncio.sleep(0.01)

    a, b, c = (ClusterEngine(name, tmp_path / name, access()) for name in "abc")
    one = carriers[:1]
    async with (
        a.running(seat_of("a", one)),
        b.running(seat_of("b", one)),
        c.running(seat_of("c", one)),
        asyncio.TaskGroup() as tasks,
    ):
        looks = [tasks.create_task(look(engine)) for engine in (a, b, c)]
        for engine in (a, b, c):
            await engine.until("up")
        for engine in (a, b, c):
            engine.engine.take_seat(seat_of(engine.name, carriers))
        for engine in (a, b, c):
            await engine.until("up")
            assert await contents(engine) == written
        for task in looks:
            task.cancel()
        assert a.heard(StateMoveBegan)
        assert [moved.stream_count for moved in a.heard(StateMoved)] == [len(BUCKETS)]
    assert refused, "while the state was on its way nobody was told so"
    files = EngineFiles.below(tmp_path / "a")
    assert not files.store.exists()
    aside = list(files.root.glob("standalone.moved-*"))
    assert len(aside) == 1
    assert holds_state(aside[0]), "what was moved is kept"


async def test_a_stream_that_moved_is_the_same_one_whichever_server_leads_it(
    tmp_path: Path,
) -> None:
    alone = ClusterEngine("a", tmp_path / "a", access())
    async with alone.running():
        written = NewMessage("aiex.test.rows.a", b"1")
        await until_kept(lambda: alone.engine.stream(ROWS).write(written, timeout_s=5))
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        for one in engines:
            await one.until("up")
        identities, leaders = set[str](), set[str]()
        while len(leaders) < 2:
            for one in engines:
                told = await until_kept(lambda one=one: one.engine.stream(ROWS).facts(timeout_s=1))  # type: ignore[misc]
                assert told is not None
                identities.add(told.identity)
            leaders |= {told.leader} - {""}
            next(one for one in engines if one.name == told.leader).kill()
        assert len(identities) == 1


@pytest.mark.parametrize("seed", [1, 2, 3, pytest.param(4, marks=pytest.mark.slow)])
async def test_a_node_killed_while_its_state_moves_loses_and_doubles_nothing(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    written = await filled(tmp_path, "a")
    carriers = addresses("a", "b", "c")
    seat = Carrier(carriers[0], carriers[1:])
    async with cluster_of(tmp_path, carriers, access(), running=carriers[1:]) as engines:
        for _ in range(2):
            node = await EngineProcess.start(tmp_path / "a", seat)
            await node.until_it_says("StateMoveBegan")
            # Moving these streams takes about a second here.
            await asyncio.sleep(random.uniform(0.0, 1.2))
            await node.kill()
        node = await EngineProcess.start(tmp_path / "a", seat)
        try:
            for one in engines:
                await one.until("up")
                assert await contents(one) == written
            await until(lambda: not EngineFiles.below(tmp_path / "a").move.exists())
        finally:
            await node.kill()
    assert len(list((tmp_path / "a" / "engine").glob("standalone.moved-*"))) == 1, f"seed {seed}"


async def test_where_two_nodes_have_state_neither_is_touched_and_both_say_so(
    tmp_path: Path,
) -> None:
    for name in ("a", "b"):
        await filled(tmp_path, name)
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, b, _ = engines
        for one, other in ((a, b), (b, a)):
            await until(lambda one=one: "each have state" in one.engine.status().reason)  # type: ignore[misc]
            assert other.name in one.engine.status().reason
            with pytest.raises(EngineUnavailable):
                await one.engine.bucket("keys").get("key-1")
        assert not a.heard(StateMoveBegan)
        assert not b.heard(StateMoveBegan)
    for name in ("a", "b"):
        assert holds_state(EngineFiles.below(tmp_path / name).store)


async def test_a_node_with_state_that_joins_a_cluster_with_state_keeps_its_own_apart(
    tmp_path: Path,
) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access(), running=carriers[1:]) as engines:
        first = ClusterEngine("a", tmp_path / "a", access())
        async with first.running(seat_of("a", carriers)):
            for one in engines:
                await one.until("up")
            await engines[0].engine.bucket("keys").put("of", b"the cluster")
        await filled(tmp_path, "a")
        late = ClusterEngine("a", tmp_path / "a", access())
        async with late.running(seat_of("a", carriers)):
            await late.until("up")
            entries = await late.engine.bucket("keys").entries()
            assert [entry.value for entry in entries] == [b"the cluster"]
            assert not late.heard(StateMoveFailed)
    assert holds_state(EngineFiles.below(tmp_path / "a").store)
