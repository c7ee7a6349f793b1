"""What the gateway must know of a chat request; everything else passes through untouched.

Only the fields named here are decoded. When a field has to change on the way to a provider, the
other ones are copied byte for byte (`msgspec.Raw`), so tools, images and whatever OpenAI adds
tomorrow arrive as they were sent.
"""

from typing import TYPE_CHECKING, Final

import msgspec

from aiex.assistant.frames import FrameRelay, Relay
from aiex.assistant.refusal import Refusal
from aiex.assistant.token_estimate import answer_tokens

CHAT_PATH: Final = "/chat/completions"

if TYPE_CHECKING:  # a provider's calls hold requests, and a request knows its answers
    from aiex.assistant.provider import Answer, AnswerStream


class StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class _Head(msgspec.Struct, frozen=True):
    model: str
    messages: msgspec.Raw
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    # Only for the estimate of tokens; whether they are right is for the provider to say.
    max_tokens: object = None
    max_completion_tokens: object = None
    n: object = None


class ChatRequest(msgspec.Struct, frozen=True, gc=False):
    """One request for a model: the fields the gateway acts on, and the body as it came.

    `path` is where it goes below a provider's base URL; completions and embeddings differ from a
    chat in it and in what a body must have.
    """

    model: str
    is_stream: bool
    wants_usage: bool
    raw: bytes
    path: str = CHAT_PATH
    answer_tokens: int = 0  # the answer's bound; 0 without one

    def body_for(self, target_model: str) -> bytes:
        """The body for a provider that calls the model `target_model`.

        A stream is always asked for its usage, since tokens are counted whether or not the client
        wants to see them.
        """
        asks_usage = self.is_stream and not self.wants_usage
        if target_model == self.model and not asks_usage:
            return self.raw
        if target_model == self.model and _names_no_options(self.raw):
            # At the end: to take all fields apart and write them anew costs each stream 4 us.
            return self.raw.rstrip()[:-1] + _ASKING_USAGE
        fields = _FIELDS.decode(self.raw)
        fields["model"] = msgspec.Raw(msgspec.json.encode(target_model))
        if asks_usage:
            fields["stream_options"] = _with_usage(fields.get("stream_options"))
        return msgspec.json.encode(fields)

    def given(self, answer: "Answer") -> "Answer":
        """A provider's whole answer as this request's API says it."""
        return answer

    def relay(self, answer: "AnswerStream") -> Relay:
        """What a provider's stream passes through on its way to the client."""
        return FrameRelay(hides_usage=not self.wants_usage)


_HEAD = msgspec.json.Decoder(_Head)
_ASKING_USAGE = b',"stream_options":{"include_usage":true}}'
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _names_no_options(raw: bytes) -> bool:
    """Whether there is no field `stream_options` for sure, not even one spelled with escapes."""
    return raw.find(b"stream_options") < 0 and raw.find(b"\\u") < 0


def _with_usage(options: msgspec.Raw | None) -> msgspec.Raw:
    if options is None or bytes(options) == b"null":
        return msgspec.Raw(b'{"include_usage":true}')
    fields = _FIELDS.decode(options)
    fields["include_usage"] = msgspec.Raw(b"true")
    return msgspec.Raw(msgspec.json.encode(fields))


def decode_chat_request(raw: bytes) -> ChatRequest:
    """The request in `raw`; raises `Refusal` (400) with the reason and, if known, the field."""
    head = decoded(_HEAD, raw)
    if bytes(memoryview(head.messages)[:1]) != b"[":
        raise Refusal(400, "invalid_type", "'messages' must be a list.", param="messages")
    options = head.stream_options
    return ChatRequest(
        model=head.model,
        is_stream=head.stream is True,
        wants_usage=options is not None and options.include_usage is True,
        raw=with_one_model(raw),
        answer_tokens=answer_tokens(head.max_completion_tokens or head.max_tokens, head.n),
    )


def decoded[T](decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """What the gateway reads of a body; raises `Refusal` as above."""
    try:
        head = decoder.decode(raw)
        if not raw.isascii():
            raw.decode()  # what is not decoded here is checked too: providers get only UTF-8
    except msgspec.ValidationError as error:
        raise _invalid_field(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"The body is not valid JSON: {error}."
        raise Refusal(400, "invalid_json", message) from error
    return head


def with_one_model(raw: bytes) -> bytes:
    """The body with one `model` at most.

    Given twice, some servers take the first and some the last: they get what we acted on.
    """
    return raw if raw.count(b'"model"') < 2 else msgspec.json.encode(_FIELDS.decode(raw))


def _invalid_field(problem: str) -> Refusal:
    # msgspec words it "Object missing required field `model`" or "Expected `str`, got `int` - at
    # `$.model`"; a problem of the whole body names no field.
    _, is_missing, missing = problem.partition("required field `")
    _, is_wrong, wrong = problem.partition(" - at `$.")
    field = missing if is_missing else wrong if is_wrong else ""
    return Refusal(400, "invalid_value", f"{problem}.", param=field.rstrip("`") or None)
