"""A request of the Responses API and the items before it, as one chat."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from aiex.assistant import chat_form as chat
from aiex.assistant.not_carried import TO_ANY_MODEL, not_carried
from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.item_form import (
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputPart,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    RefusalPart,
)
from aiex.assistant.responses.response_form import (
    CreateBody,
    GivenChoice,
    GivenTool,
    TextConfig,
)

type ToolChoice = str | chat.NamedTool | None

_BUILT_IN: Final = "It is '{}'; only functions, which the client runs, are carried."


def chat_from_items(body: CreateBody, items: Iterable[Item]) -> chat.ChatBody:
    """The chat that says the same, for the model by the client's name.

    `items` are all there are, those in the request last. Raises `Refusal` (400).
    """
    messages = list(_messages(body.instructions, items))
    if not messages:
        raise Refusal(400, "missing_required_parameter", "'input' is missing.", param="input")
    tools, choice = _tools(body)
    bound, is_openais = body.max_output_tokens, chat.is_openais(body.model)
    is_stream = body.stream is True
    verbosity = body.text.verbosity if body.text else None
    return chat.ChatBody(
        model=body.model,
        messages=messages,
        max_completion_tokens=bound if is_openais else None,
        max_tokens=None if is_openais else bound,
        stream=True if is_stream else None,
        stream_options=chat.StreamOptions(include_usage=True) if is_stream else None,
        temperature=body.temperature,
        top_p=body.top_p,
        tools=tools or None,
        tool_choice=choice,  # type: ignore[arg-type]
        parallel_tool_calls=body.parallel_tool_calls if tools else None,
        reasoning_effort=body.reasoning.effort if body.reasoning else None,
        response_format=_response_format(body.text),
        user=body.user,
        safety_identifier=body.safety_identifier,
        prompt_cache_key=body.prompt_cache_key,
        service_tier=body.service_tier,
        verbosity=verbosity,
    )


def chat_for(body: chat.ChatBody, model: str) -> bytes:
    """The chat's bytes for a server that calls its model `model`."""
    if model != body.model:
        bound = body.max_completion_tokens or body.max_tokens
        is_openais = chat.is_openais(model)
        body = msgspec.structs.replace(
            body,
            model=model,
            max_completion_tokens=bound if is_openais else None,
            max_tokens=None if is_openais else bound,
        )
    return msgspec.json.encode(body)


def _messages(instructions: str | None, items: Iterable[Item]) -> Iterator[chat.ChatMessage]:
    """One message after another: calls join the answer they came with, results follow alone."""
    if instructions:
        yield chat.ChatMessage(role="system", content=instructions)
    said: Message | None = None
    calls: list[chat.ToolCall] = []
    beside: list[chat.Part] = []
    for item in items:
        match item:
            case FunctionCall():
                calls.append(
                    chat.ToolCall(item.call_id, chat.Function(item.name, item.arguments or "{}"))
                )
                continue
            case FunctionCallOutput():
                yield from _answer(said, calls)
                said, calls = None, []
                message, more = _result(item)
                beside += more
                yield message
                continue
            case Message():
                yield from _answer(said, calls)
                said, calls = None, []
                yield from _beside(beside)
                beside = []
                if item.role == "assistant":
                    said = item
                else:
                    yield _question(item)
            # Reasoning is for people: no provider takes another's, and those that check their own
            # want it signed.
    yield from _answer(said, calls)
    yield from _beside(beside)


def _answer(said: Message | None, calls: list[chat.ToolCall]) -> Iterator[chat.ChatMessage]:
    if said is None and not calls:
        return
    texts = [_text(part) for part in said.content] if said else []
    yield chat.ChatMessage(
        role="assistant",
        content="".join(texts) if texts or not calls else None,
        tool_calls=calls or UNSET,
    )


def _text(part: Part) -> str:
    match part:
        case InputText(text) | OutputText(text):
            return text
        case RefusalPart(refusal):
            return refusal
    raise not_carried("input", TO_ANY_MODEL, "An assistant's message holds more than text.")


def _question(item: Message) -> chat.ChatMessage:
    # Many servers know no developer; those that do take a system for one.
    role: str = "system" if item.role == "developer" else item.role
    parts = [_part(part) for part in item.content]
    if all(isinstance(part, chat.TextPart) for part in parts) and len(parts) <= 1:
        content: str | list[chat.Part] = "".join(_text(part) for part in item.content)
    else:
        content = parts
    return chat.ChatMessage(role=role, content=content)  # type: ignore[arg-type]


def _result(item: FunctionCallOutput) -> tuple[chat.ChatMessage, list[chat.Part]]:
    """A tool's message, and what has to follow it since such a message is text only."""
    if isinstance(item.output, str):
        text, beside = item.output, list[chat.Part]()
    else:
        text = "\n\n".join(part.text for part in item.output if isinstance(part, InputText))
        beside = [_part(part) for part in item.output if not isinstance(part, InputText)]
        if beside:
            note = "[What this tool returned beside text follows.]"
            text = f"{text}\n\n{note}" if text else note
            beside.insert(0, chat.TextPart(f"[Returned by the tool call {item.call_id}:]"))
    return chat.ChatMessage(role="tool", tool_call_id=item.call_id, content=text), beside


def _beside(parts: list[chat.Part]) -> Iterator[chat.ChatMessage]:
    if parts:
        yield chat.ChatMessage(role="user", content=parts)


def _part(part: Part | InputPart) -> chat.Part:
    match part:
        case InputImage(url, _, detail):
            assert url, "images that are elsewhere were refused"
            return chat.ImagePart(chat.ImageUrl(url, detail or UNSET))
        case InputFile(data, name):
            assert data, "files that are elsewhere were refused"
            return chat.FilePart(chat.FileData(data, name or UNSET))
        case _:
            return chat.TextPart(_text(part))


def _tools(body: CreateBody) -> tuple[list[chat.ChatTool], ToolChoice]:
    given = body.tools or []
    for number, tool in enumerate(given):
        if tool.type != "function":
            raise not_carried(f"tools[{number}]", TO_ANY_MODEL, _BUILT_IN.format(tool.type[:60]))
    choice: ToolChoice
    if isinstance(body.tool_choice, GivenChoice):
        given, choice = _chosen(given, body.tool_choice)
    else:
        choice = body.tool_choice
    return [_tool(tool) for tool in given], choice if given else None


def _chosen(given: list[GivenTool], choice: GivenChoice) -> tuple[list[GivenTool], ToolChoice]:
    match choice.type:
        case "function":
            return given, chat.NamedTool(chat.NamedFunction(choice.name))
        case "allowed_tools":
            names = {tool.name for tool in choice.tools}
            return [tool for tool in given if tool.name in names], choice.mode
    raise not_carried("tool_choice", TO_ANY_MODEL, _BUILT_IN.format(choice.type[:60]))


def _tool(tool: GivenTool) -> chat.ChatTool:
    return chat.ChatTool(
        chat.FunctionTool(
            tool.name,
            description=tool.description if tool.description is not None else UNSET,
            parameters=_or_unset(tool.parameters),
            strict=tool.strict if tool.strict is not None else UNSET,
        )
    )


def _response_format(text: TextConfig | None) -> chat.ResponseFormat | None:
    form = text.format if text else None
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return chat.ResponseFormat("json_object")
    return chat.ResponseFormat(
        "json_schema",
        chat.JsonSchema(
            form.name,
            schema=_or_unset(form.schema),
            strict=form.strict if form.strict is not None else UNSET,
            description=form.description if form.description is not None else UNSET,
        ),
    )


def _or_unset(raw: Raw) -> Raw | UnsetType:
    return UNSET if bytes(raw) == b"null" else raw
