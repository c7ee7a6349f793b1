"""The bucket in memory and the one in a real server do the same, whatever is asked of both."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.engine import Bucket, CaughtUp, Change, Deleted, Engine, Entry
from aiex.errors import Conflict
from aiex.testing.bucket_memory import MemoryBucket

pytestmark = pytest.mark.integration

DEADLINE_S = 10.0
EXAMPLES = 150


class Step(msgspec.Struct, frozen=True):
    """One call; `behind` is how far its revision is from the key's newest, None names none."""

    call: str
    key: str
    value: bytes = b""
    behind: int | None = None


KEYS = st.sampled_from(["a", "b", "a.b", "not a key"])
VALUES = st.binary(max_size=8)
# Mostly the newest revision, else the steps are only refusals.
BEHIND = st.sampled_from([0, 0, 0, 1, -1])
STEPS = st.one_of(
    st.builds(Step, st.just("get"), KEYS),
    st.builds(Step, st.just("put"), KEYS, VALUES),
    st.builds(Step, st.just("create"), KEYS, VALUES),
    st.builds(Step, st.just("update"), KEYS, VALUES, BEHIND),
    st.builds(Step, st.just("delete"), KEYS, behind=st.none() | BEHIND),
    st.builds(Step, st.just("entries"), st.just("a")),
)


class Model:
    """Both buckets, and the newest revision of each key, deletions included."""

    def __init__(self, real: Bucket) -> None:
        self.real = real
        self.memory = MemoryBucket()
        self.revisions: dict[str, int] = {}

    @property
    def head(self) -> int:
        return max(self.revisions.values(), default=0)

    async def take(self, step: Step) -> None:
        """Do the step in both; the answers must be the same."""
        revision = max(self.revisions.get(step.key, 0) - (step.behind or 0), 0)
        expected = await _answer(self.memory, step, revision)
        assert await _answer(self.real, step, revision) == expected
        if isinstance(expected, int):
            self.revisions[step.key] = expected


async def _answer(bucket: Bucket, step: Step, revision: int) -> object:
    try:
        match step.call:
            case "get":
                return await bucket.get(step.key)
            case "put":
                return await bucket.put(step.key, step.value)
            case "create":
                return await bucket.create(step.key, step.value)
            case "update":
                return await bucket.update(step.key, step.value, revision)
            case "delete":
                return await bucket.delete(step.key, None if step.behind is None else revision)
            case _:
                return await bucket.entries()
    except Conflict:
        return Conflict
    except ValueError:
        return ValueError


async def _until(watch: AsyncGenerator[Change], head: int) -> list[Entry | Deleted]:
    """The changes a watch gives until the one at `head`, in the order it gives them."""
    changes: list[Entry | Deleted] = []
    while not changes or changes[-1].revision < head:
        change = await anext(watch)
        if isinstance(change, Entry | Deleted):
            changes.append(change)
    return changes


async def _at_the_end(bucket: Bucket) -> list[Change]:
    """What a watch gives that begins now, until it has caught up."""
    changes: list[Change] = []
    async with aclosing(_watch(bucket)) as watch:
        while not changes or not isinstance(changes[-1], CaughtUp):
            changes.append(await anext(watch))
    return changes


def _watch(bucket: Bucket) -> AsyncGenerator[Change]:
    watch = bucket.watch()
    assert isinstance(watch, AsyncGenerator)
    return watch


async def _compare(real: Bucket, steps: list[Step]) -> None:
    model = Model(real)
    async with aclosing(_watch(real)) as watch:
        assert await anext(watch) == CaughtUp(0)
        for step in steps:
            await model.take(step)
        if model.head:
            # What was overwritten at once may be missing in a watch, but nothing is out of order.
            given_by_real = await _until(watch, model.head)
            async with aclosing(_watch(model.memory)) as remembered:
                all_changes = await _until(remembered, model.head)
            newest = {change.key: change for change in all_changes}
            assert {change.key: change for change in given_by_real} == newest
            revisions = [change.revision for change in given_by_real]
            assert revisions == sorted(set(revisions))
    assert await _at_the_end(model.real) == await _at_the_end(model.memory)


@given(steps=st.lists(STEPS, max_size=25))
@settings(max_examples=EXAMPLES, deadline=None)
def test_every_answer_and_every_watch_is_the_same(
    connect: Callable[[], AbstractAsyncContextManager[Engine]], steps: list[Step]
) -> None:
    async def compare() -> None:
        async with connect() as engine, asyncio.timeout(DEADLINE_S):
            await _compare(engine.bucket(f"model-{secrets.token_hex(6)}"), steps)

    asyncio.run(compare())
