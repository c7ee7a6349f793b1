"""How many servers keep a stream, and whether they all have everything of it."""

import asyncio
from collections.abc import Sequence

from aiex.engine.jetstream import JetStream, StreamInfo, replica_max
from aiex.engine.system_account import SystemAccount

# A follower gets a small stream within milliseconds, a large one as fast as the network is. After
# this time a majority is enough: the rest is there when the missing server is.
PATIENCE_S = 20.0
POLL_S = 0.05


def current_count(stream: StreamInfo) -> int:
    """The servers that have everything, its leader one of them."""
    return 1 + sum(follower.current for follower in stream.followers)


def lacking(streams: Sequence[StreamInfo]) -> frozenset[str]:
    """The servers that have not all of what they should keep, by the words that are their names."""
    return frozenset(
        follower.name for stream in streams for follower in stream.followers if not follower.has_all
    )


async def until_replicated(jetstream: JetStream, name: str) -> StreamInfo:
    """The stream, once all servers that should keep it have it, or in the end more than half."""
    loop = asyncio.get_running_loop()
    patient_until_s = loop.time() + PATIENCE_S
    while True:
        stream = await jetstream.stream(name)
        wanted, current = stream.replica_count, current_count(stream)
        is_enough = 2 * current > wanted and loop.time() >= patient_until_s
        if current >= wanted or is_enough:
            return stream
        await asyncio.sleep(POLL_S)


async def raise_replicas(jetstream: JetStream, stream: StreamInfo, server_count: int) -> bool:
    """Whether the stream had fewer replicas than wanted; the missing ones are made online."""
    wanted = min(server_count, replica_max(stream.config))
    if stream.replica_count >= wanted:
        return False
    await jetstream.update_stream(stream.name, {**stream.config, "num_replicas": wanted})
    return True


async def until_stored(
    system: SystemAccount, stream: StreamInfo, patience_s: float = PATIENCE_S
) -> bool:
    """Whether, within `patience_s`, enough servers had the stream on their discs as it is told.

    Enough are all that should keep it, or in the end more than half.
    """
    loop = asyncio.get_running_loop()
    patient_until_s = loop.time() + patience_s
    wanted = stream.replica_count
    while True:
        stored = await system.stored(stream.name, wanted)
        count = sum(state.is_that_of(stream.state) for state in stored)
        if count >= wanted:
            return True
        if loop.time() >= patient_until_s:
            return 2 * count > wanted
        await asyncio.sleep(POLL_S)


async def are_stored(system: SystemAccount, streams: Sequence[StreamInfo]) -> bool:
    """Whether each stream is on the discs of all servers that should keep it, as it was told."""
    for stream in streams:
        wanted = stream.replica_count
        stored = await system.stored(stream.name, wanted)
        if sum(one.last_seq >= stream.state.last_seq for one in stored) < wanted:
            return False
    return True
