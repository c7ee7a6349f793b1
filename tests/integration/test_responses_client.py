"""The official `openai` client's responses and conversations, against a running node."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from aiex.testing.node_process import NodeProcess, wait_until

pytestmark = pytest.mark.integration

PROVIDERS = {
    "mock": {"kind": "mock"},
    "slow": {"kind": "mock", "tokens_per_s": 20, "answer_tokens": 400},
    "failing": {"kind": "mock", "faults": {"error_ratio": 1.0}},
    "cutting": {"kind": "mock", "faults": {"cut_ratio": 1.0}},
}
MODELS = {name: {"targets": [{"provider": name}]} for name in PROVIDERS}
TOOL: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    settings = [f"--set=providers={json.dumps(PROVIDERS)}", f"--set=models={json.dumps(MODELS)}"]
    with NodeProcess(tmp_path_factory.mktemp("node"), settings) as process:
        yield process.until_ready()


@pytest.fixture
def client(node: NodeProcess) -> Iterator[Any]:
    with client_of(node) as one:
        yield one


def client_of(node: NodeProcess, **options: Any) -> openai.OpenAI:
    settings = {"api_key": "unused", "max_retries": 0, "timeout": 20, **options}
    return openai.OpenAI(base_url=f"{node.api_url}/v1", **settings)


def texts(client: Any, conversation: str) -> list[str]:
    items = client.conversations.items.list(conversation, order="asc", limit=2)
    return [item.content[0].text for item in items]  # all pages


def test_a_response_has_its_text_and_usage(client: Any) -> None:
    response = client.responses.create(model="mock", input="echo one two")
    assert (response.output_text, response.status) == ("one two", "completed")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (3, 2)
    assert client.responses.retrieve(response.id) == response


def test_a_stream_has_the_events_that_the_client_knows(client: Any) -> None:
    with client.responses.stream(model="mock", input="echo one two") as stream:
        words = [event.delta for event in stream if event.type == "response.output_text.delta"]
        response = stream.get_final_response()
    assert words == ["one", " two"]
    assert response.output_text == "one two"
    assert client.responses.retrieve(response.id).output_text == "one two"


def test_a_tool_is_called_and_answered(client: Any) -> None:
    asked = {"model": "mock", "tools": [TOOL], "tool_choice": "required"}
    response = client.responses.create(input="weather?", **asked)
    [call] = response.output
    assert (call.type, call.name, call.arguments) == ("function_call", "weather", "{}")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "echo sunny"}
    answer = client.responses.create(
        model="mock", tools=[TOOL], previous_response_id=response.id, input=[result]
    )
    assert answer.output_text == "sunny"
    with client.responses.stream(input="weather?", **asked) as stream:
        kinds = [event.type for event in stream]
        [streamed] = stream.get_final_response().output
    assert streamed.name == "weather"
    assert "response.function_call_arguments.done" in kinds


def test_an_answer_is_parsed_by_its_schema(client: Any) -> None:
    class Word(BaseModel):
        word: str

    response = client.responses.parse(model="mock", input='echo {"word":"x"}', text_format=Word)
    assert response.output_parsed == Word(word="x")


def test_a_conversation_goes_on(client: Any) -> None:
    conversation = client.conversations.create(
        items=[{"type": "message", "role": "user", "content": "hello"}], metadata={"a": "b"}
    )
    for text in ("one", "two"):
        client.responses.create(
            model="mock", conversation=conversation.id, input=f"echo {text}", instructions="x"
        )
    assert texts(client, conversation.id) == ["hello", "echo one", "one", "echo two", "two"]
    assert client.conversations.retrieve(conversation.id).metadata == {"a": "b"}
    changed = client.conversations.update(conversation.id, metadata={"c": "d"})
    assert changed.metadata == {"c": "d"}


def test_items_are_added_shown_and_deleted(client: Any) -> None:
    conversation = client.conversations.create()
    added = client.conversations.items.create(
        conversation.id,
        items=[
            {"role": "user", "content": [{"type": "input_text", "text": "see"}]},
            {"role": "assistant", "content": "seen"},
        ],
    )
    [first, second] = added.data
    shown = client.conversations.items.retrieve(first.id, conversation_id=conversation.id)
    assert shown == first
    client.conversations.items.delete(first.id, conversation_id=conversation.id)
    assert texts(client, conversation.id) == ["seen"]
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.retrieve(first.id, conversation_id=conversation.id)
    assert second.content[0].type == "output_text"


def test_a_chain_goes_on_and_tells_what_it_was_given(client: Any) -> None:
    first = client.responses.create(model="mock", input="echo one")
    second = client.responses.create(
        model="mock", input="how are you", previous_response_id=first.id, store=False
    )
    assert second.usage.input_tokens == 2 + 1 + 3
    [given] = client.responses.input_items.list(first.id).data
    assert given.content[0].text == "echo one"
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)


def test_what_is_deleted_is_gone(client: Any) -> None:
    response = client.responses.create(model="mock", input="echo one")
    client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)
    conversation = client.conversations.create()
    kept = client.responses.create(model="mock", input="echo x", conversation=conversation.id)
    assert client.conversations.delete(conversation.id).deleted is True
    for look, gone in (
        (client.conversations.retrieve, conversation.id),
        (client.conversations.items.list, conversation.id),
        (client.responses.retrieve, kept.id),
    ):
        with pytest.raises(openai.NotFoundError):
            look(gone)


def test_errors_are_the_clients_own(client: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="mock", input="x", tools=[{"type": "web_search"}])
    assert (caught.value.code, caught.value.param) == ("not_carried", "tools[0]")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="mok", input="x")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="mock", input="x", conversation="conv_" + "0" * 32)
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="failing", input="x")
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="mock", input="x", background=True)


def test_a_stream_that_breaks_is_a_failed_response(client: Any) -> None:
    events = list(client.responses.create(model="cutting", input="echo a b c d", stream=True))
    assert events[-1].type == "response.failed"
    assert events[-1].response.status == "failed"
    # What was kept of it is taken back once its client knows.
    wait_until(lambda: not _is_there(client, events[-1].response.id), 10, "it is taken back")


def _is_there(client: Any, response_id: str) -> bool:
    try:
        client.responses.retrieve(response_id)
    except openai.NotFoundError:
        return False
    return True


def test_a_response_in_progress_can_be_looked_at_and_cancelled(client: Any) -> None:
    conversation = client.conversations.create()
    stream = client.responses.create(
        model="slow", input="much", conversation=conversation.id, stream=True
    )
    response = next(iter(stream)).response
    assert client.responses.retrieve(response.id).status == "in_progress"
    with pytest.raises(openai.ConflictError):
        client.responses.create(model="mock", input="x", conversation=conversation.id)
    assert client.responses.cancel(response.id).status == "cancelled"
    assert list(stream)[-1].response.status == "cancelled"
    assert client.responses.retrieve(response.id).status == "cancelled"
    client.responses.create(model="mock", input="echo y", conversation=conversation.id)
    assert texts(client, conversation.id) == ["echo y", "y"]


def test_a_client_that_leaves_frees_its_conversation(node: NodeProcess, client: Any) -> None:
    conversation = client.conversations.create()
    stream = client.responses.create(
        model="slow", input="much", conversation=conversation.id, stream=True
    )
    next(iter(stream))
    stream.close()

    def is_free() -> bool:
        try:
            client.responses.create(model="mock", input="echo y", conversation=conversation.id)
        except openai.ConflictError:
            return False
        return True

    wait_until(is_free, 10, "the conversation is free again")


def test_many_turns_at_once_all_get_in_with_the_clients_retries(node: NodeProcess) -> None:
    with client_of(node, max_retries=30) as client:
        conversation = client.conversations.create()

        def ask(number: int) -> None:
            client.responses.create(
                model="mock", input=f"echo {number}", conversation=conversation.id
            )

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        found = texts(client, conversation.id)
    questions, answers = found[::2], found[1::2]
    assert sorted(questions) == [f"echo {number}" for number in range(4)]
    assert [f"echo {answer}" for answer in answers] == questions


def test_turns_are_counted_and_not_told(node: NodeProcess, client: Any) -> None:
    client.responses.create(model="mock", input="echo somethingsecret")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="mock", input="somethingsecret", conversation="conv_x")
    assert "somethingsecret" not in node.output
    assert any(line.get("route") == "/v1/responses" for line in node.log())


def test_without_the_engine_only_what_is_kept_is_refused(tmp_path: Path) -> None:
    settings = [
        f"--set=providers={json.dumps(PROVIDERS)}",
        f"--set=models={json.dumps(MODELS)}",
        "--set=engine.frozen_after_s=60",  # a restart would come in time to answer
    ]
    with NodeProcess(tmp_path, settings) as node:
        with client_of(node.until_ready()) as client:
            conversation = client.conversations.create().id
            pid = node.service_pid("engine.server")
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            answer = client.responses.create(model="mock", input="echo one", store=False)
            assert answer.output_text == "one"
            with pytest.raises(openai.InternalServerError) as caught:
                client.responses.create(model="mock", input="x", conversation=conversation)
            assert caught.value.status_code == 503
            assert caught.value.response.headers["retry-after"]
            os.kill(pid, signal.SIGCONT)
        with client_of(node, max_retries=10) as client:
            client.responses.create(model="mock", input="echo two", conversation=conversation)
            assert texts(client, conversation) == ["echo two", "two"]
