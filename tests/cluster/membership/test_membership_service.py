"""The service at a real engine: what comes from outside is taken, answered, or refused."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aiex.clock import SystemClock
from aiex.cluster import Cluster, Condition, MemberLeft, MemberUp, MessageRefused, Own
from aiex.cluster.membership.messages import (
    MESSAGE_BYTES_MAX,
    Goodbye,
    Heartbeat,
    Probe,
    decoded,
    encoded,
)
from aiex.cluster.subjects import members_subject, node_subject
from aiex.engine import Engine, NobodyAnswers
from aiex.settings import ClusterSettings, EngineSettings, Secret
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.nats_process import NatsProcess
from aiex.testing.running import running

pytestmark = pytest.mark.integration

WAIT_S = 10.0
MEMBERS = members_subject("test")
ODD_NAME = "a.b *>\u00e9"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    with NatsProcess.as_embedded(tmp_path_factory.mktemp("nats")) as process:
        yield process


class Node:
    """A cluster of one with its events, and an engine to speak to it as others would."""

    def __init__(self, server: NatsProcess, directory: Path, name: str = ODD_NAME) -> None:
        settings = EngineSettings(
            url=server.url,
            user=server.address.user,
            password=Secret(server.address.password),
        )
        clock = SystemClock()
        self.events: list[Any] = []
        self._something_happened = asyncio.Event()
        self.engine = Engine(settings, directory, clock=clock, emit=self._note)
        self.cluster = Cluster(
            ClusterSettings(name="test"),
            Own(name, "z", "1.0"),
            self.engine.connection,
            directory,
            leases=MemoryBucket(),
            condition=lambda: Condition("up", "http://a", "http://b", 1, 9),
            clock=clock,
            random=Random(1),
            emit=self._note,
        )
        self.subject = node_subject("test", name)

    def _note(self, event: Any) -> None:
        self.events.append(event)
        self._something_happened.set()

    async def until(self, is_true: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not is_true():
                self._something_happened.clear()
                await self._something_happened.wait()

    async def say(self, data: bytes, subject: str = MEMBERS) -> None:
        await self.engine.connection.publish(subject, data, timeout_s=1.0)

    async def heartbeats(self, count: int) -> list[Heartbeat]:
        """What it says, as others hear it."""
        heard: list[Heartbeat] = []
        async with self.engine.connection.subscribed(MEMBERS, timeout_s=1.0) as inbox:
            while len(heard) < count:
                message = decoded((await inbox.next(WAIT_S)).data)
                if isinstance(message, Heartbeat):
                    heard.append(message)
        return heard

    def refused(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, MessageRefused)]


@asynccontextmanager
async def living(node: Node) -> AsyncIterator[None]:
    async with running([*node.engine.services(), *node.cluster.services()]):
        await node.engine.connection.until_up()
        yield


@pytest.fixture
async def node(server: NatsProcess, tmp_path: Path) -> AsyncIterator[Node]:
    one = Node(server, tmp_path)
    async with living(one):
        await one.heartbeats(1)
        yield one


def heartbeat(**fields: Any) -> Heartbeat:
    known: dict[str, Any] = {"name": "n2", "incarnation": 7, "seq": 1, **fields}
    return Heartbeat(1, 1, gap_ms=500, standing="up", **known)


async def test_it_says_who_it_is_and_how_it_is(node: Node) -> None:
    first, second = await node.heartbeats(2)
    assert (first.name, first.zone, first.version) == (ODD_NAME, "z", "1.0")
    assert (first.api_url, first.admin_url) == ("http://a", "http://b")
    assert (first.in_flight, first.in_flight_max) == (1, 9)
    assert second.seq > first.seq


async def test_it_answers_when_it_is_asked(node: Node) -> None:
    answer = await node.engine.connection.request(
        node.subject, encoded(Probe("n2")), timeout_s=WAIT_S
    )
    message = decoded(answer.data)
    assert isinstance(message, Heartbeat)
    assert message.name == ODD_NAME


async def test_it_hears_others_come_and_go(node: Node) -> None:
    await node.say(encoded(heartbeat()))
    await node.until(lambda: MemberUp("n2", 7) in node.events)
    await node.say(encoded(Goodbye("n2", 7)))
    await node.until(lambda: MemberLeft("n2", 7) in node.events)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"),
        (b"\xff" * 100, "malformed"),
        (encoded(heartbeat(name="\x1b[2J")), "malformed"),
        (b"x" * (MESSAGE_BYTES_MAX + 1), "too large"),
        (encoded(Probe("n2")), "out of place"),
    ],
)
async def test_what_is_no_message_is_refused_and_counted_and_harms_nobody(
    node: Node, data: bytes, reason: str
) -> None:
    for _ in range(3):
        await node.say(data)
    await node.say(encoded(heartbeat()))
    await node.until(lambda: MemberUp("n2", 7) in node.events)
    assert node.refused() == [reason] * 3


async def test_a_question_without_an_address_for_the_answer_is_out_of_place(node: Node) -> None:
    await node.say(encoded(Probe("n2")), node.subject)
    await node.say(encoded(heartbeat()), node.subject)
    await node.until(lambda: node.refused() == ["out of place"] * 2)


async def test_at_its_stop_it_says_goodbye_before_it_is_gone(
    node: Node, server: NatsProcess, tmp_path: Path
) -> None:
    other_dir = tmp_path / "other"
    other_dir.mkdir()
    other = Node(server, other_dir, "n3")
    async with living(other):
        await node.until(lambda: any(isinstance(one, MemberUp) for one in node.events))
    await node.until(lambda: any(isinstance(one, MemberLeft) for one in node.events))
    with pytest.raises(NobodyAnswers):
        await node.engine.connection.request(other.subject, b"", timeout_s=WAIT_S)


async def test_each_start_is_another_incarnation(server: NatsProcess, tmp_path: Path) -> None:
    seen = []
    for _ in range(3):
        one = Node(server, tmp_path, "n4")
        async with living(one):
            seen.append((await one.heartbeats(1))[0].incarnation)
    assert seen == sorted(set(seen))


async def test_a_node_without_engine_runs_alone(tmp_path: Path) -> None:
    """Nothing waits for the engine: the rest of the node starts, and says how it is."""
    settings = EngineSettings(url="nats://127.0.0.1:1")
    clock = SystemClock()
    engine = Engine(settings, tmp_path, clock=clock, emit=lambda _: None)
    cluster = Cluster(
        ClusterSettings(),
        Own("n1"),
        engine.connection,
        tmp_path,
        leases=MemoryBucket(),
        condition=lambda: Condition("up"),
        clock=clock,
        random=Random(1),
        emit=lambda _: None,
    )
    assert cluster.view().members == ()
    async with running([*engine.services(), *cluster.services()]):
        assert [one.name for one in cluster.view().members] == ["n1"]
        assert cluster.view().split == ""
