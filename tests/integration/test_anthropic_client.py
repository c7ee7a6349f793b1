"""The official `anthropic` client, sync and async, against a running node.

Behind the node: the mock, which speaks OpenAI's form, and a small server in place of Anthropic's.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import anthropic
import openai
import pytest

from aiex.testing.http_server import ScriptedServer, http_answer, http_stream
from aiex.testing.node_process import NodeProcess, wait_until

pytestmark = pytest.mark.integration

FIXTURES = Path(__file__).parent.parent / "assistant" / "anthropic" / "fixtures"
QUESTION: Any = [{"role": "user", "content": "echo one two three"}]
REQUEST: Any = {"model": "mock", "max_tokens": 100, "messages": QUESTION}
TOOL: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
MOCKS = {
    "mock": {"kind": "mock"},
    "slow": {"kind": "mock", "tokens_per_s": 20, "answer_tokens": 400},
    "failing": {"kind": "mock", "faults": {"error_ratio": 1.0}},
    "limiting": {"kind": "mock", "faults": {"rate_limit_ratio": 1.0}},
    "cutting": {"kind": "mock", "faults": {"cut_ratio": 1.0}},
}
KEY = "sk-a-key-of-the-settings"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def node_settings(providers: dict[str, Any]) -> list[str]:
    models = {name: {"targets": [{"provider": name}]} for name in providers}
    return [
        f"--set=providers={json.dumps(providers)}",
        f"--set=models={json.dumps(models)}",
        "--set=api.auth=required",
        f"--set=api.key={KEY}",
    ]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with NodeProcess(tmp_path_factory.mktemp("node"), node_settings(MOCKS)) as process:
        yield process.ready()


@pytest.fixture
def client(node: NodeProcess) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=node.api_url, api_key=KEY, max_retries=0, timeout=20) as one:
        yield one


class Anthropics:
    """A node in front of a server that answers as Anthropic's would."""

    def __init__(self, directory: Path, *script: bytes | list[bytes] | None) -> None:
        self.server = ScriptedServer(*script)
        provider = {"kind": "anthropic", "base_url": self.server.url, "api_key": "sk-ant-there"}
        self.node = NodeProcess(directory, node_settings({"claude": provider}))

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.node.ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.node.__exit__()
        self.server.__exit__()

    def client(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(
            base_url=self.node.api_url, auth_token=KEY, max_retries=0, timeout=20
        )

    def openai_client(self) -> openai.OpenAI:
        url = f"{self.node.api_url}/v1"
        return openai.OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=20)

    def asked(self) -> dict[str, Any]:
        sent: dict[str, Any] = json.loads(self.server.asked[-1].body)
        return sent


def test_the_models_are_listed(client: Any) -> None:
    page = client.models.list()
    assert [model.id for model in page] == list(MOCKS)
    one = client.models.retrieve("mock")
    assert (one.id, one.display_name, one.type) == ("mock", "mock", "model")
    assert one.created_at.year >= 2026


def test_a_message_is_answered_with_its_usage(client: Any) -> None:
    message = client.messages.create(**REQUEST)
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert [block.text for block in message.content] == ["one two three"]
    assert (message.usage.input_tokens, message.usage.output_tokens) == (4, 3)
    assert message.usage.cache_read_input_tokens == 0


def test_a_stream_gives_the_same_message(client: Any) -> None:
    with client.messages.stream(**REQUEST) as stream:
        texts = list(stream.text_stream)
        message = stream.get_final_message()
    assert "".join(texts) == "one two three"
    assert len(texts) == 3
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (4, 3)


def test_raw_events_come_in_their_order(client: Any) -> None:
    kinds = [event.type for event in client.messages.create(**REQUEST, stream=True)]
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_tool_is_called_whole_and_streamed(client: Any) -> None:
    request = {**REQUEST, "tools": [TOOL], "tool_choice": {"type": "any"}}
    whole = client.messages.create(**request)
    with client.messages.stream(**request) as stream:
        streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert message.stop_reason == "tool_use"
        (call,) = message.content
        assert (call.type, call.name, call.input) == ("tool_use", "weather", {})


def test_a_conversation_with_a_tools_result_goes_on(client: Any) -> None:
    turns = [
        {"role": "user", "content": "what is the weather?"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
                {"type": "text", "text": "echo rain then"},
            ],
        },
    ]
    message = client.messages.create(**{**REQUEST, "messages": turns}, system="Be short.")
    assert message.content[0].text == "rain then"


@pytest.mark.parametrize(
    ("model", "error", "kind"),
    [
        ("failing", anthropic.InternalServerError, "api_error"),
        ("limiting", anthropic.RateLimitError, "rate_limit_error"),
        ("none", anthropic.NotFoundError, "not_found_error"),
    ],
)
def test_errors_are_the_clients_own(
    client: Any, model: str, error: type[anthropic.APIStatusError], kind: str
) -> None:
    for is_stream in (False, True):
        with pytest.raises(error) as caught:
            client.messages.create(**{**REQUEST, "model": model}, stream=is_stream)
        assert caught.value.type == kind
        assert caught.value.request_id
        body: Any = caught.value.body
        assert body["request_id"] == caught.value.request_id


def test_what_cannot_be_carried_is_refused_by_name(client: Any) -> None:
    tool = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(anthropic.BadRequestError, match=r"tools\[0\].type") as caught:
        client.messages.create(**REQUEST, tools=[tool])
    assert caught.value.type == "invalid_request_error"


def test_a_wrong_key_is_told_in_the_apis_form(node: NodeProcess) -> None:
    with (
        anthropic.Anthropic(base_url=node.api_url, api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        client.messages.create(**REQUEST)
    assert caught.value.type == "authentication_error"


def test_a_stream_that_breaks_half_way_is_an_error_and_no_short_answer(client: Any) -> None:
    with (
        pytest.raises(anthropic.APIStatusError, match="cut the stream") as caught,
        client.messages.stream(**{**REQUEST, "model": "cutting"}) as stream,
    ):
        stream.until_done()
    assert caught.value.type == "api_error"


def test_tokens_are_estimated_where_nobody_counts_them(client: Any) -> None:
    raw = client.messages.with_raw_response.count_tokens(model="mock", messages=QUESTION)
    assert raw.headers["x-aiex-token-count"] == "estimate"
    assert 5 <= raw.parse().input_tokens <= 15


def test_a_client_that_leaves_ends_the_providers_work(client: Any, node: NodeProcess) -> None:
    with client.messages.stream(**{**REQUEST, "model": "slow", "max_tokens": 400}) as stream:
        next(iter(stream.text_stream))
        assert node.admin("/admin/v1/status")["api"]["in_flight"] == 1
    # The whole answer would take twenty seconds.
    wait_until(
        lambda: node.admin("/admin/v1/status")["api"]["in_flight"] == 0, 5, "the work to end"
    )


async def test_the_async_client_asks_streams_and_cancels(node: NodeProcess) -> None:
    async with anthropic.AsyncAnthropic(
        base_url=node.api_url, api_key=KEY, max_retries=0, timeout=20
    ) as client:

        async def echoed(number: int) -> Any:
            turns: Any = [{"role": "user", "content": f"echo {number}"}]
            message: Any = await client.messages.create(model="mock", max_tokens=9, messages=turns)
            return message.content[0].text

        answers = await asyncio.gather(*(echoed(number) for number in range(50)))
        assert answers == [str(number) for number in range(50)]
        async with client.messages.stream(**REQUEST) as stream:
            assert [text async for text in stream.text_stream] == ["one", " two", " three"]
        asking: Any = {**REQUEST, "model": "slow", "max_tokens": 400}
        async with client.messages.stream(**asking) as stream:
            await anext(aiter(stream.text_stream))
        async with asyncio.timeout(5):
            while await _in_flight(node):
                await asyncio.sleep(0.02)


async def _in_flight(node: NodeProcess) -> int:
    status = await asyncio.to_thread(node.admin, "/admin/v1/status")
    return int(status["api"]["in_flight"])


def test_bodies_and_answers_of_anthropic_pass_through_as_they_are(tmp_path: Path) -> None:
    message = fixture("message_everything.json")
    with Anthropics(tmp_path, http_answer(message)) as there, there.client() as client:
        raw = client.messages.with_raw_response.create(
            model="claude/claude-opus-5",
            max_tokens=10,
            messages=QUESTION,
            thinking={"type": "adaptive"},
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
            extra_headers={"anthropic-beta": "one-2026,two-2026"},
            extra_body={"tomorrow": {"x": 1}},
        )
        assert raw.http_response.content == message
        asked = there.asked()
        assert asked["model"] == "claude-opus-5"
        assert (asked["tomorrow"], asked["thinking"]) == ({"x": 1}, {"type": "adaptive"})
        headers = there.server.asked[-1].headers
        assert there.server.asked[-1].path == "/v1/messages"
        assert headers["x-api-key"] == "sk-ant-there"
        assert headers["anthropic-beta"] == "one-2026,two-2026"
        assert headers["anthropic-version"] == client.default_headers["anthropic-version"]
        assert KEY not in str(headers)


def test_streams_of_anthropic_pass_through_as_they_are(tmp_path: Path) -> None:
    events = fixture("stream_everything.sse")
    with Anthropics(tmp_path, http_stream(events)) as there, there.client() as client:
        with client.messages.with_streaming_response.create(
            model="claude", max_tokens=10, messages=QUESTION, stream=True
        ) as response:
            assert response.read() == events
        line = wait_for_line(there.node)
        assert (line["prompt_tokens"], line["cached_tokens"]) == (2095 + 100 + 50, 100)


def test_an_error_in_the_middle_of_anthropics_stream_arrives_as_it_is(tmp_path: Path) -> None:
    events = fixture("stream_overloaded.sse")
    with (
        Anthropics(tmp_path, http_stream(events)) as there,
        there.client() as client,
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(model="claude", max_tokens=10, messages=QUESTION) as stream,
    ):
        stream.until_done()
    assert caught.value.type == "overloaded_error"


def test_an_error_of_anthropics_keeps_its_type(tmp_path: Path) -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with Anthropics(tmp_path, http_answer(body, status=529)) as there:
        with there.client() as client, pytest.raises(anthropic.OverloadedError) as caught:
            client.messages.create(model="claude", max_tokens=10, messages=QUESTION)
        assert caught.value.type == "overloaded_error"
        with there.openai_client() as chat, pytest.raises(openai.InternalServerError) as seen:
            chat.chat.completions.create(model="claude", messages=QUESTION)
        assert (seen.value.status_code, seen.value.code) == (529, "overloaded_error")


def test_tokens_are_counted_by_anthropic(tmp_path: Path) -> None:
    with Anthropics(tmp_path, http_answer(b'{"input_tokens":2095}')) as there:
        with there.client() as client:
            raw = client.messages.with_raw_response.count_tokens(model="claude", messages=QUESTION)
        assert raw.headers["x-aiex-token-count"] == "exact"
        assert raw.parse().input_tokens == 2095
        assert there.server.asked[-1].path == "/v1/messages/count_tokens"


def test_an_openai_client_asks_anthropics_model(tmp_path: Path) -> None:
    script = [http_answer(fixture("message_everything.json"))]
    with Anthropics(tmp_path, *script) as there, there.openai_client() as client:
        answer: Any = client.chat.completions.create(
            model="claude",
            messages=[{"role": "system", "content": "Be short."}, *QUESTION],
            tools=[{"type": "function", "function": {"name": "weather"}}],
            tool_choice="required",
        )
        asked = there.asked()
        assert asked["system"] == [{"type": "text", "text": "Be short."}]
        assert (asked["max_tokens"], asked["tool_choice"]) == (8192, {"type": "any"})
        (choice,) = answer.choices
        assert choice.finish_reason == "tool_calls"
        assert json.loads(choice.message.tool_calls[0].function.arguments)
        assert choice.message.reasoning_content
        assert answer.usage.prompt_tokens == 2095 + 100 + 50
        assert answer.usage.prompt_tokens_details.cached_tokens == 100


def test_an_openai_client_streams_anthropics_model(tmp_path: Path) -> None:
    with (
        Anthropics(tmp_path, http_stream(fixture("stream_everything.sse"))) as there,
        there.openai_client() as client,
        client.chat.completions.stream(
            model="claude", messages=QUESTION, stream_options={"include_usage": True}
        ) as stream,
    ):
        completion: Any = stream.get_final_completion()
    (choice,) = completion.choices
    assert choice.finish_reason == "tool_calls"
    names = [call.function.name for call in choice.message.tool_calls]
    assert names == ["weather", "clock"]
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"city": "Paris"}
    assert json.loads(choice.message.tool_calls[1].function.arguments) == {}
    assert completion.usage.prompt_tokens == 2095 + 100 + 50


def test_a_stream_of_anthropics_that_ends_half_way_is_an_error_for_openais_client(
    tmp_path: Path,
) -> None:
    half = fixture("stream_everything.sse")[:2000]
    with (
        Anthropics(tmp_path, http_stream(half)) as there,
        there.openai_client() as client,
        pytest.raises(openai.APIError, match="half way"),
    ):
        for _ in client.chat.completions.create(model="claude", messages=QUESTION, stream=True):
            pass


def wait_for_line(node: NodeProcess) -> dict[str, Any]:
    def lines() -> list[dict[str, Any]]:
        return [line for line in node.log() if line.get("event") == "request"]

    wait_until(lines, 5, "a line of the access log")
    return lines()[-1]
