"""A request in the form of Anthropic's Messages API, as OpenAI's chat says it."""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from aiex.assistant.anthropic.message_form import (
    Base64Source,
    Block,
    Citations,
    ContentSource,
    DocumentBlock,
    ImageBlock,
    JsonFormat,
    MessagesBody,
    RedactedThinkingBlock,
    SearchResultBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
    Turn,
    UrlSource,
)
from aiex.assistant.anthropic.thinking import UNSIGNED, effort
from aiex.assistant.chat_form import (
    ChatBody,
    ChatMessage,
    ChatTool,
    FileData,
    FilePart,
    Function,
    FunctionTool,
    ImagePart,
    ImageUrl,
    JsonSchema,
    NamedFunction,
    NamedTool,
    Part,
    ResponseFormat,
    StreamOptions,
    TextPart,
    ToolCall,
    is_openais,
)
from aiex.assistant.not_carried import TO_CHAT, decoded, not_carried

# Claude Code's note to Anthropic on who pays. It is no part of a prompt, and it changes from one
# request to the next, which would keep every other server from caching what follows it.
_BILLING_NOTE: Final = "x-anthropic-billing-header:"

# OpenAI refuses a longer `user`, and agents put whole session ids there.
_USER_CHARS_MAX: Final = 64

_BODY = msgspec.json.Decoder(MessagesBody)


def chat_from_messages(raw: bytes, model: str) -> bytes:
    """The request for a server that calls the model `model`; raises `Refusal` (400)."""
    body = decoded(_BODY, raw, TO_CHAT)
    bound = body.max_tokens
    choice = body.tool_choice
    output = body.output_config
    form = output.format if output and isinstance(output.format, JsonFormat) else body.output_format
    tools = [_tool(tool, f"tools[{place}]") for place, tool in enumerate(body.tools or ())]
    chat = ChatBody(
        model=model,
        messages=list(_messages(body)),
        max_completion_tokens=bound if is_openais(model) else None,
        max_tokens=None if is_openais(model) else bound,
        stream=body.stream,
        stream_options=StreamOptions(include_usage=True) if body.stream else None,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        stop=body.stop_sequences or None,
        tools=tools or None,
        tool_choice=_tool_choice(choice) if choice and tools else None,
        parallel_tool_calls=False
        if choice and tools and choice.disable_parallel_tool_use is True
        else None,
        reasoning_effort=effort(body.thinking, output),
        response_format=_response_format(form) if form else None,
        user=_user_id(body),
    )
    return msgspec.json.encode(chat)


def _messages(body: MessagesBody) -> Iterator[ChatMessage]:
    if system := _system(body.system):
        yield ChatMessage(role="system", content=system)
    for place, turn in enumerate(body.messages):
        if isinstance(turn.content, str):
            yield ChatMessage(role=turn.role, content=turn.content)
        elif turn.role == "assistant":
            yield _answer(turn.content, f"messages[{place}].content")
        elif turn.role == "system":
            yield ChatMessage(role="system", content=_system_turn(turn, place))
        else:
            yield from _question(turn.content, f"messages[{place}].content")


def _system(system: str | list[TextBlock] | None) -> str:
    if system is None or isinstance(system, str):
        return system or ""
    texts = (block.text for block in system)
    return "\n\n".join(text for text in texts if not text.startswith(_BILLING_NOTE))


def _system_turn(turn: Turn, place: int) -> str:
    texts: list[TextBlock] = []
    for number, block in enumerate(turn.content):
        if not isinstance(block, TextBlock):
            raise not_carried(f"messages[{place}].content[{number}]", TO_CHAT)
        texts.append(block)
    return _system(texts)


def _answer(blocks: list[Block], place: str) -> ChatMessage:
    """An assistant's turn: what it said, thought and called."""
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for number, block in enumerate(blocks):
        match block:
            case TextBlock(text):
                texts.append(text)
            case ThinkingBlock(thinking, signature):
                # Signed thinking is sealed by Anthropic's models, for them alone.
                if signature == UNSIGNED:
                    thoughts.append(thinking)
            case RedactedThinkingBlock():
                pass
            case ToolUseBlock(id, name, arguments):
                calls.append(ToolCall(id, Function(name, bytes(arguments).decode())))
            case _:
                raise not_carried(f"{place}[{number}]", TO_CHAT)
    return ChatMessage(
        role="assistant",
        content="".join(texts) if texts or not calls else None,
        reasoning_content="".join(thoughts) if thoughts else UNSET,
        tool_calls=calls or UNSET,
    )


def _question(blocks: list[Block], place: str) -> Iterator[ChatMessage]:
    """A user's turn: first the results of tools, which OpenAI keeps in messages of their own."""
    parts: list[Part] = []
    for number, block in enumerate(blocks):
        if isinstance(block, ToolResultBlock):
            message, beside = _tool_result(block, f"{place}[{number}]")
            yield message
            parts += beside
    for number, block in enumerate(blocks):
        if not isinstance(block, ToolResultBlock):
            parts += _parts(block, f"{place}[{number}]")
    if parts:
        only = parts[0]
        is_text = len(parts) == 1 and isinstance(only, TextPart)
        yield ChatMessage(role="user", content=only.text if is_text else parts)  # type: ignore[union-attr]


def _tool_result(block: ToolResultBlock, place: str) -> tuple[ChatMessage, list[Part]]:
    """The message of the tool, and what has to follow it since such a message is text only."""
    texts: list[str] = []
    beside: list[Part] = []
    content = block.content
    if isinstance(content, str):
        texts.append(content)
    elif isinstance(content, list):
        for number, inner in enumerate(content):
            for part in _parts(inner, f"{place}.content[{number}]"):
                if isinstance(part, TextPart):
                    texts.append(part.text)
                else:
                    beside.append(part)
    if beside:
        texts.append("[What this tool returned beside text follows.]")
        beside.insert(0, TextPart(f"[Returned by the tool call {block.tool_use_id}:]"))
    text = "\n\n".join(texts)
    if block.is_error is True and not text.lower().startswith("error"):
        # OpenAI has no flag for it, and the model is to see that the call failed.
        text = f"Error: {text}"
    return ChatMessage(role="tool", tool_call_id=block.tool_use_id, content=text), beside


def _parts(block: Block, place: str) -> list[Part]:
    match block:
        case TextBlock(text):
            return [TextPart(text)]
        case ImageBlock(source):
            return [ImagePart(ImageUrl(_url(source)))]
        case SearchResultBlock(source, title, content, citations):
            _refuse_citations(citations, place)
            body = "\n".join(text.text for text in content)
            return [TextPart(f"{title}\n{source}\n\n{body}")]
        case DocumentBlock():
            return _document(block, place)
    raise not_carried(place, TO_CHAT)


def _document(block: DocumentBlock, place: str) -> list[Part]:
    _refuse_citations(block.citations, place)
    heads = (block.title, block.context)
    head = "\n".join(text for text in heads if isinstance(text, str) and text)
    match block.source:
        case Base64Source(media_type, data):
            name = block.title if isinstance(block.title, str) and block.title else "document.pdf"
            file = FilePart(FileData(f"data:{media_type};base64,{data}", name))
            return [TextPart(head), file] if head else [file]
        case TextSource(text):
            return [TextPart(f"{head}\n\n{text}" if head else text)]
        case ContentSource(content):
            inner = [TextBlock(content)] if isinstance(content, str) else content
            parts = [part for one in inner for part in _parts(one, place)]
            return [TextPart(head), *parts] if head else parts
    raise not_carried(f"{place}.source", TO_CHAT, "Send the document itself, as base64.")


def _refuse_citations(citations: Citations | UnsetType | None, place: str) -> None:
    if isinstance(citations, Citations) and citations.enabled:
        raise not_carried(f"{place}.citations", TO_CHAT)


def _url(source: Base64Source | UrlSource) -> str:
    if isinstance(source, UrlSource):
        return source.url
    return f"data:{source.media_type};base64,{source.data}"


def _tool(tool: Tool, place: str) -> ChatTool:
    if isinstance(tool.type, str) and tool.type != "custom":
        raise not_carried(f"{place}.type", TO_CHAT, f"Only Anthropic's models know '{tool.type}'.")
    if tool.name is None or tool.input_schema is UNSET:
        raise not_carried(place, TO_CHAT, "It needs a name and an input_schema.")
    return ChatTool(
        FunctionTool(
            tool.name,
            tool.description,
            tool.input_schema,
            strict=True if tool.strict is True else UNSET,
        )
    )


def _tool_choice(choice: ToolChoice) -> Literal["none", "auto", "required"] | NamedTool:
    if choice.type == "any":
        return "required"
    if choice.type != "tool":
        return choice.type
    if not isinstance(choice.name, str):
        raise not_carried("tool_choice", TO_CHAT, "It names no tool.")
    return NamedTool(NamedFunction(choice.name))


def _response_format(form: JsonFormat) -> ResponseFormat:
    return ResponseFormat("json_schema", JsonSchema("answer", form.schema, strict=True))


def _user_id(body: MessagesBody) -> str | None:
    user = body.metadata.user_id if body.metadata else None
    return user if user and len(user) <= _USER_CHARS_MAX else None
