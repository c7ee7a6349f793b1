"""A stream that broke off is over: no client is left waiting for more."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from aiex.testing.node_process import NodeProcess

pytestmark = pytest.mark.integration

ENDS_WITHIN_S = 5.0
QUESTION = [{"role": "user", "content": "echo one two three"}]
PROVIDERS = {"mock": {"kind": "mock", "faults": {"cut_ratio": 1.0}, "breaker_failures_max": 0}}
MODELS = {"mock": {"targets": [{"provider": "mock"}]}}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    settings = [f"--set=providers={json.dumps(PROVIDERS)}", f"--set=models={json.dumps(MODELS)}"]
    with NodeProcess(tmp_path_factory.mktemp("node"), settings) as process:
        yield process.ready()


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/chat/completions", {"messages": QUESTION}),
        ("/v1/completions", {"prompt": "echo one two three"}),
        ("/v1/messages", {"messages": QUESTION}),
    ],
)
def test_its_response_ends_and_the_connection_serves_the_next(
    node: NodeProcess, path: str, asked: dict[str, object]
) -> None:
    body = json.dumps({"model": "mock", "max_tokens": 9, "stream": True, **asked})
    port = urlsplit(node.api_url).port or 0
    connection = HTTPConnection("127.0.0.1", port, timeout=ENDS_WITHIN_S)
    try:
        for _ in range(3):
            connection.request("POST", path, body)
            answer = connection.getresponse()
            assert (answer.status, b'"error"' in answer.read()) == (200, True)
    finally:
        connection.close()
