"""A request in the form of OpenAI's chat, as Anthropic's Messages API says it."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from aiex.assistant.anthropic.message_form import (
    Base64Source,
    Block,
    DocumentBlock,
    ImageBlock,
    JsonFormat,
    MessagesBody,
    Metadata,
    OutputConfig,
    TextBlock,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
    Turn,
    UrlSource,
)
from aiex.assistant.anthropic.message_from_completion import sealed
from aiex.assistant.anthropic.thinking import UNSIGNED, Mind, mind
from aiex.assistant.chat_form import (
    ChatBody,
    ChatMessage,
    ChatTool,
    FilePart,
    ImagePart,
    NamedTool,
    Part,
    RefusalPart,
    SignedThought,
    TextPart,
    ToolCall,
)
from aiex.assistant.not_carried import TO_MESSAGES, decoded, not_carried

# OpenAI's temperatures go on to 2, where Anthropic's end; its own OpenAI-compatible endpoint caps
# them in the same way.
TEMPERATURE_MAX: Final = 1.0

_NO_ARGUMENTS = Raw(b'{"type":"object","properties":{}}')
_BODY = msgspec.json.Decoder(ChatBody)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


def messages_from_chat(raw: bytes, model: str, *, max_tokens: int) -> bytes:
    """The request for a server that calls the model `model`; raises `Refusal` (400).

    `max_tokens` bounds the answer when the client gives no bound: Anthropic insists on one.
    """
    body = decoded(_BODY, raw, TO_MESSAGES)
    _refuse_what_is_lost(body)
    bound = body.max_completion_tokens or body.max_tokens or max_tokens
    thought = _mind(body, model, bound)
    temperature = body.temperature
    return msgspec.json.encode(
        MessagesBody(
            model=model,
            max_tokens=bound,
            messages=list(_turns(body)),
            system=list(_system(body)) or None,
            stream=body.stream,
            temperature=None if temperature is None else min(temperature, TEMPERATURE_MAX),
            top_p=body.top_p,
            top_k=body.top_k,
            stop_sequences=_stop_sequences(body.stop),
            tools=[_tool(tool) for tool in body.tools or ()] or None,
            tool_choice=_tool_choice(body),
            thinking=thought.thinking,
            output_config=_output_config(body, thought),
            metadata=_metadata(body),
        )
    )


def _refuse_what_is_lost(body: ChatBody) -> None:
    checks: list[tuple[str, bool, str]] = [
        ("n", (body.n or 1) > 1, "Ask several times instead."),
        ("logprobs", bool(body.logprobs), ""),
        ("top_logprobs", bool(body.top_logprobs), ""),
        ("frequency_penalty", bool(body.frequency_penalty), ""),
        ("presence_penalty", bool(body.presence_penalty), ""),
        ("logit_bias", bool(body.logit_bias), ""),
        ("modalities", bool(body.modalities and body.modalities != ["text"]), ""),
    ]
    for field, is_lost, hint in checks:
        if is_lost:
            raise not_carried(field, TO_MESSAGES, hint)


def _mind(body: ChatBody, model: str, bound: int) -> Mind:
    if body.thinking is not None:
        return Mind(body.thinking)
    thought = mind(body.reasoning_effort, model, bound)
    thinking = thought.thinking
    if thinking is not None and thinking.type == "enabled" and _has_bare_tool_turn(body.messages):
        # Such a model wants its own thinking before the call that was just answered, and OpenAI's
        # clients do not keep it; without thinking it goes on.
        return Mind()
    return thought


def _has_bare_tool_turn(messages: list[ChatMessage]) -> bool:
    """Whether the tool calls that the last messages answer come without the thinking before."""
    for message in reversed(messages):
        if message.role == "assistant":
            return bool(message.tool_calls) and not message.thinking_blocks
        if message.role == "user":
            return False
    return False


def _system(body: ChatBody) -> Iterator[TextBlock]:
    """All system and developer messages: Anthropic has one place for them, before the others."""
    for place, message in enumerate(body.messages):
        if message.role in ("system", "developer"):
            for block in _blocks(message, f"messages[{place}]"):
                if not isinstance(block, TextBlock):
                    raise not_carried(f"messages[{place}].content", TO_MESSAGES)
                yield block


def _turns(body: ChatBody) -> Iterator[Turn]:
    """User and assistant in turn: what OpenAI has in several messages is joined."""
    role: Any = ""
    blocks: list[Block] = []
    for place, message in enumerate(body.messages):
        if message.role in ("system", "developer"):
            continue
        speaker = "assistant" if message.role == "assistant" else "user"
        if speaker != role and blocks:
            yield _turn(role, blocks)
            blocks = []
        role = speaker
        blocks += _spoken(message, f"messages[{place}]")
    if blocks:
        yield _turn(role, blocks)


def _turn(role: Any, blocks: list[Block]) -> Turn:
    only = blocks[0]
    if len(blocks) == 1 and isinstance(only, TextBlock) and only.cache_control is UNSET:
        return Turn(role, only.text)
    return Turn(role, blocks)


def _spoken(message: ChatMessage, place: str) -> list[Block]:
    if message.role == "tool":
        return [_tool_result(message, place)]
    for field in ("audio", "function_call"):
        if getattr(message, field) not in (UNSET, None):
            raise not_carried(f"{place}.{field}", TO_MESSAGES)
    thoughts = [
        sealed(one)
        for one in message.thinking_blocks or ()
        # Anthropic takes back only what its models signed.
        if not isinstance(one, SignedThought) or one.signature not in ("", UNSIGNED)
    ]
    blocks = [*thoughts, *_blocks(message, place)]
    if isinstance(message.refusal, str) and message.refusal:
        blocks.append(TextBlock(message.refusal))
    for number, call in enumerate(message.tool_calls or ()):
        blocks.append(_tool_use(call, f"{place}.tool_calls[{number}]"))
    return blocks


def _tool_result(message: ChatMessage, place: str) -> ToolResultBlock:
    if not isinstance(message.tool_call_id, str):
        raise not_carried(place, TO_MESSAGES, "A tool's message needs its tool_call_id.")
    content: Any = message.content
    if not isinstance(content, str):
        content = _blocks(message, place)
    return ToolResultBlock(
        message.tool_call_id, content or UNSET, cache_control=message.cache_control
    )


def _tool_use(call: ToolCall, place: str) -> ToolUseBlock:
    arguments = call.function.arguments.strip() or "{}"
    raw = arguments.encode()
    try:
        _OBJECT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_carried(
            f"{place}.function.arguments", TO_MESSAGES, "They are no JSON object."
        ) from None
    return ToolUseBlock(call.id, call.function.name, Raw(raw))


def _blocks(message: ChatMessage, place: str) -> list[Block]:
    content = message.content
    mark = message.cache_control
    if isinstance(content, str):
        # Anthropic refuses blocks of nothing; OpenAI's clients send them beside tool calls.
        return [TextBlock(content, mark)] if content else []
    blocks: list[Block] = [
        _block(part, f"{place}.content[{number}]")
        for number, part in enumerate(content or ())
        if not isinstance(part, TextPart) or part.text
    ]
    if blocks and mark is not UNSET:
        # Where the whole message is marked, the cache ends behind its last block.
        blocks[-1] = msgspec.structs.replace(blocks[-1], cache_control=mark)
    return blocks


def _block(part: Part, place: str) -> TextBlock | ImageBlock | DocumentBlock:
    match part:
        case TextPart(text, mark):
            return TextBlock(text, mark)
        case RefusalPart(refusal):
            return TextBlock(refusal)
        case ImagePart(image, mark):
            return ImageBlock(_source(image.url, f"{place}.image_url"), mark)
        case FilePart(file, mark):
            if not isinstance(file.file_data, str):
                raise not_carried(f"{place}.file", TO_MESSAGES, "Send its data.")
            source = _source(file.file_data, f"{place}.file.file_data")
            return DocumentBlock(source, title=file.filename, cache_control=mark)


def _source(url: str, place: str) -> Base64Source | UrlSource:
    if url.startswith(("http://", "https://")):
        return UrlSource(url)
    head, comma, data = url.partition(",")
    media_type, semicolon, encoding = head.removeprefix("data:").partition(";")
    if head.startswith("data:") and comma and semicolon and encoding.endswith("base64"):
        return Base64Source(media_type, data)
    raise not_carried(place, TO_MESSAGES, "It is neither http(s)://… nor data:…;base64,….")


def _stop_sequences(stop: str | list[str] | None) -> list[str] | None:
    sequences = [stop] if isinstance(stop, str) else stop or []
    if any(not sequence.strip() for sequence in sequences):
        raise not_carried("stop", TO_MESSAGES, "It takes no sequence of white space alone.")
    return sequences or None


def _tool(tool: ChatTool) -> Tool:
    function = tool.function
    mark = tool.cache_control if tool.cache_control is not UNSET else function.cache_control
    schema = function.parameters
    if schema is UNSET or bytes(schema) == b"null":
        schema = _NO_ARGUMENTS
    return Tool(
        function.name,
        description=function.description or UNSET,
        input_schema=schema,
        strict=True if function.strict is True else UNSET,
        cache_control=mark,
    )


def _tool_choice(body: ChatBody) -> ToolChoice | None:
    if not body.tools:
        return None
    is_single: bool | UnsetType = True if body.parallel_tool_calls is False else UNSET
    match body.tool_choice:
        case NamedTool(function):
            return ToolChoice("tool", function.name, is_single)
        case "required":
            return ToolChoice("any", disable_parallel_tool_use=is_single)
        case "none":
            return ToolChoice("none")
        case "auto":
            return ToolChoice("auto", disable_parallel_tool_use=is_single)
    return ToolChoice("auto", disable_parallel_tool_use=True) if is_single is True else None


def _output_config(body: ChatBody, thought: Mind) -> OutputConfig | None:
    form = body.response_format
    if form is None or form.type == "text":
        return thought.output_config
    if form.type == "json_object" or form.json_schema is UNSET:
        hint = "Give a schema (type 'json_schema'), or ask for JSON in words."
        raise not_carried("response_format", TO_MESSAGES, hint)
    schema = form.json_schema.schema
    if schema is UNSET:
        raise not_carried("response_format.json_schema", TO_MESSAGES, "It has no schema.")
    effort = thought.output_config.effort if thought.output_config else UNSET
    return OutputConfig(effort, JsonFormat(schema))


def _metadata(body: ChatBody) -> Metadata | None:
    user = body.user or body.safety_identifier
    return Metadata(user) if user else None
