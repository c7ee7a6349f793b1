"""A conversation in a cluster of real nodes, one of which dies in the middle of a turn."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from aiex.testing.node_process import NodeProcess, wait_until
from aiex.testing.static_nodes import StaticNodes

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROVIDERS = {
    "mock": {"kind": "mock"},
    "slow": {"kind": "mock", "tokens_per_s": 10, "answer_tokens": 3000},
}
MODELS = {name: {"targets": [{"provider": name}]} for name in PROVIDERS}
# A leader that died with its node is replaced within 4 to 8 seconds.
FREE_WITHIN_S = 30.0


def client_of(node: NodeProcess) -> Any:
    return openai.OpenAI(base_url=f"{node.api_url}/v1", api_key="unused", max_retries=0, timeout=30)


def texts(client: Any, conversation: str) -> list[str]:
    items = client.conversations.items.list(conversation, order="asc", limit=100)
    return [item.content[0].text for item in items]


def test_a_conversation_outlives_the_node_that_made_a_turn_of_it(tmp_path: Path) -> None:
    settings = {"providers": json.dumps(PROVIDERS), "models": json.dumps(MODELS)}
    with StaticNodes(tmp_path) as lab:
        first, second, third = lab.formed(1, 2, 3, **settings)
        with client_of(first) as one, client_of(second) as two, client_of(third) as three:
            conversation = one.conversations.create(metadata={"a": "b"}).id
            one.responses.create(model="mock", input="echo one", conversation=conversation)
            two.responses.create(model="mock", input="echo two", conversation=conversation)
            kept = ["echo one", "one", "echo two", "two"]
            assert texts(three, conversation) == kept

            stream = one.responses.create(
                model="slow", input="much", conversation=conversation, stream=True
            )
            response = next(iter(stream)).response.id
            with pytest.raises(openai.ConflictError):
                two.responses.create(model="mock", input="echo x", conversation=conversation)
            assert three.responses.retrieve(response).status == "in_progress"
            first.process.kill()

            def goes_on() -> bool:
                try:
                    two.responses.create(model="mock", input="echo x", conversation=conversation)
                except (openai.ConflictError, openai.InternalServerError):
                    return False
                return True

            wait_until(goes_on, FREE_WITHIN_S, "the dead node's turn blocks nobody")
            assert texts(three, conversation) == [*kept, "echo x", "x"]
            wait_until(
                lambda: three.responses.retrieve(response).status == "failed",
                FREE_WITHIN_S,
                "the third node knows that the first is gone, too",
            )
            assert three.conversations.retrieve(conversation).metadata == {"a": "b"}

            two.conversations.delete(conversation)
            with pytest.raises(openai.NotFoundError):
                three.conversations.retrieve(conversation)


def test_a_response_is_cancelled_from_another_node(tmp_path: Path) -> None:
    settings = {"providers": json.dumps(PROVIDERS), "models": json.dumps(MODELS)}
    with StaticNodes(tmp_path) as lab:
        first, second, _ = lab.formed(1, 2, 3, **settings)
        with client_of(first) as one, client_of(second) as two:
            conversation = one.conversations.create().id
            stream = one.responses.create(
                model="slow",
                input="much",  # five minutes of it
                conversation=conversation,
                stream=True,
            )
            response = next(iter(stream)).response.id
            assert two.responses.cancel(response).status == "cancelled"
            two.responses.create(model="mock", input="echo x", conversation=conversation)
            assert list(stream)[-1].response.status == "cancelled"
            assert texts(two, conversation) == ["echo x", "x"]
