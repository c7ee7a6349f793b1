"""What the engine keeps of a lease: who holds it, since when, and by which fence.

An entry that takes a lease cannot know its own revision, which becomes the fence; the entries that
renew it repeat the fence. A lease that was given away stays as an entry without a holder, so that
whoever takes it next knows which fences were used.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster.membership import NAME_CHARS_MAX, Number


class Holder(msgspec.Struct, frozen=True):
    """One life of a node, as the holder of a lease; nobody's name is empty."""

    name: Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
    incarnation: Number


NOBODY = Holder("", 0)


class LeaseRecord(msgspec.Struct, frozen=True):
    """The value of an entry. `fence` is 0 in the entry that took the lease.

    `used_fence` is the newest fence its writer knew to be used: revisions begin anew in a bucket
    that was lost, fences must not.
    """

    holder: Holder
    since_ms: Number = 0
    fence: Number = 0
    used_fence: Number = 0

    def fence_at(self, revision: int) -> int:
        """The fence that an entry of this revision stands for."""
        return self.fence or max(revision, self.used_fence + 1)


FREE = LeaseRecord(NOBODY)

_decoder = msgspec.json.Decoder(LeaseRecord)


def encoded_record(record: LeaseRecord) -> bytes:
    return msgspec.json.encode(record)


def decoded_record(value: bytes) -> LeaseRecord:
    """The record; what is none, because somebody wrote to the bucket by hand, holds nothing."""
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return FREE
