"""An older fence is refused where it is used: in memory, and in a bucket."""

import asyncio
import secrets

import pytest

from aiex.cluster import FencedEntry, FenceGuard
from aiex.engine import Bucket, Engine
from aiex.errors import Conflict, EngineUnavailable, FenceOutdated
from aiex.testing.bucket_memory import MemoryBucket


def test_a_guard_admits_what_is_not_older_than_what_it_admitted() -> None:
    guard = FenceGuard()
    for fence in (3, 3, 8, 8):
        guard.admit(fence)
    with pytest.raises(FenceOutdated):
        guard.admit(7)
    guard.admit(8)


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.integration)])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "memory":
        return MemoryBucket()
    engine: Engine = request.getfixturevalue("engine")
    return engine.bucket(f"test-{secrets.token_hex(4)}")


async def test_an_entry_has_what_the_newest_holder_wrote(bucket: Bucket) -> None:
    entry = FencedEntry(bucket, "k")
    assert await entry.read() is None
    await entry.write(b"one\ntwo", 3)
    assert await entry.read() == b"one\ntwo"
    await entry.write(b"", 5)
    with pytest.raises(FenceOutdated):
        await entry.write(b"late", 4)
    assert await entry.read() == b""


@pytest.mark.parametrize(("first", "second"), [(3, 4), (4, 3)])
async def test_two_holders_at_one_moment_end_with_the_newer(
    bucket: Bucket, first: int, second: int
) -> None:
    for key in ("a", "b", "c", "d", "e"):
        entry = FencedEntry(bucket, key)
        await asyncio.gather(
            entry.write(b"%d" % first, first),
            entry.write(b"%d" % second, second),
            return_exceptions=True,
        )
        assert await entry.read() == b"4"


class Overtaken(MemoryBucket):
    """Somebody writes between each reading and writing of this one."""

    def __init__(self, fences: list[int]) -> None:
        super().__init__()
        self._fences = fences

    async def update(self, key: str, value: bytes, revision: int) -> int:
        if self._fences:
            await self.put(key, b"%d\nother" % self._fences.pop())
        return await super().update(key, value, revision)


async def test_who_is_overtaken_by_a_newer_holder_is_refused() -> None:
    bucket = Overtaken([9])
    await bucket.put("k", b"1\nfirst")
    with pytest.raises(FenceOutdated):
        await FencedEntry(bucket, "k").write(b"mine", 5)
    assert await FencedEntry(bucket, "k").read() == b"other"


async def test_who_is_overtaken_by_an_older_one_writes_after_it() -> None:
    bucket = Overtaken([4])
    await bucket.put("k", b"1\nfirst")
    await FencedEntry(bucket, "k").write(b"mine", 5)
    assert await FencedEntry(bucket, "k").read() == b"mine"


async def test_there_is_an_end_to_being_overtaken() -> None:
    bucket = Overtaken([1] * 100)
    await bucket.put("k", b"1\nfirst")
    with pytest.raises(Conflict):
        await FencedEntry(bucket, "k").write(b"mine", 5)


@pytest.mark.parametrize("by_hand", [b"", b"by hand", b"-1\n", b"9" * 10_000])
async def test_what_somebody_wrote_by_hand_is_written_over(by_hand: bytes) -> None:
    bucket = MemoryBucket()
    await bucket.put("k", by_hand)
    await FencedEntry(bucket, "k").write(b"mine", 1)
    assert await FencedEntry(bucket, "k").read() == b"mine"


async def test_without_engine_nothing_is_written() -> None:
    bucket = MemoryBucket()
    bucket.go_down("test")
    with pytest.raises(EngineUnavailable):
        await FencedEntry(bucket, "k").write(b"mine", 1)
