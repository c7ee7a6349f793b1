"""Writes to one stream so that a write happens once, or not at all, whatever becomes of answers."""

import secrets
from collections.abc import Sequence

import msgspec

from aiex.clock import Clock
from aiex.engine import Kept, NewMessage, NotDone, Repeated, Stream
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
                # A leader that was frozen or cut off says so too until it knows that it is none any
                # more, while the one that is keeps the same message: even the first is no proof.
                sequence = await self._look(sent, before, give_up_at_s, refusal)
                if sequence is not None:
                    return sequence
                if may_be_kept or isinstance(refusal, Repeated):
                    raise WriteUncertain from refusal
                return await self._sent_again(sent)
            await self._pause(give_up_at_s, cause, may_be_kept=may_be_kept)

    async def _try(self, sent: Sequence[NewMessage], timeout_s: float) -> Kept:
        self._patience.check_up()
        if len(sent) == 1:
            return await self._stream.write(sent[0], timeout_s=timeout_s)
        return await self._stream.write_batch(sent, timeout_s=timeout_s)

    async def _look(
        self,
        sent: Sequence[NewMessage],
        before: int,
        give_up_at_s: float,
        refusal: Conflict | Repeated,
    ) -> int | None:
        """What became of a try, by what is there; read behind a barrier, as it decides.

        None when that does not tell.
        """
        while True:
            try:
                barrier = await self._stream.write(self._barrier, timeout_s=TRY_S)
                newest = [
                    await self._stream.last(one.subject, at_least=barrier.sequence, timeout_s=TRY_S)
                    for one in sent
                ]
                break
            except EngineUnavailable as error:
                await self._pause(give_up_at_s, error, may_be_kept=True)
        match verdict(sent, newest, before=before):
            case int(sequence):
                return sequence
            case Fate.REFUSED if isinstance(refusal, Conflict):
                raise refusal
            case _:
                return None

    async def _sent_again(self, sent: Sequence[NewMessage]) -> int:
        """The sequence of what was refused once: the engine recognises what it has kept."""
        try:
            return (await self._try(sent, TRY_S)).sequence
        except (Repeated, EngineUnavailable) as error:
            raise WriteUncertain from error

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
