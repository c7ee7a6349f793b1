"""The official `openai` client and what is not a chat: embeddings, completions, single models."""

import json
from collections.abc import Iterator
from math import hypot
from typing import Any

import openai
import pytest

from aiex.testing.node_process import NodeProcess, wait_until

pytestmark = pytest.mark.integration

PROVIDERS = {
    "mock": {"kind": "mock"},
    "failing": {"kind": "mock", "faults": {"error_ratio": 1.0}},
    "limiting": {"kind": "mock", "faults": {"rate_limit_ratio": 1.0}},
    "cutting": {"kind": "mock", "faults": {"cut_ratio": 1.0}},
}
MODELS: dict[str, Any] = {
    **{name: {"targets": [{"provider": name}]} for name in PROVIDERS},
    "org/named": {"targets": [{"provider": "mock", "model": "there"}]},
    "patient": {"targets": [{"provider": "failing"}], "fallbacks": ["mock"]},
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    settings = [f"--set=providers={json.dumps(PROVIDERS)}", f"--set=models={json.dumps(MODELS)}"]
    with NodeProcess(tmp_path_factory.mktemp("node"), settings) as process:
        yield process.ready()


@pytest.fixture
def client(node: NodeProcess) -> Iterator[Any]:
    with openai.OpenAI(
        base_url=f"{node.api_url}/v1", api_key="unused", max_retries=0, timeout=20
    ) as one:
        yield one


def test_one_model_is_retrieved_also_with_a_slash_in_its_name(client: Any) -> None:
    assert client.models.retrieve("mock").id == "mock"
    assert client.models.retrieve("org/named").owned_by == "mock"
    with pytest.raises(openai.NotFoundError, match="mock"):
        client.models.retrieve("mok")


def test_a_text_becomes_a_unit_vector_with_its_usage(client: Any) -> None:
    # The client asks for base64 by itself and decodes it.
    answer = client.embeddings.create(model="mock", input="one two three", dimensions=64)
    (one,) = answer.data
    assert len(one.embedding) == 64
    assert hypot(*one.embedding) == pytest.approx(1, abs=1e-5)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (3, 3)


def test_floats_and_base64_are_the_same_vectors(client: Any) -> None:
    coded = client.embeddings.create(model="mock", input=["a", "b"], dimensions=8)
    plain = client.embeddings.create(
        model="mock", input=["a", "b"], dimensions=8, encoding_format="float"
    )
    assert [one.index for one in coded.data] == [0, 1]
    for one, other in zip(coded.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding)


def test_an_input_that_no_provider_takes_is_a_bad_request(client: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="mock", input="a", dimensions=0)


def test_a_completion_is_answered_for_each_prompt(client: Any) -> None:
    answer = client.completions.create(model="mock", prompt=["echo a b", "echo c"])
    assert [choice.text for choice in answer.choices] == ["a b", "c"]
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 3)


def test_a_streamed_completion_says_the_same_and_tells_usage_when_asked(client: Any) -> None:
    def streamed(**options: object) -> tuple[str, list[Any]]:
        chunks = list(
            client.completions.create(model="mock", prompt="echo a b c", stream=True, **options)
        )
        text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
        return text, [chunk.usage for chunk in chunks if chunk.usage]

    assert streamed() == ("a b c", [])
    text, (usage,) = streamed(stream_options={"include_usage": True})
    assert (text, usage.completion_tokens) == ("a b c", 3)


@pytest.mark.parametrize("route", ["embeddings", "completions"])
def test_errors_arrive_as_the_clients_own_and_fallbacks_answer(client: Any, route: str) -> None:
    def ask(model: str) -> Any:
        if route == "embeddings":
            return client.embeddings.with_raw_response.create(model=model, input="a")
        return client.completions.with_raw_response.create(model=model, prompt="a")

    with pytest.raises(openai.NotFoundError, match="mock"):
        ask("mok")
    with pytest.raises(openai.InternalServerError):
        ask("failing")
    with pytest.raises(openai.RateLimitError) as limited:
        ask("limiting")
    assert limited.value.response.headers["retry-after"] == "1"
    answer = ask("patient")
    assert answer.headers["x-aiex-target"] == "mock/mock"
    assert "provider;dur=" in answer.headers["server-timing"]
    assert ask("org/named").headers["x-aiex-target"] == "mock/there"


def test_a_streamed_completion_that_breaks_is_an_error(client: Any) -> None:
    with pytest.raises(openai.APIError, match="cut the stream"):
        list(client.completions.create(model="cutting", prompt="a", stream=True))


def test_log_and_metrics_count_their_tokens(client: Any, node: NodeProcess) -> None:
    client.embeddings.create(
        model="mock", input="five words in this text", extra_headers={"x-request-id": "embed-1"}
    )

    def line() -> dict[str, Any]:
        lines = (one for one in node.log() if one.get("request_id") == "embed-1")
        return next(lines, {})

    wait_until(line, 5, "its log line")
    assert line()["route"] == "/v1/embeddings"
    assert (line()["prompt_tokens"], line()["completion_tokens"]) == (5, 0)
    assert line()["target"] == "mock/mock"


async def test_the_async_client_embeds_and_completes(node: NodeProcess) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{node.api_url}/v1", api_key="unused", max_retries=0, timeout=20
    ) as client:
        embedded = await client.embeddings.create(model="mock", input="a", dimensions=4)
        assert len(embedded.data[0].embedding) == 4
        stream = await client.completions.create(model="mock", prompt="echo a b", stream=True)
        texts = [chunk.choices[0].text async for chunk in stream if chunk.choices]
        assert "".join(texts) == "a b"
