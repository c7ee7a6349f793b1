"""The node's voice and ear in its cluster: carries between the engine and `Membership`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from aiex.clock import Clock
from aiex.cluster.events import MessageRefused
from aiex.cluster.membership.failure_detector import PROBE_TIMEOUT_S
from aiex.cluster.membership.farewell import say_farewell
from aiex.cluster.membership.groups import with_group, without_group
from aiex.cluster.membership.incarnation import keep_incarnation, load_incarnation, next_incarnation
from aiex.cluster.membership.member import Member, MemberState, View
from aiex.cluster.membership.membership import LOOK_EVERY_S, Membership
from aiex.cluster.membership.messages import (
    Foreign,
    Goodbye,
    Heartbeat,
    Message,
    MessageUnreadable,
    Probe,
    decoded,
    encoded,
)
from aiex.cluster.membership.own import Condition, Own
from aiex.cluster.membership.turn import Asked
from aiex.cluster.subjects import members_subject, node_subject
from aiex.engine import Message as EngineMessage
from aiex.engine import Messaging, NobodyAnswers
from aiex.errors import EngineError, EngineUnavailable
from aiex.events import Emit
from aiex.service import Ready

# Handing a message to the connection takes microseconds, or the engine is stuck.
SEND_TIMEOUT_S = 0.5
GOODBYE_TIMEOUT_S = 1.0
# Who leaves for good waits for so long to be heard, and goes when those who stay are dead. Both
# together are less than a node gives this service to stop.
FAREWELL_TIMEOUT_S = 3.5
# Silence is normal for a node alone; this only bounds one wait.
LISTEN_S = 60.0
# A node that has found another server and does not listen there yet is taken for one that is gone.
RESUBSCRIBE_S = 0.02
NOT_LISTENING = "it is not connected yet"
# The engine's state in which messages still travel and nothing can be written.
NO_QUORUM: str = "no quorum"


class MembershipService:
    """Runs whether there is an engine or not; `view` is what is known now."""

    name = "cluster.membership"

    def __init__(
        self,
        own: Own,
        cluster: str,
        connection: Messaging,
        *,
        condition: Callable[[], Condition],
        incarnation_file: Path,
        forget_down_after_s: float,
        next_lost_carrier: Callable[[], Awaitable[str]] | None = None,
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        """`next_lost_carrier` is the engine's hint that a carrier may be gone."""
        self._own = own
        self._cluster = cluster
        self._connection = connection
        self._condition = condition
        self._incarnation_file = incarnation_file
        self._forget_down_after_s = forget_down_after_s
        self._next_lost_carrier = next_lost_carrier
        self._clock = clock
        self._random = random
        self._emit = emit
        self._probe = encoded(Probe(own.name))
        self._members_subject = members_subject(cluster)
        self._membership: Membership | None = None
        self._groups: tuple[str, ...] = ()
        self._kept_incarnation = 0
        self._trouble = NOT_LISTENING
        self._news = asyncio.Event()

    def view(self) -> View:
        """The cluster as this node sees it; without members before it runs."""
        if self._membership is None:
            return View(())
        return self._membership.view(self._clock.monotonic_s())

    def incarnation(self) -> int:
        """Which life of the node this is; 0 before it runs."""
        return 0 if self._membership is None else self._membership.incarnation

    def state_of(self, name: str) -> MemberState | None:
        """A member's state; None when it is unknown. Cheap, unlike a view."""
        return None if self._membership is None else self._membership.state_of(name)

    def expected_names(self) -> list[str]:
        """Who takes part, this node included, and who is missing without a goodbye."""
        return [self._own.name] if self._membership is None else self._membership.expected_names()

    def has_twin(self) -> bool:
        """Whether another process is the member under this node's name."""
        return self._membership is not None and self._membership.has_twin

    def forget(self, name: str) -> None:
        """A member that is down left for good, for all who hear of it."""
        if self._membership is not None:
            self._membership.forget(name, self._clock.monotonic_s())
            self._news.set()

    def join(self, group: str) -> None:
        """Be in a group, over every restart of this service; raises `GroupRefused`."""
        self._groups = with_group(self._groups, group)
        if self._membership is not None:
            self._membership.join(group, self._clock.monotonic_s())
            self._news.set()

    def leave(self, group: str) -> None:
        self._groups = without_group(self._groups, group)
        if self._membership is not None:
            self._membership.leave(group, self._clock.monotonic_s())
            self._news.set()

    def members_of(self, group: str) -> list[Member]:
        """Who is in a group; of a node that does not run yet, nobody."""
        return [member for member in self.view().members if group in member.groups]

    def takes_part(self) -> bool:
        """Whether this node is up and was not told to stop; known before others hear of it."""
        is_up = self._membership is not None and self._membership.standing == "up"
        return is_up and self._condition().standing == "up"

    def is_over(self, name: str, incarnation: int) -> bool:
        """Whether that life of a node is known to be over."""
        return self._membership is not None and self._membership.is_over(name, incarnation)

    async def run(self, ready: Ready) -> None:
        """Take part until cancelled, then say goodbye."""
        incarnation = await asyncio.to_thread(self._next_incarnation)
        membership = self._membership = Membership(
            self._own,
            incarnation,
            self._clock.monotonic_s(),
            forget_down_after_s=self._forget_down_after_s,
            random=self._random,
            emit=self._emit,
        )
        for group in self._groups:
            membership.join(group, self._clock.monotonic_s())
        ready()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(membership), name="cluster listen")
                tasks.create_task(self._look_around(membership, tasks), name="cluster look")
                if self._next_lost_carrier is not None:
                    heed = self._heed(membership, self._next_lost_carrier)
                    tasks.create_task(heed, name="cluster hints")
        finally:
            await self._say_goodbye(membership)

    async def _look_around(self, membership: Membership, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._news.clear()
            turn = membership.turn(
                self._clock.monotonic_s(),
                self._condition(),
                self._trouble,
                has_quorum=self._connection.status().state != NO_QUORUM,
            )
            if turn.heartbeat is not None:
                await self._send(self._members_subject, turn.heartbeat)
            for probe in turn.probes:
                tasks.create_task(self._ask(membership, probe), name=f"probe {probe.name}")
            if membership.incarnation != self._kept_incarnation:
                await asyncio.to_thread(self._keep_incarnation, membership.incarnation)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(membership.next_turn_in_s(self._clock.monotonic_s())):
                    await self._news.wait()

    async def _listen(self, membership: Membership) -> None:
        """Hear what is said, over every end of the connection."""
        own_subject = node_subject(self._cluster, self._own.name)
        while True:
            await self._connection.until_up()
            try:
                async with self._connection.subscribed(
                    self._members_subject, own_subject, timeout_s=SEND_TIMEOUT_S
                ) as inbox:
                    self._turn_connected("")
                    while True:
                        try:
                            message = await inbox.next(LISTEN_S)
                        except TimeoutError:
                            continue
                        await self._take(membership, message)
            except EngineError:
                self._turn_connected(self._connection.status().reason or NOT_LISTENING)
            await asyncio.sleep(RESUBSCRIBE_S)

    async def _heed(
        self, membership: Membership, next_lost_carrier: Callable[[], Awaitable[str]]
    ) -> None:
        while True:
            membership.hinted(await next_lost_carrier(), self._clock.monotonic_s())
            self._news.set()

    async def _take(self, membership: Membership, received: EngineMessage) -> None:
        message = self._read(received.data)
        now_s = self._clock.monotonic_s()
        if message is None:
            return
        if received.subject == self._members_subject:
            self._take_news(membership, message, now_s)
        elif received.reply and isinstance(message, Probe | Goodbye):
            if isinstance(message, Goodbye):
                membership.heard_goodbye(message, now_s)
            if (answer := membership.answer(now_s)) is not None:
                await self._send(received.reply, answer)
        else:
            self._emit(MessageRefused("out of place"))
        if membership.next_turn_in_s(now_s) < LOOK_EVERY_S / 2:
            self._news.set()

    def _take_news(self, membership: Membership, message: Message, now_s: float) -> None:
        match message:
            case Heartbeat():
                membership.heard(message, now_s)
            case Goodbye():
                membership.heard_goodbye(message, now_s)
            case Foreign():
                membership.heard_foreign(message, now_s)
            case Probe():
                self._emit(MessageRefused("out of place"))

    async def _ask(self, membership: Membership, probe: Asked) -> None:
        subject = node_subject(self._cluster, probe.name)
        try:
            answer = await self._connection.request(subject, self._probe, timeout_s=PROBE_TIMEOUT_S)
        except NobodyAnswers:
            membership.nobody_there(probe, self._clock.monotonic_s())
            return
        except EngineError:
            membership.missed(probe)
            return
        now_s = self._clock.monotonic_s()
        match self._read(answer.data):
            case Heartbeat() as heartbeat:
                membership.answered(probe, heartbeat, now_s)
            case Foreign() as foreign:
                membership.heard_foreign(foreign, now_s)
                membership.missed(probe)
            case _:
                membership.missed(probe)

    def _read(self, data: bytes) -> Message | None:
        try:
            return decoded(data)
        except MessageUnreadable as error:
            self._emit(MessageRefused(str(error)))
            return None

    async def _send(self, subject: str, message: Heartbeat) -> None:
        # Without a connection nothing is said; the next heartbeat comes in half a second.
        with contextlib.suppress(EngineUnavailable):
            await self._connection.publish(subject, encoded(message), timeout_s=SEND_TIMEOUT_S)

    async def _say_goodbye(self, membership: Membership) -> None:
        goodbye = membership.goodbye()
        with contextlib.suppress(EngineError, TimeoutError):
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                await self._connection.publish(
                    self._members_subject, encoded(goodbye), timeout_s=SEND_TIMEOUT_S
                )
                # An answer means that the engine has what was said before.
                await self._connection.probe(SEND_TIMEOUT_S)
        if not self._condition().is_leaving:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_TIMEOUT_S):
                staying = membership.staying_names()
                await say_farewell(goodbye, self._cluster, staying, self._connection)

    def _turn_connected(self, trouble: str) -> None:
        self._trouble = trouble
        self._news.set()

    def _next_incarnation(self) -> int:
        last = load_incarnation(self._incarnation_file)
        incarnation = next_incarnation(last, self._clock.wall_s())
        self._keep_incarnation(incarnation)
        return incarnation

    def _keep_incarnation(self, incarnation: int) -> None:
        keep_incarnation(self._incarnation_file, incarnation)
        self._kept_incarnation = incarnation
