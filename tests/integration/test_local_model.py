"""The real small model, through a real node."""

import asyncio
import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from aiex.testing.node_process import NodeProcess, http_status, is_running, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.local_model]

SERVICE = "assistant.local_model"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("machine")


@pytest.fixture(scope="module")
def node(directory: Path) -> Iterator[NodeProcess]:
    with NodeProcess(directory, []) as process:
        process.ready()
        wait_until_up(process)
        yield process


def wait_until_up(node: NodeProcess) -> None:
    wait_until(lambda: node.check("local_model")["status"] == "ok", 60, "the local model")


def client_of(node: NodeProcess) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{node.api_url}/v1", api_key="-", max_retries=0, timeout=60)


def ask(client: openai.OpenAI, question: str, tokens_max: int = 24) -> str:
    answer = client.chat.completions.create(
        model="smollm2",
        messages=[{"role": "user", "content": question}],
        temperature=0,
        max_tokens=tokens_max,
    )
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize(
    ("question", "right"), [("What is the opposite of hot?", "cold"), ("What is 2+2?", "4")]
)
def test_it_answers_rightly_whole_and_streamed(
    node: NodeProcess, question: str, right: str
) -> None:
    with client_of(node) as client:
        whole = ask(client, question)
        stream = client.chat.completions.create(
            model="smollm2",
            messages=[{"role": "user", "content": question}],
            temperature=0,
            max_tokens=24,
            stream=True,
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert right in whole
    assert "".join(pieces) == whole
    assert len(pieces) > 3


def test_usage_is_the_tokenizers_count(node: NodeProcess, directory: Path) -> None:
    address = json.loads(next((directory / "aiex").glob("local-model-*.json")).read_text())

    def of_model(path: str, content: object) -> dict[str, object]:
        request = urllib.request.Request(
            address["base_url"].removesuffix("/v1") + path,
            data=json.dumps(content).encode(),
            headers={"authorization": f"Bearer {address['api_key']}"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return dict(json.load(answer))

    messages = [{"role": "user", "content": "Count the colours of the rainbow, please."}]
    with client_of(node) as client:
        answer = client.chat.completions.create(
            model="smollm2",
            messages=messages,  # type: ignore[arg-type]
            temperature=0,
            max_tokens=400,
        )
    prompt = of_model("/apply-template", {"messages": messages})["prompt"]
    tokens = of_model("/tokenize", {"content": prompt, "add_special": True, "parse_special": True})
    said = of_model("/tokenize", {"content": answer.choices[0].message.content})
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == len(tokens["tokens"])  # type: ignore[arg-type]
    assert answer.choices[0].finish_reason == "stop"
    # The end mark is a token the model made, though it is no text.
    assert answer.usage.completion_tokens == len(said["tokens"]) + 1  # type: ignore[arg-type]
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_key_of_the_child_is_on_no_command_line(node: NodeProcess, directory: Path) -> None:
    address = json.loads(next((directory / "aiex").glob("local-model-*.json")).read_text())
    command = Path(f"/proc/{address['pid']}/cmdline").read_bytes()
    assert address["api_key"].encode() not in command
    assert http_status(address["base_url"] + "/models/x") == 401


def test_a_client_that_leaves_makes_room_for_the_next(node: NodeProcess) -> None:
    with client_of(node) as client:
        stories = [
            client.chat.completions.create(
                model="smollm2",
                messages=[{"role": "user", "content": "Tell a very long story."}],
                max_tokens=3000,
                stream=True,
            )
            for _ in range(2)  # as many as the child answers at once
        ]
        for story in stories:
            next(iter(story))
        assert node.admin("/admin/v1/status")["api"]["in_flight"] == 2
        for story in stories:
            story.close()
        # Both stories to their end would take minutes.
        assert "cold" in ask(client, "What is the opposite of hot?", tokens_max=8)
    wait_until(lambda: node.admin("/admin/v1/status")["api"]["in_flight"] == 0, 5, "their end")


def test_what_the_model_cannot_take_is_a_bad_request(node: NodeProcess) -> None:
    with client_of(node) as client:
        with pytest.raises(openai.BadRequestError, match="context size"):
            ask(client, "word " * 9000)
        with pytest.raises(openai.BadRequestError, match="temperature"):
            client.chat.completions.create(
                model="smollm2",
                messages=[{"role": "user", "content": "hi"}],
                temperature="hot",  # type: ignore[call-overload]
            )


def test_the_model_knows_no_tools_and_answers_in_words(node: NodeProcess) -> None:
    with client_of(node) as client:
        answer = client.chat.completions.create(
            model="smollm2",
            messages=[{"role": "user", "content": "What is the opposite of hot?"}],
            tools=[{"type": "function", "function": {"name": "opposite", "parameters": {}}}],
            temperature=0,
            max_tokens=8,
        )
    assert answer.choices[0].message.tool_calls is None
    assert "cold" in (answer.choices[0].message.content or "")


async def test_the_async_client_is_answered_whole_and_streamed(node: NodeProcess) -> None:
    question: Any = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "What is the opposite of hot?"}],
        "temperature": 0,
        "max_tokens": 8,
    }
    async with openai.AsyncOpenAI(
        base_url=f"{node.api_url}/v1", api_key="-", max_retries=0, timeout=60
    ) as client:
        whole, stream = await asyncio.gather(
            client.chat.completions.create(**question),
            client.chat.completions.create(**question, stream=True),
        )
        pieces = [one.choices[0].delta.content or "" async for one in stream if one.choices]
    assert "cold" in "".join(pieces)
    assert whole.choices[0].message.content == "".join(pieces)


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_no_request_fails_when_the_child_is_killed_or_frozen_under_load(
    node: NodeProcess, number: signal.Signals
) -> None:
    wait_until_up(node)
    child = node.service_pid(SERVICE)
    assert child is not None
    failures: list[str] = []
    answers: list[str] = []
    is_over = threading.Event()

    def keep_asking() -> None:
        with client_of(node) as client:
            while not is_over.is_set():
                try:
                    answers.append(ask(client, "What is the opposite of hot?", tokens_max=8))
                except openai.OpenAIError as error:
                    failures.append(str(error))

    askers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        wait_until(lambda: len(answers) >= 3, 30, "answers before the fault")
        os.kill(child, number)
        wait_until(lambda: node.service_pid(SERVICE) not in (None, child), 60, "another child")
        wait_until_up(node)
        count = len(answers)
        wait_until(lambda: len(answers) >= count + 3, 30, "answers after the fault")
    finally:
        is_over.set()
        for asker in askers:
            asker.join(60)
    assert failures == []
    assert all("cold" in answer for answer in answers)
    assert not is_running(child)
    assert node.service(SERVICE)["restart_count"] >= 1


@pytest.mark.fault
def test_two_nodes_share_one_child_and_the_second_takes_over(tmp_path: Path) -> None:
    machine = {"XDG_RUNTIME_DIR": str(tmp_path)}
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with NodeProcess(tmp_path / "first", [], machine) as first:
        wait_until_up(first.ready())
        assert first.service_pid(SERVICE) is not None
        with NodeProcess(tmp_path / "second", [], machine) as second:
            wait_until_up(second.ready())
            assert second.service_pid(SERVICE) is None
            with client_of(second) as client:
                assert "cold" in ask(client, "What is the opposite of hot?")
                os.kill(first.pid, signal.SIGKILL)
                first.process.wait(10)
                assert "cold" in ask(client, "What is the opposite of hot?")
                assert second.service_pid(SERVICE) is not None


def test_it_completes_a_prompt_whole_and_streamed(node: NodeProcess) -> None:
    with client_of(node) as client:
        whole = client.completions.create(
            model="smollm2", prompt="One, two, three,", max_tokens=4, temperature=0
        )
        assert "four" in whole.choices[0].text
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 4
        stream = client.completions.create(
            model="smollm2", prompt="One, two, three,", max_tokens=4, temperature=0, stream=True
        )
        texts = [chunk.choices[0].text for chunk in stream if chunk.choices]
        assert "".join(texts) == whole.choices[0].text


def test_it_makes_no_embeddings_and_says_so(node: NodeProcess) -> None:
    with client_of(node) as client, pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model="smollm2", input="a")
    assert refused.value.code == "embeddings_not_supported"


def test_it_counts_the_tokens_of_a_message_by_its_own_tokenizer(node: NodeProcess) -> None:
    question = {"model": "smollm2", "messages": [{"role": "user", "content": "hello there"}]}
    request = urllib.request.Request(
        f"{node.api_url}/v1/messages/count_tokens", data=json.dumps(question).encode()
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["x-aiex-token-count"] == "exact"
        assert 2 <= json.load(answer)["input_tokens"] <= 60
