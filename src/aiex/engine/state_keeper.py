"""Sees to it that a cluster's state is where it belongs: founded once, moved in, kept often enough.

Once a second a carrier looks anew and does what is missing (`state_duty.py` decides), so it does
not matter who does it, how often, or what a crash cut off.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from aiex.clock import Clock
from aiex.engine.bucket import Bucket, Entry
from aiex.engine.bucket_nats import NatsBucket
from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.connection import EngineConnection
from aiex.engine.events import ReplicasRaised, StateMoveBegan, StateMoved, StateMoveFailed
from aiex.engine.founding import BUCKET, KEY, STREAM, Founding
from aiex.engine.homecoming import Homecoming
from aiex.engine.jetstream import JetStream
from aiex.engine.name_word import name_of, name_word
from aiex.engine.private_store import private_store
from aiex.engine.seat import Alone, Carrier, Seat
from aiex.engine.server_config import EngineFiles
from aiex.engine.server_plan import carriers_of, is_clustered, server_count, system_addresses
from aiex.engine.standalone_store import came_home_by, holds_state, put_aside
from aiex.engine.state_claims import LISTEN_S, Claim, ask_claims, claim_subject
from aiex.engine.state_duty import Duty, Facts, verdict
from aiex.engine.state_move import StateMove
from aiex.engine.stream_fence import fenced_by, lift_fence
from aiex.engine.stream_info import StreamInfo
from aiex.engine.stream_replicas import (
    Heads,
    current_count,
    doubted,
    lacking,
    raise_replicas,
    until_replicated,
    until_stored,
)
from aiex.engine.system_account import system_account
from aiex.errors import Conflict, EngineError, EngineUnavailable, StartError
from aiex.events import Emit
from aiex.private_file import write_private
from aiex.service import Ready

TURN_EVERY_S = 1.0
# While the state is on its way everybody waits: looked at more often.
HURRY_S = 0.1
SEND_TIMEOUT_S = 0.5
INTO_CLUSTER = "the cluster"

_log = logging.getLogger("aiex.engine.state")


class Move(msgspec.Struct, frozen=True):
    """A move that was begun; kept until it is done, so that it goes on after a crash."""

    id: str


class StateKeeper:
    """Idle in every seat but that of a carrier among others."""

    name = "engine.state"

    def __init__(
        self,
        connection: EngineConnection,
        data_dir: Path,
        *,
        access: ClusterAccess | None,
        server_path: str,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._connection = connection
        self._files = EngineFiles.below(data_dir)
        self._access = access
        self._server_path = server_path
        self._clock = clock
        self._emit = emit
        self._seat: Seat = Alone()
        self._seat_changed = asyncio.Event()
        # Not withheld from the one who brings it.
        self._jetstream = JetStream(connection, server_count=lambda: server_count(self._seat))
        # Made when the cluster is founded and no sooner: servers that have yet to come keep it too,
        # and what is founded on an old view of it is refused by compare-and-set.
        self._record: Bucket = NatsBucket(BUCKET, self._jetstream, is_made_to_read=False)
        self._home_heard_at_s = 0.0
        self._last_failure = ""
        self._lacking: frozenset[str] = frozenset()
        self._heads = Heads()
        # From the beginning until the next seat: in between nobody gives the state back.
        self._brings_home = False
        self.trouble = ""

    def admit(self, access: ClusterAccess) -> None:
        """The cluster's logins, for seats to come."""
        self._access = access

    def take_seat(self, seat: Seat) -> None:
        self._seat = seat
        self._brings_home = False
        # Its disc may be a new one: until it was seen to have all, it counts as one that has not.
        self._lacking = frozenset()
        if isinstance(seat, Carrier) and is_clustered(seat):
            self._lacking = frozenset({name_word(seat.own.name)})
        self._last_failure = ""
        self.trouble = ""
        self._seat_changed.set()

    def lacking(self) -> tuple[str, ...]:
        """The carriers whose servers have not all the state they should keep, at the last look.

        While there are some, another carrier that loses its disc may take the last copy with it.
        """
        return tuple(sorted(name_of(word) for word in self._lacking))

    async def run(self, ready: Ready) -> None:
        """Keep the state of whatever cluster the seat is in, until cancelled."""
        ready()
        while True:
            self._seat_changed.clear()
            seat = self._seat
            async with asyncio.TaskGroup() as tasks:
                duties = []
                if is_clustered(seat):
                    assert isinstance(seat, Carrier)
                    duties = [
                        tasks.create_task(self._answer(seat), name="engine.state claims"),
                        tasks.create_task(self._keep(seat), name="engine.state duties"),
                    ]
                await self._seat_changed.wait()
                for duty in duties:
                    duty.cancel()

    async def take_home(
        self, staying_stream: str, last_words: Callable[[], Awaitable[None]]
    ) -> None:
        """Bring the cluster's state into a standalone store of this node; see `homecoming.py`.

        Raises `EngineError` or `StartError`; the state is then the cluster's, as before.
        """
        seat = self._seat
        assert isinstance(seat, Carrier), "only a carrier brings state home"
        homecoming = Homecoming(
            seat.own.name,
            self._jetstream,
            self._record,
            self._files,
            staying_stream=staying_stream,
            server_path=self._server_path,
            clock=self._clock,
        )
        to = f"the node {seat.own.name}"
        began_s = self._clock.monotonic_s()
        self._emit(StateMoveBegan(to))
        self._brings_home = True
        try:
            count = await homecoming.run(last_words)
        except BaseException as error:
            self._brings_home = False
            self._emit(StateMoveFailed(to, _as_phrase(error)))
            raise
        self._emit(StateMoved(to, count, self._clock.monotonic_s() - began_s))

    async def _answer(self, seat: Carrier) -> None:
        """Tell the other carriers what we have, over every end of the connection."""
        subject = claim_subject(self._cluster, seat.own.name)
        while True:
            await self._connection.until_up()
            try:
                async with self._connection.subscribed(subject, timeout_s=SEND_TIMEOUT_S) as inbox:
                    while True:
                        try:
                            question = await inbox.next(LISTEN_S)
                        except TimeoutError:
                            continue
                        if question.reply:
                            claim = msgspec.json.encode(self._claim(seat))
                            await self._connection.publish(
                                question.reply, claim, timeout_s=SEND_TIMEOUT_S
                            )
            except EngineError:
                await asyncio.sleep(HURRY_S)

    def _claim(self, seat: Carrier) -> Claim:
        return Claim(seat.own.name, holds_state(self._files.store), self._brings_home)

    async def _keep(self, seat: Carrier) -> None:
        while True:
            await self._connection.until_up()
            if self._connection.status().state == "no quorum":
                # JetStream would be silent until the deadline of a question, and long after it has
                # a quorum by then.
                await self._connection.until_turned(TURN_EVERY_S)
                continue
            try:
                pause_s = await self._turn(seat)
            except (EngineUnavailable, Conflict) as error:
                # No quorum, or somebody else was quicker: the next look shows.
                _log.debug("the state of the cluster is looked at again: %s", error)
                pause_s = HURRY_S
            except (EngineError, StartError, OSError) as error:
                self.trouble = _as_phrase(error)
                pause_s = TURN_EVERY_S
            await asyncio.sleep(pause_s)

    async def _turn(self, seat: Carrier) -> float:
        """Look, and do what is to be done; seconds until the next look."""
        entry = await self._record.get(KEY)
        founding = Founding.of(entry)
        facts = await self._facts(seat, founding)
        decided = verdict(facts)
        self.trouble = decided.trouble
        match decided.duty:
            case Duty.FOUND:
                await self._record.create(KEY, Founding(seat.own.name).encoded())
            case Duty.MOVE_IN:
                await self._move_in(seat, entry)
            case Duty.PUT_ASIDE:
                self._finish_move()
            case Duty.GIVE_BACK:
                assert entry is not None, "only what was founded is given back"
                await self._give_back(entry)
            case Duty.TEND:
                assert founding is not None, "before it is founded a cluster is not tended"
                self._forget_move(facts)
                await self._tend(seat, founding)
                return TURN_EVERY_S
            case Duty.WAIT:
                pass
        return HURRY_S

    async def _facts(self, seat: Carrier, founding: Founding | None) -> Facts:
        holds = holds_state(self._files.store)
        is_settled = founding is not None and not founding.home
        asked = seat if not is_settled else Carrier(seat.own, ())
        claims = await ask_claims(self._connection, self._cluster, asked)
        now_s = self._clock.monotonic_s()
        if founding is None or not founding.home or founding.home not in claims.silent:
            self._home_heard_at_s = now_s
        return Facts(
            own=seat.own.name,
            holds_state=holds,
            brings_home=self._brings_home,
            move=self._move().id,
            founding=founding,
            claims=claims,
            home_silent_s=now_s - self._home_heard_at_s,
            came_home_by=came_home_by(self._files.store),
            is_home_out=founding is not None and await self._is_out(seat, founding.home),
        )

    async def _is_out(self, seat: Carrier, home: str) -> bool:
        """Whether an operator took out the node that the state leaves for: of the charter, and with
        that of the engine's Raft group. Each by itself may be an old view.
        """
        if not home or home in {one.name for one in carriers_of(seat)}:
            return False
        assert self._access is not None, "a carrier has a cluster"
        async with system_account(system_addresses(carriers_of(seat), self._access)) as system:
            return home not in await system.servers()

    async def _move_in(self, seat: Carrier, entry: Entry | None) -> None:
        began_s = self._clock.monotonic_s()
        if not self._last_failure:
            self._emit(StateMoveBegan(INTO_CLUSTER))
        try:
            count = await self._bring_all(seat, entry)
        except (EngineError, StartError) as error:
            # Tried again at once, and told again only when the reason is another.
            reason = _as_phrase(error)
            if reason != self._last_failure:
                self._emit(StateMoveFailed(INTO_CLUSTER, reason))
            self._last_failure = reason
            raise
        self._last_failure = ""
        self._emit(StateMoved(INTO_CLUSTER, count, self._clock.monotonic_s() - began_s))

    async def _bring_all(self, seat: Carrier, entry: Entry | None) -> int:
        """Move all streams in, then say that the cluster is founded, then put the store aside."""
        move = self._begun_move()
        before = Founding.of(entry)
        left = "" if before is None else before.home_move
        founding = Founding(seat.own.name, move.id).encoded()
        assert self._access is not None, "a carrier has a cluster"
        async with (
            system_account(system_addresses(carriers_of(seat), self._access)) as system,
            private_store(
                self._files, self._files.store, server_path=self._server_path, clock=self._clock
            ) as store,
        ):
            bringing = StateMove(
                store,
                self._jetstream,
                move_id=move.id,
                server_count=server_count(seat),
                until_stored=lambda stream: until_stored(system, stream, server_count(seat)),
                # The state was here before and left for this node: what it left is fenced.
                is_left=lambda stream: bool(left) and fenced_by(stream.config) == left,
            )
            streams = [stream for stream in await store.streams() if stream.name != STREAM]
            for stream in streams:
                await bringing.bring(stream.name)
            if entry is None:
                await self._record.create(KEY, founding)
            else:
                await self._record.update(KEY, founding, entry.revision)
            await until_replicated(self._jetstream, STREAM)
        self._finish_move()
        return len(streams)

    async def _give_back(self, entry: Entry) -> None:
        # First said, then done: a crash in between leaves fences, which the next look lifts.
        founding = Founding.of(entry)
        assert founding is not None, "an entry has a value"
        await self._record.update(KEY, founding.back().encoded(), entry.revision)

    async def _tend(self, seat: Carrier, founding: Founding) -> None:
        """Streams are kept often enough, and none is fenced that was given back."""
        streams = await self._jetstream.streams()
        await self._note_lacking(seat, streams)
        for stream in streams:
            if not stream.has_leader:
                continue
            if await lift_fence(self._jetstream, stream, by=founding.taken_back):
                continue  # its configuration is another now
            if await raise_replicas(self._jetstream, stream, server_count(seat)):
                raised = await until_replicated(self._jetstream, stream.name)
                self._emit(ReplicasRaised(stream.name, current_count(raised)))

    async def _note_lacking(self, seat: Carrier, streams: Sequence[StreamInfo]) -> None:
        """Who lacked something lacks it until it is seen on its disc: leaders are optimists."""
        now_s = self._clock.monotonic_s()
        heads, self._heads = self._heads.still(now_s), Heads.of(streams, now_s)
        doubtful = doubted(streams, heads)
        if not doubtful and not self._lacking:
            return
        assert self._access is not None, "a carrier has a cluster"
        try:
            async with system_account(system_addresses(carriers_of(seat), self._access)) as system:
                stores = await system.stores(server_count(seat))
        except EngineError:
            self._lacking |= doubtful
            raise
        self._lacking = lacking(streams, stores, heads)

    def _move(self) -> Move:
        try:
            return msgspec.json.decode(self._files.move.read_bytes(), type=Move)
        except (FileNotFoundError, msgspec.DecodeError):
            return Move("")

    def _begun_move(self) -> Move:
        """The move under way; a new one is written down before anything of it is done."""
        move = self._move()
        if not move.id:
            move = Move(secrets.token_hex(8))
            write_private(self._files.move, msgspec.json.encode(move))
        return move

    def _finish_move(self) -> None:
        put_aside(self._files.store, self._clock)
        self._files.move.unlink(missing_ok=True)

    def _forget_move(self, facts: Facts) -> None:
        # The crash came between the last two steps of a move.
        if facts.move and not facts.holds_state:
            self._files.move.unlink(missing_ok=True)

    @property
    def _cluster(self) -> str:
        assert self._access is not None, "a carrier has a cluster"
        return self._access.cluster


def _as_phrase(error: BaseException) -> str:
    text = (str(error) or type(error).__name__).removesuffix(".")
    return text[:1].lower() + text[1:]
