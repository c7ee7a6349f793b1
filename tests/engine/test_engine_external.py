"""An engine that somebody else runs, named by engine.url: used, or refused in words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from aiex.clock import SystemClock
from aiex.engine import (
    Engine,
    EngineDown,
    EngineUp,
    Entry,
    NewMessage,
    ReplicasRaised,
    StreamConfig,
)
from aiex.engine.jetstream import JetStream
from aiex.engine.session import Session
from aiex.errors import EngineRefused, EngineUnavailable
from aiex.settings import EngineSettings, Secret
from aiex.testing.engine_cluster import until_kept
from aiex.testing.nats_fake import FakeNats
from aiex.testing.nats_process import PASSWORD, USER, NatsProcess, free_ports
from aiex.testing.running import running

pytestmark = pytest.mark.integration

DEADLINE_S = 20.0


class External:
    """An engine at a URL, and what it said of itself."""

    def __init__(self, url: str, user: str = "", password: str = "") -> None:
        self.events: asyncio.Queue[object] = asyncio.Queue()
        settings = EngineSettings(url=url, user=user, password=Secret(password))
        self.engine = Engine(
            settings, Path("/nowhere"), clock=SystemClock(), emit=self.events.put_nowait
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["External"]:
        async with running(self.engine.services()):
            yield self

    async def heard[E](self, event_type: type[E]) -> E:
        """The next event of that type."""
        async with asyncio.timeout(DEADLINE_S):
            while not isinstance(event := await self.events.get(), event_type):
                pass
        return event


def jetstream_of(external: External) -> JetStream:
    return JetStream(external.engine.connection)


async def trouble(external: External) -> str:
    """Why the engine is down; writes are refused for that reason, and at once."""
    async with external.running():
        await external.heard(EngineDown)
        reason = external.engine.status().reason
        async with asyncio.timeout(1.0):
            with pytest.raises(EngineUnavailable) as caught:
                await external.engine.bucket("any").put("key", b"")
    assert reason in str(caught.value)
    return reason


async def test_an_external_engine_keeps_what_is_written(server: NatsProcess) -> None:
    external = External(server.url, server.address.user, server.address.password)
    async with external.running():
        await external.heard(EngineUp)
        status = external.engine.status()
        assert (status.state, status.is_embedded) == ("up", False)
        assert status.server_version == "2.15.1"
        bucket = external.engine.bucket("external")
        revision = await bucket.put("key", b"value")
        assert [one.revision for one in await bucket.entries()] == [revision]


async def test_an_external_cluster_keeps_everything_on_three_servers(tmp_path: Path) -> None:
    servers = NatsProcess.cluster(tmp_path, 3)
    try:
        for one in servers:
            one.start()
        for one in servers:
            one.ready()
        external = External(servers[0].url, USER, PASSWORD)
        async with external.running():
            await external.heard(EngineUp)
            stream = external.engine.stream(StreamConfig("T_notes_0", followed="notes.>"))
            await stream.write(NewMessage("notes.a", b"value"), timeout_s=DEADLINE_S)
            facts = await stream.facts(timeout_s=DEADLINE_S)
            assert facts is not None
            assert facts.replica_count == 3
    finally:
        for one in servers:
            one.kill()


async def test_what_too_few_servers_keep_is_raised_to_three_and_others_streams_are_left(
    tmp_path: Path,
) -> None:
    """As streams are that were made while a server was missing."""
    servers = NatsProcess.cluster(tmp_path, 3)
    try:
        for one in servers:
            one.start()
        external = External(servers[0].url, USER, PASSWORD)
        async with external.running():
            await external.heard(EngineUp)
            jetstream = jetstream_of(external)
            for name in ("T_notes_0", "KV_early", "OTHERS"):
                made = {"name": name, "subjects": [f"{name}.>"], "num_replicas": 2}
                await jetstream.call(f"STREAM.CREATE.{name}", made)
        again = External(servers[0].url, USER, PASSWORD)
        again.engine.bucket("early")
        again.engine.bucket("never_made")
        again.engine.stream(StreamConfig("T_notes_0", followed="T_notes_0.>"))
        async with again.running():
            raised = [await again.heard(ReplicasRaised) for _ in range(2)]
            assert raised == [ReplicasRaised("KV_early", 3), ReplicasRaised("T_notes_0", 3)]
            assert (await jetstream_of(again).stream("OTHERS")).replica_count == 2
    finally:
        for one in servers:
            one.kill()


async def test_an_engine_that_was_away_as_a_whole_is_used_again(tmp_path: Path) -> None:
    servers = NatsProcess.cluster(tmp_path, 3)
    try:
        for one in servers:
            one.start()
        external = External(servers[0].url, USER, PASSWORD)
        async with external.running():
            await external.heard(EngineUp)
            bucket = external.engine.bucket("kept")
            revision = await bucket.put("key", b"value")
            for one in servers:
                one.kill()
            await external.heard(EngineDown)
            for one in servers:
                one.start()
            await external.heard(EngineUp)
            assert await until_kept(lambda: bucket.get("key")) == Entry("key", b"value", revision)
            assert await until_kept(lambda: bucket.put("key", b"newer")) > revision
    finally:
        for one in servers:
            one.kill()


async def test_credentials_may_stand_in_the_url(server: NatsProcess) -> None:
    user, password = server.address.user, server.address.password.replace(" ", "%20")
    external = External(server.url.replace("//", f"//{user}:{password}@"))
    async with external.running():
        await external.heard(EngineUp)


async def test_a_wrong_password_is_refused_in_words(server: NatsProcess) -> None:
    reason = await trouble(External(server.url, server.address.user, "wrong-secret"))
    assert "refuses the user name or password" in reason
    assert "engine.password" in reason
    assert "wrong-secret" not in reason


async def test_a_wrong_password_is_told_even_when_the_server_hangs_up_quickly(
    server: NatsProcess,
) -> None:
    # Which of the two the client meets first, the words or the closed connection, is chance.
    wrong = msgspec.structs.replace(server.address, password="wrong-secret")
    for _ in range(30):
        with pytest.raises(EngineRefused, match="refuses the user name or password"):
            await Session.open(wrong, DEADLINE_S)


async def test_a_server_that_is_too_old_is_refused_with_both_versions() -> None:
    async with FakeNats(version="2.9.10").listening() as old:
        reason = await trouble(External(old.address.url))
    assert "2.9.10" in reason
    assert "2.14 or newer" in reason


async def test_a_server_without_jetstream_is_refused_with_how_to_enable_it(tmp_path: Path) -> None:
    with NatsProcess.without_jetstream(tmp_path) as plain:
        reason = await trouble(External(plain.url))
    assert "JetStream disabled" in reason
    assert "nats-server -js" in reason


async def test_where_nobody_listens_the_address_is_told() -> None:
    url = f"nats://127.0.0.1:{free_ports(1)[0]}"
    reason = await trouble(External(url))
    assert url in reason
    assert "connection refused" in reason


async def test_an_engine_that_comes_later_is_found_without_a_restart(tmp_path: Path) -> None:
    late = NatsProcess.as_embedded(tmp_path)
    external = External(late.url, late.address.user, late.address.password)
    async with external.running():
        await external.heard(EngineDown)
        with late:
            await external.heard(EngineUp)
            assert await external.engine.bucket("late").put("key", b"value") == 1
        await external.heard(EngineDown)


async def test_the_node_does_not_wait_for_an_external_engine(tmp_path: Path) -> None:
    external = External(f"nats://127.0.0.1:{free_ports(1)[0]}")
    async with asyncio.timeout(1.0), external.running():
        assert external.engine.status().state in ("connecting", "down")


async def test_reading_a_bucket_of_an_engine_that_is_down_fails_at_once() -> None:
    external = External(f"nats://127.0.0.1:{free_ports(1)[0]}")
    async with external.running():
        await external.heard(EngineDown)
        for call in (
            external.engine.bucket("any").get("key"),
            external.engine.bucket("any").entries(),
        ):
            async with asyncio.timeout(1.0):
                with pytest.raises(EngineUnavailable, match="connection refused"):
                    await call


async def test_messages_do_not_wait_for_a_jetstream_without_a_quorum() -> None:
    async with FakeNats(cluster="some").listening() as fake:
        external = External(fake.address.url)
        async with external.running():
            asked_at_s = await fake.jetstream_asked.get()
            await external.engine.connection.until_up()
            assert asyncio.get_running_loop().time() - asked_at_s < 0.25
            assert external.engine.status().state == "no quorum"


async def test_a_quorum_that_is_back_does_not_wait_for_the_question_before() -> None:
    async with FakeNats(cluster="some").listening() as fake:
        external = External(fake.address.url)
        async with external.running():
            await external.engine.connection.until_up()
            while not fake.jetstream_asked.empty():
                fake.jetstream_asked.get_nowait()
            asked_at_s = await fake.jetstream_asked.get()
            fake.has_quorum = True
            await external.heard(EngineUp)
            assert asyncio.get_running_loop().time() - asked_at_s < 1.5
