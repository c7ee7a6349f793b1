"""Has a follower of a stream been given all there was when it began? Arithmetic on numbers.

A stream keeps the newest messages only. One that is overwritten before it is sent is skipped, and
what replaced it comes later, perhaps behind the head that the stream had at the beginning. So to
have reached that head is enough only when nothing was skipped. Else the leader is asked how far the
stream goes by now: what replaced the skipped ones is no further than that. And so on, until a
stretch is given without a gap, or there is nothing more to give.

How many messages are pending is no proof: the server counts those that were overwritten out at
once, and those that replaced them in a moment later.
"""

from enum import Enum

import msgspec


class Next(Enum):
    WAIT = "for more messages"
    ASK = "the leader for the newest message"
    DONE = "all was given"


class CatchingUp(msgspec.Struct, frozen=True):
    """`target` is how far the stream went when that was looked at, `sequence` what was given last.

    `may_lack`: messages were skipped since then. `is_sure`: there is a message for us that far; at
    the beginning it may be nothing that is followed, or it has ended since.
    """

    target: int
    sequence: int
    may_lack: bool = False
    is_sure: bool = False

    def given(self, sequence: int) -> "CatchingUp":
        """After the message of that sequence."""
        may_lack = self.may_lack or sequence != self.sequence + 1
        return msgspec.structs.replace(self, sequence=sequence, may_lack=may_lack)

    def next(self, pending: int) -> Next:
        """What is to be done when `pending` messages are said to be behind the last one."""
        if self.sequence >= self.target:
            return Next.ASK if self.may_lack else Next.DONE
        return Next.WAIT if pending or self.is_sure else Next.ASK

    def told(self, newest: int) -> "CatchingUp":
        """After the leader said that this is the newest message by now."""
        if newest <= self.sequence:
            return CatchingUp(newest, self.sequence)
        target = newest if self.may_lack else min(self.target, newest)
        return CatchingUp(target, self.sequence, is_sure=True)
