"""A stream of the engine: messages in one sequence, kept by subject, written by expectation.

This is what stands on JetStream beside buckets: all of the engine's face that tables need. What is
written is kept by as many servers as the stream should be kept by, before it is acknowledged.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

# Within this time the server recognises a message that is sent again with its id.
REPEATS_KNOWN_FOR_S = 120
BATCH_LEN_MAX = 1_000

# As NATS's own key-value stores say it, so that its tools show it.
OPERATION = "KV-Operation"
DELETION = {OPERATION: "DEL"}


class StreamConfig(msgspec.Struct, frozen=True):
    """What a stream is made with; one that is there is taken as it is.

    `followed` are the subjects that followers and scans are about, with wildcards. `barrier` is one
    that nobody reads: what is written there takes its place in the sequence. `replica_max`: a
    cluster of fewer servers keeps fewer. `history`: values kept of each subject. A message that
    ends by its time leaves a deletion behind for `marker_life_s`.
    """

    name: str
    followed: str
    barrier: str = ""
    storage: Literal["disc", "memory"] = "disc"
    replica_max: int = 3
    history: int = 1
    marker_life_s: int = 86_400


class NewMessage(msgspec.Struct, frozen=True):
    """A message to be written.

    `id` names the write: sent twice it is kept once. `expects`: the sequence of the newest message
    of its subject, 0 for none; a deletion is a message too. `ttl_s`: whole seconds until it ends by
    itself, 0 for never.
    """

    subject: str
    data: bytes = b""
    id: str = ""
    expects: int | None = None
    ttl_s: int = 0
    headers: Mapping[str, str] = {}


class Kept(msgspec.Struct, frozen=True):
    """A message was written, at this sequence; `is_repeat`: it had been before."""

    sequence: int
    is_repeat: bool = False


class StreamMessage(msgspec.Struct, frozen=True, gc=False):
    """A message as it is kept; `at_s` is the engine's wall clock when it was written.

    `pending`: to who follows the stream, how many more it had behind this one when that was sent.
    """

    subject: str
    sequence: int
    at_s: float
    headers: Mapping[str, str]
    data: bytes
    pending: int = 0

    @property
    def is_deletion(self) -> bool:
        return is_deletion(self.headers)

    @property
    def id(self) -> str:
        """What the writer named it; empty when it did not."""
        return self.headers.get("Nats-Msg-Id", "")

    @property
    def expected(self) -> int | None:
        """The sequence that it replaced, where its writer said which."""
        text = self.headers.get("Nats-Expected-Last-Subject-Sequence", "")
        return int(text) if text.isdecimal() else None

    @property
    def batch_id(self) -> str:
        """Of the batch it was written in, whose messages follow each other; empty without one.

        Those that were overwritten are missing, and one of them may be the one that ends it.
        """
        return self.headers.get("Nats-Batch-Id", "")

    @property
    def ends_batch(self) -> bool:
        return "Nats-Batch-Commit" in self.headers


class Position(msgspec.Struct, frozen=True):
    """How far a stream was followed, and which stream that was."""

    identity: str = ""
    sequence: int = 0


class Began(msgspec.Struct, frozen=True):
    """From here on, messages after `position` are given; what is kept of another stream is void.

    `position.sequence` is 0 when all comes anew: at first, and when the stream is not the one that
    was followed so far, or is shorter than it was.
    """

    position: Position


class UpToDate(msgspec.Struct, frozen=True):
    """Everything up to `sequence` was given; more may be on its way.

    Comes as soon as it is so, and again with each sign of life, twice a second, while it stays so.
    After a gap in the sequence it is so again once what replaced the missing messages was given.
    """

    sequence: int


type Followed = Began | StreamMessage | UpToDate


class StreamFacts(msgspec.Struct, frozen=True):
    """How a stream is now. `subject_count` counts deletions that are still told, too."""

    identity: str
    message_count: int
    subject_count: int
    size_bytes: int
    last_sequence: int
    replica_count: int
    leader: str  # empty at a server on its own


class Stream(Protocol):
    """Made when it is first written to or followed.

    Every method may raise `EngineRefused`, and `EngineUnavailable`: of a write that raised it
    nobody knows whether it was done, except when it is a `NotDone`.
    """

    @property
    def config(self) -> StreamConfig: ...

    async def write(self, message: NewMessage, *, timeout_s: float) -> Kept:
        """Raises `Conflict` when the message's expectation does not hold."""

    async def write_batch(self, messages: Sequence[NewMessage], *, timeout_s: float) -> Kept:
        """All of them or none, one after the other in the sequence; that of the last is told.

        Of each subject there may be one, of all together `BATCH_LEN_MAX`. Raises `Conflict` when
        one expectation does not hold, and `Repeated` when some were written before.
        """

    async def last(
        self, subject: str, *, at_least: int = 0, timeout_s: float
    ) -> StreamMessage | None:
        """The newest message of the subject, deletions too, as the stream's leader has it.

        A leader that was cut off may not know that. With `at_least`: as a server has it that has
        all up to that sequence, which must be known to be kept.
        """

    def newest(self, subjects: str, *, timeout_s: float) -> AsyncGenerator[StreamMessage]:
        """The newest message of each of the subjects, deletions too, in their sequence.

        What the leader had when this began is there, or something newer.
        """

    def follow(self, position: Position, *, with_history: bool = False) -> AsyncGenerator[Followed]:
        """The newest message of each subject, then each in its sequence, for ever.

        With history: all messages that are kept, and not only the newest.

        Goes on by itself over restarts, freezes and losses. Values that were overwritten while it
        was away may be missing, the newest never is.
        """

    async def facts(self, *, timeout_s: float) -> StreamFacts | None:
        """None when there is no such stream yet."""


def is_deletion(headers: Mapping[str, str]) -> bool:
    """Whether a message says that its subject has no value: written so, purged, or expired."""
    return headers.get(OPERATION) in ("DEL", "PURGE") or "Nats-Marker-Reason" in headers
