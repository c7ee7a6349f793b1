"""A request of Anthropic's Messages API: read as far as the gateway acts on it.

A provider that speaks the same gets it as it came; for any other it is translated, and what the
client gets is translated back. The client need not know which.
"""

import msgspec

from aiex.assistant.anthropic.chat_from_messages import chat_from_messages
from aiex.assistant.anthropic.error_form import messages_error_from
from aiex.assistant.anthropic.events_from_chunks import EventsFromChunks
from aiex.assistant.anthropic.message_from_completion import message_from_completion
from aiex.assistant.anthropic.message_relay import MessageRelay
from aiex.assistant.anthropic.thinking import UNSIGNED
from aiex.assistant.chat_request import ChatRequest, with_one_model
from aiex.assistant.exchange import RequestHeaders
from aiex.assistant.frames import Relay
from aiex.assistant.provider import Answer, AnswerStream
from aiex.assistant.refusal import Refusal
from aiex.assistant.token_estimate import answer_tokens

# For clients that name no version, and for what we translate: that of 2026-10-21 takes no
# temperature, which OpenAI's clients may give (https://docs.claude.com/en/api/versioning).
VERSION = "2023-06-01"


class _Head(msgspec.Struct, frozen=True):
    model: str
    max_tokens: int
    messages: list[msgspec.Raw]
    stream: bool | None = None


class _CountHead(msgspec.Struct, frozen=True):
    model: str
    messages: list[msgspec.Raw]


class _Thought(msgspec.Struct, frozen=True):
    type: str = ""
    signature: str = ""


_HEAD = msgspec.json.Decoder(_Head)
_COUNT_HEAD = msgspec.json.Decoder(_CountHead)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TURNS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_BLOCKS = msgspec.json.Decoder(list[msgspec.Raw])
_THOUGHT = msgspec.json.Decoder(_Thought)


class MessagesRequest(ChatRequest, frozen=True, gc=False, kw_only=True):
    """One request, with the headers that say which version of the API it means."""

    request_id: str
    version: str = VERSION
    beta: str = ""

    def body_for(self, target_model: str) -> bytes:
        """The chat request that says the same; raises `Refusal` (400) where that cannot be."""
        return chat_from_messages(self.raw, target_model)

    def messages_for(self, target_model: str) -> bytes:
        """The body for a provider that speaks this API itself and calls the model so."""
        has_unsigned = UNSIGNED.encode() in self.raw
        if target_model == self.model and not has_unsigned:
            return self.raw
        fields = _FIELDS.decode(self.raw)
        fields["model"] = msgspec.Raw(msgspec.json.encode(target_model))
        if has_unsigned:
            fields["messages"] = _without_unsigned(fields["messages"])
        return msgspec.json.encode(fields)

    def given(self, answer: Answer) -> Answer:
        """A provider's whole answer in this API's form; raises `ProviderError` if it has none."""
        if answer.is_native:
            return answer
        if answer.status == 200:
            body = message_from_completion(answer.body)
        else:
            body = messages_error_from(answer.body, answer.status, self.request_id)
        return Answer(answer.status, "application/json", body, answer.retry_after)

    def relay(self, answer: AnswerStream) -> Relay:
        """What a stream passes through on its way to the client."""
        if answer.is_native:
            return MessageRelay(self.request_id)
        return EventsFromChunks(self.request_id)


def decode_messages_request(
    raw: bytes, headers: RequestHeaders, request_id: str
) -> MessagesRequest:
    """The request in `raw`; raises `Refusal` (400) that names the field."""
    head, raw = _decoded(_HEAD, raw)
    return MessagesRequest(
        model=head.model,
        is_stream=head.stream is True,
        wants_usage=True,
        raw=raw,
        answer_tokens=answer_tokens(head.max_tokens, None),
        request_id=request_id,
        version=headers.get("anthropic-version") or VERSION,
        beta=headers.get("anthropic-beta") or "",
    )


def decode_count_request(raw: bytes, headers: RequestHeaders, request_id: str) -> MessagesRequest:
    """The request to count the tokens of; it needs no `max_tokens`."""
    head, raw = _decoded(_COUNT_HEAD, raw)
    return MessagesRequest(
        model=head.model,
        is_stream=False,
        wants_usage=True,
        raw=raw,
        request_id=request_id,
        version=headers.get("anthropic-version") or VERSION,
        beta=headers.get("anthropic-beta") or "",
    )


def _decoded[T](decoder: msgspec.json.Decoder[T], raw: bytes) -> tuple[T, bytes]:
    try:
        head = decoder.decode(raw)
        if not raw.isascii():
            raw.decode()  # providers get only UTF-8
        return head, with_one_model(raw)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "invalid_json", f"The body is not valid JSON: {error}.") from error


def _invalid(problem: str) -> Refusal:
    _, is_missing, field = problem.partition("missing required field `")
    if is_missing:
        field = field.split("`")[0]
        return Refusal(400, "missing_field", f"{field}: Field required.", param=field)
    what, _, place = problem.partition(" - at `$")
    place = place.strip(".`") or "The body"
    return Refusal(400, "invalid_value", f"{place}: {what}.", param=place)


def _without_unsigned(messages: msgspec.Raw) -> msgspec.Raw:
    """The messages without the thinking that no Anthropic model signed, which it would refuse."""
    try:
        turns = _TURNS.decode(messages)
        for turn in turns:
            content = turn.get("content")
            if content is not None and bytes(content)[:1] == b"[":
                kept = [block for block in _BLOCKS.decode(content) if not _is_unsigned(block)]
                turn["content"] = msgspec.Raw(msgspec.json.encode(kept))
    except msgspec.DecodeError:
        return messages  # not messages as this API knows them: the provider says what is wrong
    return msgspec.Raw(msgspec.json.encode(turns))


def _is_unsigned(block: msgspec.Raw) -> bool:
    if UNSIGNED.encode() not in bytes(block):
        return False
    thought = _THOUGHT.decode(block)
    return thought.type == "thinking" and thought.signature == UNSIGNED
