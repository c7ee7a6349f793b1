"""One question and its answer, from its claim to its place among what is kept.

begin ─▶ (the model answers) ─▶ commit ─▶ the client has all of it
   └───────────────────────────▶ release, when nothing came of it
"""

import asyncio
from typing import Final

import msgspec

from aiex.assistant.chat_form import ChatBody
from aiex.assistant.chat_request import ChatRequest
from aiex.assistant.conversations.thread_form import (
    ANSWER_CHARS_MAX,
    ROW_BYTES_MAX,
    KeptTurn,
    bytes_of,
)
from aiex.assistant.conversations.thread_refusal import (
    locked,
    overtaken,
    storage_refusal,
    too_long,
)
from aiex.assistant.conversations.turn_place import NoPlace, TurnPlace
from aiex.assistant.events import TurnBegun, TurnConflicted, TurnEnded
from aiex.assistant.frames import Relay
from aiex.assistant.provider import Answer, AnswerStream
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.chat_from_items import chat_for
from aiex.assistant.responses.output_from_completion import output_from_completion
from aiex.assistant.responses.response_events import ResponseEvents
from aiex.assistant.responses.response_form import Response
from aiex.assistant.trail import Trail
from aiex.assistant.usage import usage_of
from aiex.clock import Clock
from aiex.errors import Conflict, EngineUnavailable
from aiex.events import Emit

# A client that left should not have others wait; the claim's end is there for when this fails.
RELEASE_S: Final = 5.0


class ResponsesRequest(ChatRequest, frozen=True, gc=False, kw_only=True):
    """A request of the Responses API on its way to a model: `raw` is the chat it became."""

    chat: ChatBody
    turn: "Turn"

    def body_for(self, target_model: str) -> bytes:
        """The chat for a provider that calls the model `target_model`."""
        return self.raw if target_model == self.model else chat_for(self.chat, target_model)

    def relay(self, answer: AnswerStream) -> Relay:
        """What a provider's stream passes through on its way to the client."""
        return self.turn.events()


class Turn:
    """Keeps the answer to one request before its client has all of it."""

    def __init__(
        self,
        place: TurnPlace,
        response: Response,
        turn: KeptTurn,
        *,
        trail: Trail,
        clock: Clock,
        emit: Emit,
    ) -> None:
        """`response` is in progress; `turn` has what was given."""
        self._place = place
        self._response = response
        self._turn = turn
        self._trail = trail
        self._clock = clock
        self._emit = emit
        self._events: ResponseEvents | None = None
        self._task: asyncio.Task[object] | None = None
        self._is_begun = self._is_over = False
        self.is_cancelled = False

    async def begin(self) -> None:
        """Claim the place; raises `Refusal` (409, 503)."""
        self._task = asyncio.current_task()
        turn = msgspec.structs.replace(self._turn, response=self._shell(self._response))
        self._is_begun = True
        try:
            await self._place.begin(turn, self._cancel)
        except Conflict as error:
            self._end("conflicted")
            raise locked() from error
        except EngineUnavailable as error:
            self._end("unkept")
            raise storage_refusal(error) from error
        self._tell(TurnBegun(self._place.kind))

    def events(self) -> ResponseEvents:
        """What the next stream passes through."""
        place = self._place.items.after(len(self._turn.given))
        self._events = ResponseEvents(self._response, place, chars_max=ANSWER_CHARS_MAX)
        return self._events

    async def kept(self, answer: Answer) -> Answer:
        """A provider's whole answer as a response, once that is kept; errors as they are.

        Raises `ProviderError` when it is no answer, and `Refusal` (409, 503) when it cannot be
        kept.
        """
        if answer.status != 200:
            return answer
        self._trail.usage = usage_of(answer.body)
        place = self._place.items.after(len(self._turn.given))
        output = output_from_completion(answer.body, place)
        response = output.ending(self._response, self._now_s())
        await self._commit(response)
        return Answer(200, "application/json", msgspec.json.encode(response))

    async def last(self) -> bytes:
        """The last event of a stream, once the turn is kept; tells why when it cannot be."""
        events = self._events
        assert events is not None, "there was a stream"
        response = events.output.ending(self._response, self._now_s())
        try:
            await self._commit(response)
        except Refusal as refusal:
            self._trail.outcome = "refused"
            self._trail.error_code = refusal.code
            return events.failure(refusal)
        return events.finish(response)

    async def release(self) -> None:
        """Give the place back if nothing was kept in it; does its best, and never raises."""
        if not self._is_begun or self._is_over:
            return
        self._end("cancelled" if self.is_cancelled else "given_up")
        try:
            async with asyncio.timeout(RELEASE_S):
                await self._place.release()
        except (Conflict, EngineUnavailable, TimeoutError):
            pass  # taken by another, or out of reach: the claim's end is there for that

    def cancelled(self) -> bytes:
        """The response as its client gets it, after somebody cancelled it."""
        return msgspec.json.encode(msgspec.structs.replace(self._response, status="cancelled"))

    async def _commit(self, response: Response) -> None:
        turn = msgspec.structs.replace(
            self._turn, response=self._shell(response), said=response.output
        )
        size = bytes_of(turn)
        try:
            if size > ROW_BYTES_MAX:
                raise too_long()
            await self._place.commit(msgspec.structs.replace(turn, byte_count=size))
        except Conflict as error:
            self._end("overtaken")
            raise overtaken() from error
        except EngineUnavailable as error:
            self._end("unkept")
            raise storage_refusal(error) from error
        self._end("committed")

    def _end(self, outcome: str) -> None:
        self._is_over = True
        self._place.drop()
        kind = self._place.kind
        self._tell(TurnConflicted(kind) if outcome == "conflicted" else TurnEnded(kind, outcome))

    def _tell(self, event: TurnBegun | TurnConflicted | TurnEnded) -> None:
        if not isinstance(self._place, NoPlace):
            self._emit(event)

    def _cancel(self) -> None:
        self.is_cancelled = True
        if self._events is not None:
            self._events.is_cancelled = True
        if self._task is not None:
            self._task.cancel()

    def _shell(self, response: Response) -> str:
        """The response as it is kept; empty where nobody will ask for it."""
        if not self._response.store:
            return ""
        return msgspec.json.encode(msgspec.structs.replace(response, output=[])).decode()

    def _now_s(self) -> int:
        return int(self._clock.wall_s())
