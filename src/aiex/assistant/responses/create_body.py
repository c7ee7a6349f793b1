"""Reads what `POST /v1/responses` is given, and refuses by name what it cannot do."""

from typing import Final

import msgspec
from msgspec import Raw

from aiex.assistant.not_carried import TO_ANY_MODEL, not_carried
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.given_json import decoded
from aiex.assistant.responses.item_form import ItemPlace
from aiex.assistant.responses.response_form import (
    AUTO,
    NO_TOOLS,
    NULL,
    PLAIN_TEXT,
    ConversationRef,
    CreateBody,
    Echo,
    Metadata,
    Response,
    response_id,
)

PAIRS_MAX: Final = 16
KEY_CHARS_MAX: Final = 64
VALUE_CHARS_MAX: Final = 512
_BODY = msgspec.json.Decoder(CreateBody)
_ECHO = msgspec.json.Decoder(Echo)


def decode_create_body(raw: bytes) -> CreateBody:
    """The request in `raw`; raises `Refusal` (400) that names the field."""
    body = decoded(_BODY, raw)
    if body.conversation is not None and body.previous_response_id is not None:
        raise Refusal(
            400,
            "mutually_exclusive_parameters",
            "Give 'previous_response_id' or 'conversation', not both: a conversation knows what "
            "came before.",
            param="previous_response_id",
        )
    _refuse_what_is_lost(body)
    check_metadata(body.metadata)
    return body


def check_metadata(metadata: Metadata | None) -> None:
    """Raises `Refusal` (400) for more than OpenAI takes."""
    pairs = metadata or {}
    too_long = [
        key
        for key, value in pairs.items()
        if len(key) > KEY_CHARS_MAX or len(value) > VALUE_CHARS_MAX
    ]
    if len(pairs) > PAIRS_MAX or too_long:
        raise Refusal(
            400,
            "invalid_value",
            f"'metadata' takes {PAIRS_MAX} pairs, keys of {KEY_CHARS_MAX} characters and values of "
            f"{VALUE_CHARS_MAX}.",
            param="metadata",
        )


def response_begun(body: CreateBody, raw: bytes, place: ItemPlace, at_s: int) -> Response:
    """The response to `body`, in progress; `raw` is what that was decoded from."""
    echo = _ECHO.decode(raw)
    conversation = body.conversation
    if isinstance(conversation, str):
        conversation = ConversationRef(conversation)
    return Response(
        id=response_id(place.thread, place.part),
        created_at=at_s,
        status="in_progress",
        instructions=body.instructions,
        conversation=conversation,
        previous_response_id=body.previous_response_id,
        model=body.model,
        max_output_tokens=body.max_output_tokens,
        max_tool_calls=body.max_tool_calls,
        metadata=body.metadata or {},
        parallel_tool_calls=body.parallel_tool_calls is not False,
        reasoning=echo.reasoning,
        service_tier=body.service_tier,
        store=body.store is not False,
        temperature=body.temperature,
        text=_given(echo.text, PLAIN_TEXT),
        tool_choice=_given(echo.tool_choice, AUTO),
        tools=_given(echo.tools, NO_TOOLS),
        top_p=body.top_p,
        user=body.user,
    )


def _given(raw: Raw, otherwise: Raw) -> Raw:
    return otherwise if bytes(raw) == bytes(NULL) else raw


def _refuse_what_is_lost(body: CreateBody) -> None:
    include = body.include or []
    checks: list[tuple[str, bool, str]] = [
        ("background", body.background is True, "Stream the response instead."),
        ("truncation", body.truncation not in (None, "disabled"), "Only 'disabled' is."),
        ("top_logprobs", bool(body.top_logprobs), ""),
        ("include", "message.output_text.logprobs" in include, "Log-probabilities are not."),
    ]
    for field, is_lost, hint in checks:
        if is_lost:
            raise not_carried(field, TO_ANY_MODEL, hint)
