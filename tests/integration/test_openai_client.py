"""The official `openai` client, sync and async, against a running node with the mock provider."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from aiex.testing.node_process import NodeProcess, wait_until

pytestmark = pytest.mark.integration

QUESTION: Any = [{"role": "user", "content": "echo one two three"}]
PROVIDERS = {
    "mock": {"kind": "mock"},
    "slow": {"kind": "mock", "tokens_per_s": 20, "answer_tokens": 400},
    "failing": {"kind": "mock", "faults": {"error_ratio": 1.0}},
    "limiting": {"kind": "mock", "faults": {"rate_limit_ratio": 1.0}},
    "cutting": {"kind": "mock", "faults": {"cut_ratio": 1.0}},
}
MODELS = {name: {"targets": [{"provider": name}]} for name in PROVIDERS}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    settings = [f"--set=providers={json.dumps(PROVIDERS)}", f"--set=models={json.dumps(MODELS)}"]
    with NodeProcess(tmp_path_factory.mktemp("node"), settings) as process:
        yield process.ready()


@pytest.fixture
def client(node: NodeProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{node.api_url}/v1", api_key="unused", max_retries=0, timeout=20
    ) as one:
        yield one


def test_the_models_are_listed(client: Any) -> None:
    assert [model.id for model in client.models.list()] == list(MODELS)


def test_a_chat_is_answered_with_usage(client: Any) -> None:
    answer = client.chat.completions.create(model="mock", messages=QUESTION)
    assert answer.choices[0].message.content == "one two three"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (4, 3)


def test_a_stream_gives_the_same_words(client: Any) -> None:
    stream = client.chat.completions.create(model="mock", messages=QUESTION, stream=True)
    deltas = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert "".join(deltas) == "one two three"
    assert len(deltas) > 3


def test_a_stream_tells_usage_when_asked_and_only_then(client: Any) -> None:
    def usages(**options: object) -> list[object]:
        stream = client.chat.completions.create(
            model="mock", messages=QUESTION, stream=True, **options
        )
        return [chunk.usage for chunk in stream if chunk.usage is not None]

    assert usages() == []
    assert len(usages(stream_options={"include_usage": True})) == 1


def test_a_required_tool_is_called_whole_and_streamed(client: Any) -> None:
    request = {"model": "mock", "messages": QUESTION, "tools": [TOOL], "tool_choice": "required"}
    answer = client.chat.completions.create(**request)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls[0].function.name == "weather"
    with client.chat.completions.stream(**request) as stream:
        whole = stream.get_final_completion()
    calls = whole.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "weather"


def test_an_unknown_model_is_not_found_and_a_near_one_is_named(client: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="mock") as caught:
        client.chat.completions.create(model="mok", messages=QUESTION)
    assert caught.value.code == "model_not_found"


def test_a_request_without_messages_is_refused_with_the_field(client: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="mock", messages="hello")
    assert caught.value.param == "messages"


def test_a_providers_errors_arrive_as_the_clients_own(client: Any) -> None:
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="failing", messages=QUESTION)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="limiting", messages=QUESTION)


def test_a_stream_that_breaks_half_way_is_an_error_and_no_short_answer(
    client: Any,
) -> None:
    with pytest.raises(openai.APIError, match="cut the stream"):
        for _ in client.chat.completions.create(model="cutting", messages=QUESTION, stream=True):
            pass


def test_every_answer_has_a_request_id_and_its_timing(client: Any) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="mock",
        messages=QUESTION,
        extra_headers={"x-request-id": "mine-1"},
    )
    assert raw.headers["x-request-id"] == "mine-1"
    assert raw.headers["x-aiex-target"] == "mock/mock"
    assert "provider;dur=" in raw.headers["server-timing"]


def test_a_client_that_leaves_ends_the_providers_work(client: Any, node: NodeProcess) -> None:
    stream = client.chat.completions.create(model="slow", messages=QUESTION[:0], stream=True)
    next(iter(stream))
    assert node.admin("/admin/v1/status")["api"]["in_flight"] == 1
    stream.close()
    # The whole answer would take twenty seconds.
    wait_until(
        lambda: node.admin("/admin/v1/status")["api"]["in_flight"] == 0, 5, "the work to end"
    )
    wait_until(
        lambda: any(line.get("outcome") == "client_gone" for line in node.log()), 5, "its log line"
    )


async def test_the_async_client_chats_streams_and_cancels(node: NodeProcess) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{node.api_url}/v1", api_key="unused", max_retries=0, timeout=20
    ) as client:
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(
                    model="mock", messages=[{"role": "user", "content": f"echo {number}"}]
                )
                for number in range(50)
            )
        )
        assert [one.choices[0].message.content for one in answers] == [str(n) for n in range(50)]
        stream = await client.chat.completions.create(
            model="mock", messages=[{"role": "user", "content": "echo a b"}], stream=True
        )
        texts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(texts) == "a b"
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="slow", messages=[{"role": "user", "content": "hi"}], stream=True
            )
        )
        async with await asking as slow:
            await anext(aiter(slow))
        async with asyncio.timeout(5):
            while await _in_flight(node):
                await asyncio.sleep(0.02)
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(
                model="none", messages=[{"role": "user", "content": "hi"}]
            )


async def _in_flight(node: NodeProcess) -> int:
    status = await asyncio.to_thread(node.admin, "/admin/v1/status")
    return int(status["api"]["in_flight"])
