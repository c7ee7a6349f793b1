"""The node's connection to the engine: made again whenever it ends, and honest about how it is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiex.clock import Clock
from aiex.engine.address import EngineAddress
from aiex.engine.condition import Condition, ask_condition
from aiex.engine.events import EngineDown, EngineUp
from aiex.engine.founding import ON_ITS_WAY, Founding
from aiex.engine.server_version import OLDEST, OLDEST_TEXT, version_in
from aiex.engine.session import Inbox, Message, NotDone, Session
from aiex.engine.status import EngineState, EngineStatus
from aiex.errors import EngineError, EngineRefused, EngineUnavailable
from aiex.events import Emit
from aiex.service import Ready

CONNECT_TIMEOUT_S = 2.0
RECONNECT_WAIT_S = 0.2
# Just after a seat was taken its server starts, meets the others and is founded, and people wait:
# for so long everything is looked at more often.
HURRY_FOR_S = 10.0
HURRY_S = 0.05
# A server that was reached and refused is not asked five times a second.
REFUSED_WAIT_S = 2.0
# A healthy server answers within a millisecond. One that is frozen keeps its connections open, so
# it is asked every second, and given up after two: noticed within three.
PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 2.0
# In a cluster without a quorum JetStream is silent, and messages are not to wait for it: to the
# others a node without a session is one that is gone.
FIRST_LOOK_S = 0.05
# Nor is a quorum that is back to wait for a question that was asked too early.
SILENT_EVERY_S = 0.1
SILENT_LOOK_S = 0.5
HURRIED_LOOK_S = 0.3
DRAIN_S = 1.0
STOPPED = "its connection was told to stop"


class EngineConnection:
    """Requests and inboxes at the engine, over whichever session there is now."""

    name = "engine.connection"

    def __init__(
        self,
        address: Callable[[], EngineAddress],
        *,
        is_embedded: bool,
        must_answer_at_start: bool,
        start_timeout_s: float,
        clock: Clock,
        emit: Emit,
        others: Callable[[], Sequence[EngineAddress]] = tuple,
        needs_founding: bool = False,
    ) -> None:
        """`others` are tried in turn where the server at `address` does not answer.

        `needs_founding`: the state of a clustered engine is withheld until it is founded.
        """
        self._address = address
        self._others = others
        self._needs_founding = needs_founding
        self._is_embedded = is_embedded
        self._must_answer_at_start = must_answer_at_start
        self._start_timeout_s = start_timeout_s
        self._clock = clock
        self._emit = emit
        self._session: Session | None = None
        self._has_session = asyncio.Event()
        self._state: EngineState = "connecting"
        self._reason = ""
        self._since_s = clock.wall_s()
        self._server_version = ""
        self._founding: Founding | None = None
        self._planned_end = ""
        self._seat_count = 0
        self._hurries_until_s = 0.0
        self._first_alone_until_s = 0.0
        self._turned = asyncio.Event()

    def status(self) -> EngineStatus:
        """How the connection is now; costs nothing."""
        return EngineStatus(
            self._state, self._reason, self._since_s, self._server_version, self._is_embedded
        )

    def begin_anew(
        self, reason: str, *, must_answer_at_start: bool, first_alone_s: float = 0.0
    ) -> None:
        """End the session there is: the addresses are others now.

        For `first_alone_s` only the first of them is tried: its server starts at this moment.
        """
        self._must_answer_at_start = must_answer_at_start
        self._seat_count += 1
        now_s = self._clock.monotonic_s()
        self._hurries_until_s = now_s + HURRY_FOR_S
        self._first_alone_until_s = now_s + first_alone_s
        session, self._session = self._session, None
        self._has_session.clear()
        if session is not None:
            self._planned_end = reason
            session.end(reason)
        if self._state != "connecting":
            self._turn_down(reason, is_planned=True)

    def withheld(self, *, is_staying: bool = False) -> str:
        """Why the engine's state is not to be used now, as a phrase; empty when it is.

        What does not leave the cluster is there until the very end: `is_staying`.
        """
        if self._session is None or not self._session.is_clustered or not self._needs_founding:
            return ""
        if self._founding is None:
            return self._reason or ON_ITS_WAY
        return "" if is_staying else self._founding.withheld

    async def run(self, ready: Ready) -> None:
        """Keep a session to the engine until cancelled.

        With `must_answer_at_start` raises `EngineUnavailable` or `EngineRefused` when there is none
        within `start_timeout_s`; afterwards, and without it, it goes on trying for ever.
        """
        try:
            if self._must_answer_at_start:
                found = await self._first_session()
                ready()
            else:
                ready()
                found = await self._next_session()
            while True:
                await self._use(*found)
                found = await self._next_session()
        finally:
            # Whoever is down already keeps the better reason.
            if self._state != "down":
                self._turn_down(STOPPED, is_planned=True)

    async def probe(self, timeout_s: float) -> float | None:
        """Seconds the engine took to answer; None when it did not within `timeout_s`."""
        began_s = self._clock.monotonic_s()
        try:
            await self.request("$JS.API.INFO", timeout_s=timeout_s)
        except EngineUnavailable:
            return None
        return self._clock.monotonic_s() - began_s

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> Message:
        """The answer; raises `EngineUnavailable`, at once when the engine is down."""
        return await self._current().request(subject, payload, headers=headers, timeout_s=timeout_s)

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        reply: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> None:
        """Send without waiting for anything; raises `EngineUnavailable` when the engine is down."""
        await self._current().publish(
            subject, payload, reply=reply, headers=headers, timeout_s=timeout_s
        )

    @asynccontextmanager
    async def inbox(self, timeout_s: float) -> AsyncIterator[Inbox]:
        """An inbox of the session there is now; it ends with that session."""
        async with self._current().inbox(timeout_s) as inbox:
            yield inbox

    @asynccontextmanager
    async def subscribed(self, *subjects: str, timeout_s: float) -> AsyncIterator[Inbox]:
        """What is sent to any of the subjects, in one inbox; it ends with the session."""
        async with self._current().subscribed(*subjects, timeout_s=timeout_s) as inbox:
            yield inbox

    async def until_up(self) -> None:
        """Come back once there is a session; without a deadline, for those who follow for ever."""
        await self._has_session.wait()

    async def until_turned(self, within_s: float) -> None:
        """Come back when the engine's state is another, or after `within_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._turned.wait()

    def _current(self) -> Session:
        if self._session is None:
            reason = self._reason or "it is not connected yet"
            raise NotDone(f"The engine is {self._state}: {reason}.")
        return self._session

    async def _first_session(self) -> tuple[Session, Condition]:
        give_up_at_s = self._clock.monotonic_s() + self._start_timeout_s
        while True:
            try:
                return await self._checked_session()
            except EngineUnavailable as error:
                self._turn_down(_as_phrase(error))
                if self._clock.monotonic_s() >= give_up_at_s:
                    raise
            await asyncio.sleep(RECONNECT_WAIT_S)

    async def _next_session(self) -> tuple[Session, Condition]:
        while True:
            try:
                return await self._checked_session()
            except EngineError as error:
                self._turn_down(_as_phrase(error))
                is_refused = isinstance(error, EngineRefused)
            wait_s = HURRY_S if self._is_in_a_hurry() else RECONNECT_WAIT_S
            await asyncio.sleep(REFUSED_WAIT_S if is_refused else wait_s)

    async def _checked_session(self) -> tuple[Session, Condition]:
        """A session with the first server that answers, and how the engine is there.

        Raises what the first one of all ended with: it is the one a node is to use.
        """
        seat_count = self._seat_count
        session, condition = await self._first_that_answers()
        if seat_count != self._seat_count:
            await session.close()
            raise EngineUnavailable("The engine is another one now.")
        return session, condition

    async def _first_that_answers(self) -> tuple[Session, Condition]:
        try:
            return await self._session_at(self._address())
        except EngineError as error:
            if self._clock.monotonic_s() < self._first_alone_until_s:
                raise
            for address in self._others():
                with contextlib.suppress(EngineError):
                    return await self._session_at(address)
            raise error

    async def _session_at(self, address: EngineAddress) -> tuple[Session, Condition]:
        """Raises `EngineRefused` when the server is too old or has no JetStream."""
        session = await Session.open(address, CONNECT_TIMEOUT_S)
        try:
            version = version_in(session.server_version)
            if version is None or version < OLDEST:
                raise EngineRefused(
                    f"The engine at {address.url} is NATS {session.server_version}; Aiex needs "
                    f"{OLDEST_TEXT} or newer."
                )
            return session, await self._first_condition(session, address)
        except BaseException:
            await session.close()
            raise

    async def _first_condition(self, session: Session, address: EngineAddress) -> Condition:
        try:
            return await self._ask_condition(session, FIRST_LOOK_S)
        except EngineRefused as error:
            raise EngineRefused(
                f"The engine at {address.url} has JetStream disabled; enable it (nats-server -js), "
                "or leave engine.url empty to run an embedded engine."
            ) from error

    async def _ask_condition(self, session: Session, jetstream_timeout_s: float) -> Condition:
        return await ask_condition(
            session,
            PROBE_TIMEOUT_S,
            needs_founding=self._needs_founding,
            jetstream_timeout_s=jetstream_timeout_s,
        )

    async def _use(self, session: Session, condition: Condition) -> None:
        """Offer the session to everybody until it ends."""
        self._server_version = session.server_version
        self._founding = None
        self._planned_end = ""
        self._session = session
        self._note(condition)
        self._has_session.set()
        drain_s = DRAIN_S
        try:
            await self._until_silent(session)
            drain_s = 0.0
        finally:
            self._session = None
            self._has_session.clear()
            reason = session.end_reason or STOPPED
            is_planned = reason in (STOPPED, self._planned_end)
            self._turn_down(reason, is_planned=is_planned)
            await session.close(drain_s)

    async def _until_silent(self, session: Session) -> None:
        """Ask every second; come back when the session ended, or ended it for want of an answer."""
        while True:
            is_up, hurries = self._state == "up", self._is_in_a_hurry()
            every_s = PROBE_EVERY_S if is_up else HURRY_S if hurries else SILENT_EVERY_S
            patience_s = HURRIED_LOOK_S if hurries else SILENT_LOOK_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await session.until_ended()
            if session.has_ended:
                return
            condition = await self._look(session, PROBE_TIMEOUT_S if is_up else patience_s)
            # An answer that came with the end of the session is nobody's any more.
            if condition is None or session.has_ended:
                return
            self._note(condition)

    async def _look(self, session: Session, jetstream_timeout_s: float) -> Condition | None:
        """How the engine is; None when the session was ended for want of an answer."""
        try:
            return await self._ask_condition(session, jetstream_timeout_s)
        except EngineRefused:
            session.end("its JetStream does not answer")
        except EngineUnavailable:
            session.end(f"it gave no answer for {PROBE_TIMEOUT_S:g} s")
        return None

    def _note(self, condition: Condition) -> None:
        """What was found just now. Who once saw that the state is there may go on trying."""
        if condition.state != "no quorum":
            self._founding = condition.founding
        was = self._state
        self._turn(condition.state, condition.reason)
        if condition.state == was:
            return
        if condition.state == "up":
            self._emit(EngineUp(self._server_version))
        elif was in ("connecting", "up"):
            self._emit(EngineDown(condition.reason))

    def _turn_down(self, reason: str, *, is_planned: bool = False) -> None:
        was = self._state
        self._turn("down", reason)
        if was in ("connecting", "up"):
            self._emit(EngineDown(reason, is_planned=is_planned))

    def _turn(self, state: EngineState, reason: str) -> None:
        is_another = state != self._state
        self._state, self._reason = state, reason
        if is_another:
            self._since_s = self._clock.wall_s()
            self._turned.set()
            self._turned = asyncio.Event()

    def _is_in_a_hurry(self) -> bool:
        return self._clock.monotonic_s() < self._hurries_until_s


def _as_phrase(error: EngineError) -> str:
    text = str(error).removesuffix(".")
    return text[:1].lower() + text[1:]
