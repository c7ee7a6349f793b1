"""Whether a child answers is asked over its own socket."""

import socket

import pytest

from aiex.assistant.local_model_claim import LocalAddress
from aiex.assistant.local_model_probe import answers
from aiex.testing.http_server import ScriptedServer, http_answer

pytestmark = pytest.mark.integration


def at(url: str) -> LocalAddress:
    return LocalAddress(f"{url}/v1", "secret", 7)


async def test_a_child_that_says_it_is_well_answers_and_is_told_no_key() -> None:
    with ScriptedServer(http_answer(b'{"status":"ok"}')) as server:
        assert await answers(at(server.url))
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/health")
    assert "secret" not in repr(asked)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(http_answer(b"{}", 503), id="still loading"),
        pytest.param(b"", id="it hangs up"),
        pytest.param(b"SSH-2.0-OpenSSH_9.9 and more\r\n", id="another program"),
        pytest.param(b"x" * 200_000, id="no line at all"),
    ],
)
async def test_anything_else_is_no_answer(said: bytes) -> None:
    with ScriptedServer(said) as server:
        assert not await answers(at(server.url))


async def test_nobody_there_is_no_answer() -> None:
    with socket.socket() as bound:  # and not listening
        bound.bind(("127.0.0.1", 0))
        assert not await answers(at(f"http://127.0.0.1:{bound.getsockname()[1]}"))
