"""What clients are told when something cannot be kept, or is not there."""

from typing import Final

from aiex.assistant.conversations.thread_form import ROW_BYTES_MAX
from aiex.assistant.refusal import Refusal
from aiex.errors import Conflict, EngineUnavailable, WriteUncertain

_RETRY_AFTER_S: Final = 2


def storage_refusal(error: EngineUnavailable | Conflict) -> Refusal:
    """What a client is told when its rows cannot be read or written now."""
    if isinstance(error, Conflict):
        return Refusal(
            409,
            "conversation_locked",
            "Somebody else changed it at the same time; try again.",
            retry_after_s=1,
        )
    if isinstance(error, WriteUncertain):
        return Refusal(
            503,
            "write_uncertain",
            "It is not known whether this was kept, since the engine's answer was lost; look "
            "before asking again.",
            kind="server_error",
            retry_after_s=_RETRY_AFTER_S,
            is_ours=True,
            headers=(("x-should-retry", "false"),),
        )
    return Refusal(
        503,
        "store_unavailable",
        "What is kept cannot be read or written now, since the engine does not answer; try again "
        f"in {_RETRY_AFTER_S} s. Responses with store=false, without a conversation, are answered "
        "meanwhile.",
        kind="server_error",
        retry_after_s=_RETRY_AFTER_S,
        is_ours=True,
    )


def locked() -> Refusal:
    """Another turn of the conversation is being made."""
    return Refusal(
        409,
        "conversation_locked",
        "Another request is being answered in this conversation; try again when it is done.",
        param="conversation",
        retry_after_s=1,
    )


def overtaken() -> Refusal:
    """The answer came, and its place was gone."""
    return Refusal(
        409,
        "turn_overtaken",
        "The answer was not kept: meanwhile the turn was cancelled, deleted or taken over by "
        "another request.",
    )


def too_long() -> Refusal:
    return Refusal(
        502,
        "answer_too_long",
        f"Question and answer take more than the {ROW_BYTES_MAX:,} bytes that are kept of a turn; "
        "ask with store=false, or for less.",
        kind="server_error",
        is_ours=True,
    )


def not_found(what: str, given_id: str, *, param: str = "id") -> Refusal:
    """There is no such thing, or another key has it."""
    return Refusal(404, "not_found", f"{what} with id '{given_id[:80]}' not found.", param=param)


def in_progress(param: str = "id") -> Refusal:
    """The response is being made."""
    return Refusal(
        409,
        "response_in_progress",
        "This response is in progress; wait for its end, or cancel it first.",
        param=param,
        retry_after_s=1,
    )


def over(response_id: str) -> Refusal:
    """There is nothing to cancel."""
    return Refusal(
        400,
        "invalid_value",
        f"Response '{response_id[:80]}' is over; only one in progress can be cancelled.",
        param="id",
    )
