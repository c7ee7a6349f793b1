"""The logs of fragments, as their streams keep them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from aiex.engine import Began, CatchingUp, Next, Position, Stream, StreamMessage, UpToDate
from aiex.errors import StoreUnavailable
from aiex.store.fragment import Fragment
from aiex.store.fragment_log import FragmentFacts, Logged, Quiet
from aiex.store.row_form import version_of
from aiex.store.table import Table

FACTS_S = 5.0
_TTL = "Nats-TTL"


class EngineLogs:
    """`FragmentLogs`; `place` says where a fragment of a table is kept."""

    def __init__(self, place: Callable[[Table[Any], int], tuple[Fragment, Stream]]) -> None:
        self._place = place

    async def facts(self, table: Table[Any], number: int) -> FragmentFacts:
        _, stream = self._place(table, number)
        facts = await stream.facts(timeout_s=FACTS_S)
        if facts is None:
            return FragmentFacts()
        return FragmentFacts(
            facts.last_sequence,
            facts.subject_count,
            facts.size_bytes,
            facts.replica_count,
            facts.leader,
        )

    async def changes(self, table: Table[Any], number: int) -> AsyncGenerator[Logged | Quiet]:
        where, stream = self._place(table, number)
        if await stream.facts(timeout_s=FACTS_S) is None:
            yield Quiet(0)  # following would make it
            return
        quiet = _Quietness()
        async with aclosing(stream.follow(Position(), with_history=True)) as followed:
            async for one in followed:
                match one:
                    case Began():
                        quiet.begin(where)
                        continue
                    case UpToDate():
                        quiet.rest()
                    case StreamMessage():
                        if (change := _logged(where, one)) is not None:
                            yield change
                        if quiet.must_ask_after(one):
                            newest = await stream.last(
                                where.subjects((), is_whole=False), timeout_s=FACTS_S
                            )
                            quiet.told(0 if newest is None else newest.sequence)
                if quiet.is_so:
                    yield Quiet(one.sequence)


class _Quietness:
    """Whether what was given is the fragment as it was, and of no batch only a part.

    It is when the follower is up to date, and stays so with each message that follows without a
    gap. After one, what was skipped is made up for by what came until the leader was asked, once
    that was given without another gap.
    """

    def __init__(self) -> None:
        self._has_begun = False
        self._sequence = 0
        self._pending = 0
        self._is_exact = False
        self._catching_up: CatchingUp | None = None
        self._is_in_batch = False
        self._signs = 0

    @property
    def is_so(self) -> bool:
        # The rest of a batch follows at once. After a second sign of life nothing does: its end
        # was overwritten, and what overwrote it is deleted and forgotten.
        return self._is_exact and (not self._is_in_batch or self._signs > 1)

    def begin(self, where: Fragment) -> None:
        if self._has_begun:
            raise StoreUnavailable(
                f"Fragment {where.number} of the table {where.table} became another one."
            )
        self._has_begun = True

    def rest(self) -> None:
        self._is_exact, self._catching_up = True, None
        self._signs += 1

    def must_ask_after(self, one: StreamMessage) -> bool:
        """Whether the leader is to be asked for the newest message now."""
        has_gap = one.sequence != self._sequence + 1
        self._sequence, self._pending, self._signs = one.sequence, one.pending, 0
        self._is_in_batch = bool(one.batch_id) and not one.ends_batch
        if self._is_exact and has_gap:
            self._is_exact = False
            self._catching_up = CatchingUp(one.sequence, one.sequence, may_lack=True)
        elif self._catching_up is not None:
            self._catching_up = self._catching_up.given(one.sequence)
        return self._next() is Next.ASK

    def told(self, newest: int) -> None:
        """The leader said that this is the newest message."""
        if self._catching_up is not None:
            self._catching_up = self._catching_up.told(newest)
        self._next()

    def _next(self) -> Next:
        if self._catching_up is None:
            return Next.WAIT
        following = self._catching_up.next(self._pending)
        if following is Next.DONE:
            self._is_exact, self._catching_up = True, None
        return following


def _logged(where: Fragment, message: StreamMessage) -> Logged | None:
    """None for a message whose subject is no row's, which nobody here has written."""
    try:
        key = where.key(message.subject)
    except ValueError:
        return None
    ttl = message.headers.get(_TTL, "")
    return Logged(
        key,
        None if message.is_deletion else message.data,
        version_of(message),
        message.sequence,
        message.at_s,
        message.at_s + int(ttl) if ttl.isdecimal() and not message.is_deletion else 0.0,
        message.batch_id,
    )
