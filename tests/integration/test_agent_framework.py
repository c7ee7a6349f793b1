"""An agent of a framework that speaks OpenAI (`pydantic-ai`) calls tools through a node.

The provider behind the node follows a script, in OpenAI's form or in Anthropic's; the agent cannot
tell which. It calls two tools at once, gets both results, and says what came of it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic_ai import Agent, RunUsage
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from aiex.testing.http_server import Scripted, ScriptedServer, http_answer, http_stream
from aiex.testing.node_process import NodeProcess

pytestmark = pytest.mark.integration

DEGREES = {"Oslo": 7, "Lima": 19}
ANSWER = "Oslo 7 degrees, Lima 19."


def events(*contents: dict[str, Any] | str) -> list[bytes]:
    texts = (one if isinstance(one, str) else json.dumps(one) for one in contents)
    return http_stream(*(f"data: {text}\n\n".encode() for text in texts))


def openai_whole() -> list[Scripted]:
    def answer(message: dict[str, Any], reason: str) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        head = {"id": "c1", "object": "chat.completion", "created": 1, "model": "there"}
        return http_answer(json.dumps({**head, "choices": [choice], "usage": usage}).encode())

    calls = [
        {
            "id": f"call_{city}",
            "type": "function",
            "function": {"name": "degrees", "arguments": json.dumps({"city": city})},
        }
        for city in DEGREES
    ]
    asks = answer({"content": None, "tool_calls": calls}, "tool_calls")
    return [asks, answer({"content": ANSWER}, "stop")]


def openai_streamed() -> list[Scripted]:
    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "there"}
        return {**head, "choices": [choice]}

    def called() -> Iterator[dict[str, Any]]:
        for place, city in enumerate(DEGREES):
            begun = {"name": "degrees", "arguments": ""}
            call = {"index": place, "id": f"call_{city}", "type": "function", "function": begun}
            yield chunk({"tool_calls": [call]})
            for piece in ('{"ci', f'ty": "{city}"}}'):
                yield chunk({"tool_calls": [{"index": place, "function": {"arguments": piece}}]})

    said = [chunk({"content": word}) for word in ANSWER.partition(" ")]
    return [
        events(*called(), chunk({}, "tool_calls"), "[DONE]"),
        events(*said, chunk({}, "stop"), "[DONE]"),
    ]


def anthropic_whole() -> list[Scripted]:
    def answer(content: list[dict[str, Any]], reason: str) -> bytes:
        usage = {"input_tokens": 10, "output_tokens": 5}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "there"}
        end = {"stop_reason": reason, "stop_sequence": None}
        return http_answer(
            json.dumps({**message, **end, "content": content, "usage": usage}).encode()
        )

    calls = [
        {"type": "tool_use", "id": f"call_{city}", "name": "degrees", "input": {"city": city}}
        for city in DEGREES
    ]
    return [answer(calls, "tool_use"), answer([{"type": "text", "text": ANSWER}], "end_turn")]


def anthropic_streamed() -> list[Scripted]:
    def block(
        place: int, kind: dict[str, Any], delta: str, field: str, pieces: tuple[str, ...]
    ) -> Iterator[dict[str, Any]]:
        yield {"type": "content_block_start", "index": place, "content_block": kind}
        for piece in pieces:
            change = {"type": delta, field: piece}
            yield {"type": "content_block_delta", "index": place, "delta": change}
        yield {"type": "content_block_stop", "index": place}

    def message(blocks: list[Iterator[dict[str, Any]]], reason: str) -> list[bytes]:
        usage = {"input_tokens": 10, "output_tokens": 1}
        begun = {"id": "msg_1", "model": "there", "content": [], "usage": usage}
        return events(
            {"type": "message_start", "message": begun},
            *(event for one in blocks for event in one),
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": 5},
            },
            {"type": "message_stop"},
        )

    calls = [
        block(
            place,
            {"type": "tool_use", "id": f"call_{city}", "name": "degrees", "input": {}},
            "input_json_delta",
            "partial_json",
            ('{"ci', f'ty": "{city}"}}'),
        )
        for place, city in enumerate(DEGREES)
    ]
    said = block(0, {"type": "text", "text": ""}, "text_delta", "text", ANSWER.partition(" "))
    return [message(calls, "tool_use"), message([said], "end_turn")]


SCRIPTS = {
    ("openai", False): openai_whole,
    ("openai", True): openai_streamed,
    ("anthropic", False): anthropic_whole,
    ("anthropic", True): anthropic_streamed,
}


# The two APIs of OpenAI's that the framework can speak.
APIS = {"chat": OpenAIChatModel, "responses": OpenAIResponsesModel}


def agent(client: openai.AsyncOpenAI, api: str, asked: list[str]) -> Agent[None, str]:
    model = APIS[api]("there", provider=OpenAIProvider(openai_client=client))
    agent = Agent(model, instructions="Be brief.", retries=0)

    @agent.tool_plain
    def degrees(city: str) -> int:
        """How warm it is in a city."""
        asked.append(city)
        return DEGREES[city]

    return agent


async def answered(agent: Agent[None, str], *, is_stream: bool) -> tuple[str, RunUsage]:
    if not is_stream:
        result = await agent.run("How warm is it?")
        return result.output, result.usage
    async with agent.run_stream("How warm is it?") as run:
        return await run.get_output(), run.usage


@pytest.mark.parametrize("api", list(APIS))
@pytest.mark.parametrize(("kind", "is_stream"), list(SCRIPTS))
async def test_an_agent_calls_two_tools_at_once_and_says_what_came_of_it(
    tmp_path: Path, kind: str, is_stream: bool, api: str
) -> None:
    asked: list[str] = []
    with ScriptedServer(*SCRIPTS[kind, is_stream]()) as server:
        providers = {"there": {"kind": kind, "base_url": f"{server.url}/v1", "api_key": "sk-x"}}
        models = {"there": {"targets": [{"provider": "there"}]}}
        settings = (
            f"--set=providers={json.dumps(providers)}",
            f"--set=models={json.dumps(models)}",
        )
        with NodeProcess(tmp_path, settings) as node:
            url = f"{node.ready().api_url}/v1"
            async with openai.AsyncOpenAI(base_url=url, api_key="unused", max_retries=0) as client:
                said, usage = await answered(agent(client, api, asked), is_stream=is_stream)
    assert said == ANSWER
    assert sorted(asked) == sorted(DEGREES)
    assert usage.requests == 2
    # What the provider was told of both tools, in its own form.
    told = server.asked[1].body.decode()
    assert all(f"call_{city}" in told and str(degrees) in told for city, degrees in DEGREES.items())
    if not is_stream or kind == "anthropic":
        assert (usage.input_tokens, usage.output_tokens) == (20, 10)
