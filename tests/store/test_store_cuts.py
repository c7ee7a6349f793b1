"""The connection between a node and its engine is cut after any byte of a write or its answer: the
write happens once, or it is told that nobody can tell.
"""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.errors import Conflict, EngineUnavailable, StoreUnavailable, WriteUncertain
from aiex.settings import EngineSettings, Secret
from aiex.store import ABSENT, Put, Rows, Stored
from aiex.store.engine_store import EngineStore
from aiex.testing.cut_proxy import HOST, CutProxy, Way
from aiex.testing.engine_cluster import until
from aiex.testing.nats_process import PASSWORD, USER, NatsProcess
from aiex.testing.running import running
from aiex.testing.store_clients import JOURNAL, Entry, Journal, audit

pytestmark = [pytest.mark.integration, pytest.mark.fault]

SEEDS = range(2)
WRITES = 150
# A write with its headers has about 250 bytes, its answer about 100. A little more: the cut may
# come right after, too.
DEPTH_MAX = {Way.ASKED: 300, Way.ANSWERED: 150}
DEADLINE_S = 15.0


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[CutProxy]:
    with NatsProcess.as_embedded(tmp_path / "server") as server:
        async with CutProxy(server.address.port) as between:
            yield between


@pytest.fixture
async def store(proxy: CutProxy, tmp_path: Path) -> AsyncIterator[EngineStore]:
    clock = SystemClock()
    engine = Engine(
        EngineSettings(url=f"nats://{HOST}:{proxy.port}", user=USER, password=Secret(PASSWORD)),
        tmp_path,
        clock=clock,
        emit=lambda _: None,
    )
    store = EngineStore(engine, [JOURNAL], tmp_path, clock=clock, emit=lambda _: None)
    async with running([*engine.services(), *store.services()]):
        await until(lambda: engine.status().state == "up")
        yield store


@pytest.fixture
def journal(store: EngineStore) -> Rows[Entry]:
    return store.rows(JOURNAL)


async def read(rows: Rows[Entry], number: int) -> Stored[Entry] | None:
    return await rows.get(("writer", number), deadline_s=DEADLINE_S)


async def test_what_is_written_twice_is_seen_by_the_audit(
    store: EngineStore, journal: Rows[Entry]
) -> None:
    told = Journal("writer", acknowledged={1, 2})
    for number in (1, 2, 2):
        await journal.put(Entry("writer", number), deadline_s=DEADLINE_S)
    found = await audit([told], journal, store.logs)
    assert (found.lost, found.repeated) == (0, 1)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_write_that_is_cut_anywhere_happens_once_or_is_uncertain(
    proxy: CutProxy, store: EngineStore, journal: Rows[Entry], seed: int
) -> None:
    random = Random(seed)
    told, cuts = Journal("writer"), Counter[Way]()
    await journal.put(Entry("writer", 0))
    told.acknowledged.add(0)
    for number in range(1, WRITES + 1):
        way = random.choice(list(Way))
        before = proxy.cut_count
        proxy.cut_after(way, random.randint(0, DEPTH_MAX[way]))
        try:
            await journal.put(Entry("writer", number), deadline_s=DEADLINE_S)
            told.acknowledged.add(number)
        except WriteUncertain:
            told.uncertain.add(number)
        except StoreUnavailable:
            told.refused.add(number)
        proxy.let_be()
        cuts[way] += proxy.cut_count - before
    found = await audit([told], journal, store.logs)
    print(f"seed {seed}: {found}, cuts {dict(cuts)}")
    assert min(cuts[way] for way in Way) >= WRITES / 5
    assert found.is_clean
    # With 15 seconds for it, one lost connection leaves nobody uncertain.
    assert found.acknowledged == WRITES + 1


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_compare_and_set_that_is_cut_anywhere_is_told_its_own_outcome(
    proxy: CutProxy, journal: Rows[Entry], seed: int
) -> None:
    """A conflict would be with nobody but oneself: its writer would think another had been."""
    random = Random(seed)
    outcomes = Counter[str]()
    for number in range(1, WRITES + 1):
        way = random.choice(list(Way))
        proxy.cut_after(way, random.randint(0, DEPTH_MAX[way]))
        changes = [Put(Entry("writer", 2 * number + at), expects=ABSENT) for at in range(2)]
        is_batch = random.random() < 0.5
        try:
            await journal.batch(changes if is_batch else changes[:1], deadline_s=DEADLINE_S)
            outcomes["done"] += 1
        except Conflict:
            outcomes["conflict"] += 1
        except WriteUncertain:
            outcomes["uncertain"] += 1
        except EngineUnavailable:
            outcomes["refused"] += 1
        proxy.let_be()
        rows = [await read(journal, 2 * number + at) for at in range(2)]
        if is_batch:
            assert (rows[0] is None) == (rows[1] is None), f"seed {seed}: half a batch"
    print(f"seed {seed}: {dict(outcomes)}, {proxy.cut_count} cuts")
    assert proxy.cut_count >= WRITES / 4
    assert outcomes["conflict"] == 0
    assert outcomes["done"] == WRITES
