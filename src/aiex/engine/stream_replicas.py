"""How many servers keep a stream, and whether they all have everything of it.

While there are writers a follower always lacks what is on its way to it. So at each look servers
are held to what was written by the look before: `Heads`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiex.engine.jetstream import JetStream
from aiex.engine.stream_info import Follower, StreamInfo, replica_max
from aiex.engine.system_account import Stores, SystemAccount

# A follower gets a small stream within milliseconds, a large one as fast as the network is. After
# this time a majority is enough: the rest is there when the missing server is.
PATIENCE_S = 20.0
POLL_S = 0.05


def current_count(stream: StreamInfo) -> int:
    """The servers that have everything, its leader one of them."""
    return 1 + sum(follower.current for follower in stream.followers)


# What was written longer ago than this every server has that is worth its name.
HEADS_LAST_S = 3.0


@dataclass(frozen=True, slots=True)
class Heads:
    """The last sequence of each stream, by its name and identity, as a look saw them."""

    at_s: float = 0.0
    sequences: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, streams: Sequence[StreamInfo], now_s: float) -> "Heads":
        return cls(now_s, {(one.name, one.identity): one.state.last_seq for one in streams})

    def still(self, now_s: float) -> "Heads":
        """They are old at some time: then nobody is excused by them."""
        return self if now_s <= self.at_s + HEADS_LAST_S else Heads()

    def head(self, stream: StreamInfo) -> int:
        """What all servers have to have by now; of a stream that is new, all."""
        last = stream.state.last_seq
        return min(self.sequences.get((stream.name, stream.identity), last), last)


def doubted(streams: Sequence[StreamInfo], heads: Heads) -> frozenset[str]:
    """The servers that may not have all, going by what the leaders say of their followers."""
    return frozenset(
        follower.name
        for stream in streams
        for follower in stream.followers
        if not _keeps_up(follower, stream.state.last_seq - heads.head(stream))
    )


def _keeps_up(follower: Follower, written: int) -> bool:
    """Whether it lacks at most what was written since; in one operation may be several messages."""
    return follower.has_all or 0 < follower.lag <= written


def lacking(streams: Sequence[StreamInfo], stores: Stores, heads: Heads) -> frozenset[str]:
    """The servers that have not on their discs what they have to have, by the words for names."""
    return frozenset(
        server
        for stream in streams
        for server in stream.servers
        if _stored(stores, server, stream) < heads.head(stream)
    )


def _stored(stores: Stores, server: str, stream: StreamInfo) -> int:
    """The last sequence it has; -1 of a server that does not answer or has nothing of it."""
    state = stores.get(server, {}).get(stream.name)
    return -1 if state is None else state.last_seq


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
    system: SystemAccount,
    stream: StreamInfo,
    server_count: int,
    patience_s: float = PATIENCE_S,
) -> bool:
    """Whether, within `patience_s`, enough servers had the stream on their discs as it is told.

    Enough are all that should keep it, or in the end more than half.
    """
    loop = asyncio.get_running_loop()
    patient_until_s = loop.time() + patience_s
    wanted = stream.replica_count
    while True:
        stores = await system.stores(server_count)
        found = [store[stream.name] for store in stores.values() if stream.name in store]
        count = sum(state.is_that_of(stream.state) for state in found)
        if count >= wanted:
            return True
        if loop.time() >= patient_until_s:
            return 2 * count > wanted
        await asyncio.sleep(POLL_S)
