"""Engines with embedded servers become one cluster, and take other seats while they run."""

import asyncio
import contextlib
import fcntl
import itertools
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from aiex.engine import (
    Alone,
    Client,
    EngineDown,
    EngineFroze,
    EngineUp,
    Entry,
    NobodyAnswers,
    ReplicasRaised,
)
from aiex.engine.jetstream import JetStream
from aiex.engine.seat import Carrier
from aiex.engine.server_config import EngineFiles
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

pytestmark = [pytest.mark.integration, pytest.mark.fault]

SUBJECT = "aiex.test.any"


async def test_three_carriers_and_a_client_share_one_state_kept_by_three(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    client = ClusterEngine("d", tmp_path / "d", access())
    async with (
        cluster_of(tmp_path, carriers, access()) as engines,
        client.running(seat_of("d", carriers)),
    ):
        for one in (*engines, client):
            await one.until("up")
        revision = await client.engine.bucket("any").put("key", b"value")
        for one in (*engines, client):
            entry = await one.engine.bucket("any").get("key")
            assert entry == Entry("key", b"value", revision)
        assert client.pid is None, "a client runs no server"
        kept = [(tmp_path / one.name).glob("engine/cluster-*/**/KV_any") for one in engines]
        assert all(list(places) for places in kept), "not every carrier keeps the bucket"


async def test_messages_pass_between_all_nodes(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    client = ClusterEngine("d", tmp_path / "d", access())
    async with (
        cluster_of(tmp_path, carriers, access()) as engines,
        client.running(seat_of("d", carriers)),
    ):
        for one in (*engines, client):
            await one.engine.connection.until_up()
        async with client.engine.connection.subscribed(SUBJECT, timeout_s=1.0) as inbox:
            for one in engines:
                await until_answered(one, inbox.subject)
                message = await inbox.next(5.0)
                assert message.data == one.name.encode()


async def until_answered(one: ClusterEngine, subject: str) -> None:
    """Publish once somebody listens: routes are made a moment after the servers are there."""
    while True:
        try:
            await one.engine.connection.request(subject, one.name.encode(), timeout_s=0.2)
        except NobodyAnswers:
            await asyncio.sleep(0.02)
        except EngineUnavailable:
            return  # it was taken; nobody answers it here


async def test_without_a_quorum_messages_pass_and_state_is_refused_in_words(
    tmp_path: Path,
) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, b, c = engines
        for one in engines:
            await one.until("up")
        await a.engine.bucket("any").put("key", b"value")
        pid = a.pid
        for one in (b, c):
            one.engine.take_seat(Client(()))
        await a.until("no quorum")
        status = a.engine.status()
        assert "too few of the cluster's servers" in status.reason
        began_s = time.monotonic()
        with pytest.raises(EngineUnavailable):
            await a.engine.bucket("any").put("key", b"lost")
        with pytest.raises(EngineUnavailable):
            await a.engine.bucket("new").put("key", b"lost")
        assert time.monotonic() - began_s < 15.0
        async with a.engine.connection.subscribed(SUBJECT, timeout_s=1.0) as inbox:
            await a.engine.connection.publish(SUBJECT, b"hello", timeout_s=1.0)
            assert (await inbox.next(5.0)).data == b"hello"
        # The watchdog has looked many times by now: a server without a quorum is not frozen.
        assert a.pid == pid
        assert not a.heard(EngineFroze)
        for one in (b, c):
            one.engine.take_seat(seat_of(one.name, carriers))
        for one in engines:
            await one.until("up")
        entry = await until_kept(lambda: c.engine.bucket("any").get("key"))
        assert entry is not None
        # What was refused for want of an answer may be done once there is a quorum again.
        assert entry.value in (b"value", b"lost")


async def test_a_carrier_whose_own_server_is_away_uses_another(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, *_ = engines
        for one in engines:
            await one.until("up")
        await a.engine.bucket("any").put("key", b"value")
        a.events.clear()
        a.kill(signal.SIGSTOP)
        await until(lambda: bool(a.heard(EngineDown)))
        await a.until("up")
        assert not a.heard(EngineFroze), "it was the restart of its own that brought it back"
        entry = await until_kept(lambda: a.engine.bucket("any").get("key"))
        assert entry is not None
        assert entry.value == b"value"
        # What is frozen is killed by its own node in the end; this test need not wait for that.
        if a.pid is not None:
            a.kill()


async def test_a_carrier_whose_server_is_killed_is_named_to_the_others(tmp_path: Path) -> None:
    async with cluster_of(tmp_path, addresses("a", "b.1", "c"), access()) as engines:
        a, b, c = engines
        for one in engines:
            await one.until("up")
        b.kill()
        assert await a.engine.next_lost_carrier() == "b.1"
        assert await c.engine.next_lost_carrier() == "b.1"


async def test_carriers_begin_at_their_own_servers(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, b, c = engines
        for one in engines:
            await one.until("up")
        for one in (a, b):
            one.events.clear()
        c.kill(signal.SIGTERM)
        for one in (a, b):
            # Once its server has noticed, so has the one who was connected to c's.
            assert await one.engine.next_lost_carrier() == "c"
            # Should what c led not have been handed over, there is an election first: 4 to 8 s.
            assert await one.engine.connection.probe(15.0) is not None
            assert not one.heard(EngineDown)


async def test_a_cluster_is_whole_again_while_there_are_writers(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, _, c = engines
        for one in engines:
            await one.until("up")
        bucket = a.engine.bucket("any")
        await bucket.put("0", b"")
        written = itertools.count(1)

        async def write() -> None:
            while True:
                with contextlib.suppress(EngineUnavailable):
                    await bucket.put(str(next(written) % 100), b"0" * 1000)

        writers = [asyncio.create_task(write()) for _ in range(16)]
        try:
            c.kill()
            await until(lambda: bool(c.heard(EngineDown)))
            await c.until("up")
            for one in engines:
                await until(lambda one=one: not one.engine.lacking())  # type: ignore[misc]
            # Looks come once a second, and writers leave none without something under way.
            ends_at_s = time.monotonic() + 5.0
            while time.monotonic() < ends_at_s:
                assert [one.engine.lacking() for one in engines] == [(), (), ()]
                await asyncio.sleep(0.05)
        finally:
            for writer in writers:
                writer.cancel()
            await asyncio.gather(*writers, return_exceptions=True)


async def test_a_carrier_whose_own_server_cannot_start_again_uses_another(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, *_ = engines
        for one in engines:
            await one.until("up")
        a.events.clear()
        with EngineFiles.below(a.data_dir).cluster_lock(0).open() as lock:
            # Whoever waits for the lock has it once the server is dead, before its successor.
            taking = asyncio.create_task(asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX))
            a.kill()
            await taking
            await until(lambda: bool(a.heard(EngineDown)))
            await a.until("up")
            assert a.pid is None


async def test_a_planned_stop_of_a_carrier_hands_over_what_it_leads(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        for one in engines:
            await one.until("up")
        bucket = engines[0].engine.bucket("any")
        await bucket.put("key", b"0")
        written_at_s = [time.monotonic()]

        async def write() -> None:
            # A write on its way to the server that stops gets no answer: its writer waits in vain,
            # and is not what this is about.
            with contextlib.suppress(EngineUnavailable):
                await bucket.put("key", b"1")
                written_at_s.append(time.monotonic())

        async with asyncio.TaskGroup() as writes:
            # Both, one after the other: at least one of them leads the bucket when it stops.
            for one in engines[1:]:
                one.kill(signal.SIGTERM)
                for _ in range(60):
                    writes.create_task(write())
                    await asyncio.sleep(0.02)
                await one.until("up")
        gaps_s = [later - earlier for earlier, later in pairwise(sorted(written_at_s))]
        # A kill -9 of the leader stops its writes for 4 s and more.
        assert max(gaps_s) < 1.0


async def test_a_node_that_was_alone_takes_every_seat_and_comes_back(tmp_path: Path) -> None:
    (carrier,) = addresses("a")
    node = ClusterEngine("a", tmp_path / "a", access())
    guest = ClusterEngine("b", tmp_path / "b", access())
    async with node.running(Alone()), guest.running(Client((carrier,))):
        await node.until("up")
        await node.engine.bucket("any").put("key", b"alone")
        await guest.until("down")
        node.engine.take_seat(Carrier(carrier, ()))
        for one in (node, guest):
            await one.until("up")
            entry = await one.engine.bucket("any").get("key")
            assert entry is not None, "a carrier without others has the node's own store"
            assert entry.value == b"alone"
        node.engine.take_seat(Client((carrier,)))
        await until(lambda: node.pid is None)
        node.engine.take_seat(Alone())
        await node.until("up")
        assert await node.engine.bucket("any").get("key") is not None
    ups = [event for event in node.events if isinstance(event, EngineUp | EngineDown)]
    assert all(event.is_planned for event in ups if isinstance(event, EngineDown))


async def test_a_client_without_carriers_waits_and_says_so(tmp_path: Path) -> None:
    node = ClusterEngine("a", tmp_path / "a", access())
    async with node.running(Client(())):
        await node.until("down")
        assert "no carrier of the cluster is known" in node.engine.status().reason
        with pytest.raises(EngineUnavailable):
            await node.engine.bucket("any").get("key")


async def test_a_carrier_that_lost_its_disk_and_lags_shows_no_empty_bucket(tmp_path: Path) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access(), running=carriers[1:]) as engines:
        before = ClusterEngine("a", tmp_path / "before", access())
        async with before.running(seat_of("a", carriers)):
            for one in engines:
                await one.until("up")
            for number in range(50):
                await engines[0].engine.bucket("any").put(f"key-{number}", b"v" * 1000)
        expected = await until_kept(engines[0].engine.bucket("any").entries)
        after = ClusterEngine("a", tmp_path / "after", access())
        async with after.running(seat_of("a", carriers)):
            await after.until("up")
            for _ in range(30):
                assert await until_kept(after.engine.bucket("any").entries) == expected


async def test_a_bucket_made_while_a_carrier_is_away_is_kept_by_it_too_once_it_is_back(
    tmp_path: Path,
) -> None:
    carriers = addresses("a", "b", "c")
    async with cluster_of(tmp_path, carriers, access()) as engines:
        a, b, c = engines
        for one in engines:
            await one.until("up")
        c.engine.take_seat(Client(()))
        await until(lambda: c.pid is None)
        # Whether nats-server takes the third for granted depends on how long it has been away.
        jetstream = JetStream(a.engine.connection, server_count=lambda: 2)
        config = {"subjects": ["$KV.any.>"], "max_msgs_per_subject": 1, "deny_delete": True}
        await jetstream.ensure_stream("KV_any", config)
        await a.engine.bucket("any").put("key", b"value")
        c.engine.take_seat(seat_of("c", carriers))
        await until(
            lambda: any(ReplicasRaised("KV_any", 3) in one.heard(ReplicasRaised) for one in engines)
        )
        assert (await jetstream.stream("KV_any")).config["num_replicas"] == 3
        assert b.engine.status().state == "up"
