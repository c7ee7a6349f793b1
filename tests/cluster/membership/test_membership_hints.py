"""The engine's hint reaches the one it is about as a question, at once, and harms nobody."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

from aiex.clock import SystemClock
from aiex.cluster.membership import Condition, Own
from aiex.cluster.membership.member import MemberState
from aiex.cluster.membership.membership import LOOK_EVERY_S
from aiex.cluster.membership.membership_service import MembershipService
from aiex.cluster.membership.messages import Heartbeat, Probe, decoded, encoded
from aiex.cluster.subjects import members_subject, node_subject
from aiex.testing.engine_memory import MemoryEngine
from aiex.testing.running import running

WAIT_S = 5.0


async def test_who_is_hinted_at_is_asked_long_before_it_is_late(tmp_path: Path) -> None:
    engine, hints = MemoryEngine(), asyncio.Queue[str]()
    events: list[Any] = []
    service = MembershipService(
        Own("n1"),
        "test",
        engine.connection(),
        condition=lambda: Condition("up"),
        incarnation_file=tmp_path / "incarnation",
        forget_down_after_s=60.0,
        next_lost_carrier=hints.get,
        clock=SystemClock(),
        random=Random(1),
        emit=events.append,
    )
    # It announces a gap of ten minutes: only a hint makes anybody ask it.
    patient = Heartbeat(1, 1, "n2", 7, 1, 600_000, "up", carrier="c2")
    other = engine.connection()
    async with (
        running([service]),
        other.subscribed(node_subject("test", "n2"), timeout_s=1.0) as inbox,
        asyncio.timeout(WAIT_S),
    ):
        while service.state_of("n2") is not MemberState.UP:
            await other.publish(members_subject("test"), encoded(patient), timeout_s=1.0)
            await asyncio.sleep(LOOK_EVERY_S / 10)
        hints.put_nowait("somebody else")
        hints.put_nowait("c2")
        question = await inbox.next(WAIT_S)
        assert isinstance(decoded(question.data), Probe)
        await other.publish(question.reply, encoded(patient), timeout_s=1.0)
        assert service.state_of("n2") is MemberState.UP
