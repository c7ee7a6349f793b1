"""A write whose answer was lost is looked for, and never taken for another's."""

import pytest

from aiex.assistant.conversations.thread_form import THREADS, KeptTurn, ThreadRow
from aiex.assistant.conversations.threads import Threads
from aiex.errors import WriteUncertain
from aiex.store import Put, Written
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryStore

MINE = ThreadRow(thread="t", part="p", kept=KeptTurn(response="mine"))
OTHERS = ThreadRow(thread="t", part="p", kept=KeptTurn(response="another's"))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FakeClock())


async def test_what_was_written_is_found(store: MemoryStore) -> None:
    store.lose_next_answer()
    threads = Threads(store.rows(THREADS))
    sequence = await threads.write([Put(MINE)], proof=MINE)
    found = await threads.find("t", "p", "")
    assert found is not None
    assert found.sequence == sequence


@pytest.mark.parametrize("there", [None, OTHERS])
async def test_what_was_not_written_stays_uncertain(
    store: MemoryStore, there: ThreadRow | None
) -> None:
    rows = store.rows(THREADS)
    if there is not None:
        await rows.put(there)

    async def lost(*_: object, **__: object) -> Written:
        raise WriteUncertain

    rows.put = lost  # type: ignore[method-assign]
    with pytest.raises(WriteUncertain):
        await Threads(rows).write([Put(MINE)], proof=MINE)
