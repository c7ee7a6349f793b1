"""The logs of fragments, as their streams keep them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from aiex.engine import Began, Position, Stream, StreamMessage, UpToDate
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
        async with aclosing(stream.follow(Position(), with_history=True)) as followed:
            quiet = _Quietness()
            async for one in followed:
                if isinstance(one, Began):
                    quiet.begin(where)
                    continue
                if isinstance(one, StreamMessage) and (change := _logged(where, one)) is not None:
                    yield change
                if quiet.is_so_after(one):
                    yield Quiet(one.sequence)


class _Quietness:
    """Whether a follower was given all there was, and of no batch only a part."""

    def __init__(self) -> None:
        self._has_begun = False
        self._pending = 0
        self._is_in_batch = False
        self._signs = 0

    def begin(self, where: Fragment) -> None:
        if self._has_begun:
            raise StoreUnavailable(
                f"Fragment {where.number} of the table {where.table} became another one."
            )
        self._has_begun = True

    def is_so_after(self, one: StreamMessage | UpToDate) -> bool:
        if isinstance(one, StreamMessage):
            self._pending, self._signs = one.pending, 0
            self._is_in_batch = bool(one.batch_id) and not one.ends_batch
        else:
            self._signs += 1
        # The rest of a batch follows at once. After a second sign of life nothing does: its end
        # was overwritten, and what overwrote it is deleted and forgotten.
        return not self._pending and (not self._is_in_batch or self._signs > 1)


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
