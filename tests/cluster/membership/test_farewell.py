"""Who leaves for good is heard by all who stay, even by one that is without engine just then."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from aiex.clock import SystemClock
from aiex.cluster.events import MemberLeft, MessageRefused
from aiex.cluster.membership import Condition, Own
from aiex.cluster.membership.farewell import ASKED_MAX, say_farewell
from aiex.cluster.membership.member import MemberState
from aiex.cluster.membership.membership_service import FAREWELL_TIMEOUT_S, MembershipService
from aiex.cluster.membership.messages import Goodbye, decoded, encoded
from aiex.cluster.subjects import members_subject, node_subject
from aiex.engine import Message
from aiex.testing.engine_memory import MemoryConnection, MemoryEngine
from aiex.testing.running import running

WAIT_S = 10.0
# How long a leaver that is not heard is watched: many times what it takes where all hear it.
WATCHED_S = 0.3


class Node:
    """The membership of one node, at an engine in memory."""

    def __init__(self, name: str, engine: MemoryEngine, directory: Path) -> None:
        self.name = name
        self.is_leaving = False
        self.connection = engine.connection()
        self.events: list[Any] = []
        self._something_happened = asyncio.Event()
        self.service = MembershipService(
            Own(name),
            "test",
            self.connection,
            condition=lambda: Condition("up", is_leaving=self.is_leaving),
            incarnation_file=directory / name,
            forget_down_after_s=60.0,
            clock=SystemClock(),
            random=Random(1),
            emit=self._note,
        )

    def _note(self, event: Any) -> None:
        self.events.append(event)
        self._something_happened.set()

    async def until_seen(self, other: "Node", state: MemberState) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.service.state_of(other.name) is not state:
                self._something_happened.clear()
                await self._something_happened.wait()


@asynccontextmanager
async def two(tmp_path: Path) -> AsyncIterator[tuple[Node, Node, "asyncio.Task[None]"]]:
    """One that stays, one that leaves, who see each other; and the life of the latter."""
    engine = MemoryEngine()
    stays, leaves = (Node(name, engine, tmp_path) for name in ("stays", "leaves"))
    async with running([stays.service]):
        life = asyncio.create_task(leaves.service.run(lambda: None))
        try:
            await stays.until_seen(leaves, MemberState.UP)
            await leaves.until_seen(stays, MemberState.UP)
            yield stays, leaves, life
        finally:
            life.cancel()
            await asyncio.wait({life})


async def test_who_leaves_waits_for_one_that_cannot_hear_it_yet(tmp_path: Path) -> None:
    async with two(tmp_path) as (stays, leaves, life):
        leaves.is_leaving = True
        stays.connection.go_down("its server is restarted")
        life.cancel()
        await asyncio.wait({life}, timeout=WATCHED_S)
        assert not life.done()
        stays.connection.come_back()
        await asyncio.wait({life}, timeout=FAREWELL_TIMEOUT_S)
        assert life.cancelled()
        assert stays.service.state_of("leaves") is MemberState.LEFT
        assert not [one for one in stays.events if isinstance(one, MessageRefused)]
        assert len([one for one in stays.events if isinstance(one, MemberLeft)]) == 1


async def test_who_leaves_waits_until_it_can_speak_itself(tmp_path: Path) -> None:
    async with two(tmp_path) as (stays, leaves, life):
        leaves.is_leaving = True
        leaves.connection.go_down("the server there is restarted")
        life.cancel()
        await asyncio.wait({life}, timeout=WATCHED_S)
        assert not life.done()
        leaves.connection.come_back()
        await stays.until_seen(leaves, MemberState.LEFT)


async def test_who_leaves_goes_when_nobody_ever_answers(tmp_path: Path) -> None:
    async with two(tmp_path) as (stays, leaves, life):
        leaves.is_leaving = True
        stays.connection.go_down("it is dead")
        began_s = time.monotonic()
        life.cancel()
        await asyncio.wait({life}, timeout=WAIT_S)
        assert life.cancelled()
        assert time.monotonic() - began_s >= FAREWELL_TIMEOUT_S * 0.9


async def test_who_only_stops_waits_for_nobody(tmp_path: Path) -> None:
    async with two(tmp_path) as (stays, _, life):
        stays.connection.go_down("its server is restarted")
        life.cancel()
        await asyncio.wait({life}, timeout=FAREWELL_TIMEOUT_S / 2)
        assert life.cancelled()


async def test_nobody_waits_for_those_who_go_too(tmp_path: Path) -> None:
    engine = MemoryEngine()
    stays, leaves = (Node(name, engine, tmp_path) for name in ("stays", "leaves"))
    async with running([leaves.service]):
        async with running([stays.service]):
            await leaves.until_seen(stays, MemberState.UP)
        await leaves.until_seen(stays, MemberState.LEFT)
        leaves.is_leaving = True
        began_s = time.monotonic()
    assert time.monotonic() - began_s < FAREWELL_TIMEOUT_S / 2


async def test_all_of_a_large_cluster_are_told_and_each_but_once() -> None:
    engine = MemoryEngine()
    names = [f"n{number}" for number in range(2 * ASKED_MAX + 1)]
    told: list[str] = []
    goodbye = Goodbye("leaves", 7)

    async def answer(connection: MemoryConnection) -> None:
        subjects = {node_subject("test", name): name for name in names}
        async with connection.subscribed(*subjects, timeout_s=1.0) as inbox:
            while True:
                message: Message = await inbox.next(WAIT_S)
                assert decoded(message.data) == goodbye
                told.append(subjects[message.subject])
                await connection.publish(message.reply, b"heard", timeout_s=1.0)

    answering = asyncio.create_task(answer(engine.connection()))
    try:
        async with asyncio.timeout(WAIT_S):
            connection = engine.connection()
            await say_farewell(goodbye, "test", names, connection, answer_timeout_s=WAIT_S)
    finally:
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering
    assert sorted(told) == sorted(names)


async def test_a_goodbye_to_one_alone_needs_an_address_for_the_answer(tmp_path: Path) -> None:
    async with two(tmp_path) as (stays, leaves, _):
        goodbye = Goodbye("leaves", leaves.service.incarnation())
        subject = node_subject("test", "stays")
        await leaves.connection.publish(subject, encoded(goodbye), timeout_s=1.0)
        await leaves.connection.publish(members_subject("test"), b"", timeout_s=1.0)
        async with asyncio.timeout(WAIT_S):
            while len(refused := [e for e in stays.events if isinstance(e, MessageRefused)]) < 2:
                await asyncio.sleep(0)
        assert [one.reason for one in refused] == ["out of place", "malformed"]
        assert stays.service.state_of("leaves") is MemberState.UP
