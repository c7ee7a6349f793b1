"""Writes to one stream so that a write happens once, or not at all, whatever becomes of answers."""

import secrets
from collections.abc import Sequence

import msgspec

from aiex.clock import Clock
from aiex.engine import (
    Kept,
    NewMessage,
    NotDone,
    Repeated,
    Stream,
    StreamMessage,
    WrongSequence,
)
from aiex.errors import Conflict, EngineUnavailable, StoreUnavailable, WriteUncertain
from aiex.store.patience import Patience
from aiex.store.write_verdict import Fate, verdict

# An engine that answers does so within milliseconds. What was sent to a server that froze is sent
# again, to the one that leads by then.
TRY_S = 1.5
# While this engine recognises what is sent again, with a good margin: it does so for two minutes.
RETRY_FOR_S_MAX = 100.0


class Writer:
    """`barrier` is a subject of the stream that nobody reads."""

    def __init__(self, stream: Stream, barrier: str, patience: Patience, *, clock: Clock) -> None:
        self._stream = stream
        self._barrier = NewMessage(barrier)
        self._clock = clock
        self._patience = patience
        self._seen = 0  # a sequence that was told here last

    async def write(self, messages: Sequence[NewMessage], *, deadline_s: float) -> int:
        """The sequence of the last of the messages, which follow each other.

        Raises `Conflict` when an expectation does not hold, `StoreUnavailable` when nothing was
        written, `WriteUncertain` when nobody can tell.
        """
        give_up_at_s = self._clock.monotonic_s() + min(deadline_s, RETRY_FOR_S_MAX)
        sent = [msgspec.structs.replace(one, id=secrets.token_hex(8)) for one in messages]
        may_be_kept, try_s, before = False, TRY_S, self._seen
        while True:
            left_s = give_up_at_s - self._clock.monotonic_s()
            try:
                kept = await self._try(sent, min(try_s, left_s))
                self._seen = kept.sequence
                return kept.sequence
            except NotDone as error:
                cause: EngineUnavailable = error
            except EngineUnavailable as error:
                cause, may_be_kept = error, True
                try_s *= 2  # it may be a large write, and a slow engine
            except (Conflict, Repeated) as refusal:
                if not may_be_kept and _is_proven(sent, refusal):
                    raise
                newest = await self._newest(sent, give_up_at_s)
                if isinstance(sequence := verdict(sent, newest, before=before), int):
                    return sequence
                if isinstance(refusal, Repeated) or not _all_hold(sent, newest):
                    return await self._settle(sent, sequence, refusal, may_be_kept=may_be_kept)
                cause = NotDone("The leader that refused the write was cut off from the others.")
            await self._pause(give_up_at_s, cause, may_be_kept=may_be_kept)

    async def _try(self, sent: Sequence[NewMessage], timeout_s: float) -> Kept:
        self._patience.check_up()
        if len(sent) == 1:
            return await self._stream.write(sent[0], timeout_s=timeout_s)
        return await self._stream.write_batch(sent, timeout_s=timeout_s)

    async def _settle(
        self,
        sent: Sequence[NewMessage],
        fate: Fate,
        refusal: Conflict | Repeated,
        *,
        may_be_kept: bool,
    ) -> int:
        """The sequence of what somebody refused and another has kept; raises for all else."""
        if isinstance(refusal, Conflict):
            if fate is Fate.REFUSED:
                raise refusal
            if not may_be_kept:
                return await self._sent_again(sent)
        raise WriteUncertain from refusal

    async def _sent_again(self, sent: Sequence[NewMessage]) -> int:
        """The sequence of what was refused once: the engine recognises what it has kept."""
        try:
            return (await self._try(sent, TRY_S)).sequence
        except (Repeated, EngineUnavailable) as error:
            raise WriteUncertain from error

    async def _newest(
        self, sent: Sequence[NewMessage], give_up_at_s: float
    ) -> list[StreamMessage | None]:
        """What stands where these were to stand; read behind a barrier, as it decides.

        A leader that was frozen or cut off refuses by what it has, until it knows that it leads no
        more; meanwhile the one that does may have kept the same message.
        """
        while True:
            try:
                self._patience.check_up()
                barrier = await self._stream.write(self._barrier, timeout_s=TRY_S)
                return [
                    await self._stream.last(one.subject, at_least=barrier.sequence, timeout_s=TRY_S)
                    for one in sent
                ]
            except EngineUnavailable as error:
                await self._pause(give_up_at_s, error, may_be_kept=True)

    async def _pause(
        self, give_up_at_s: float, cause: EngineUnavailable, *, may_be_kept: bool
    ) -> None:
        """Before the next try; raises when there is none."""
        reason = await self._patience.pause(give_up_at_s, cause)
        if not reason:
            return
        if may_be_kept:
            raise WriteUncertain from cause
        raise StoreUnavailable(f"Nothing was written: {reason}.") from cause


def _is_proven(sent: Sequence[NewMessage], refusal: Conflict | Repeated) -> bool:
    """Whether who refused knows of a newer message than was expected: sequences only grow."""
    if not isinstance(refusal, WrongSequence) or len(sent) != 1:
        return False
    return sent[0].expects is not None and refusal.newest > sent[0].expects


def _all_hold(sent: Sequence[NewMessage], newest: Sequence[StreamMessage | None]) -> bool:
    return all(
        message.expects is None or message.expects == (last.sequence if last else 0)
        for message, last in zip(sent, newest, strict=True)
    )
