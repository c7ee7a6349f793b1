"""The question that `aiex up` asks: its answer is shown, and while there is none, that it waits."""

import pytest

from aiex.cli.up_progress import ask
from aiex.testing.http_server import ScriptedServer, http_answer, http_stream

PIECE = b'data: {"choices": [{"delta": {"content": "Cold. And more."}}]}\n\ndata: [DONE]\n\n'
WAITING = "still thinking"


async def test_the_first_sentence_of_the_answer_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(http_stream(PIECE)) as server:
        await ask(server.url, "", "small")
    said = capsys.readouterr().out
    assert "\n  small   Cold.  (" in said
    assert WAITING not in said


async def test_while_there_is_no_answer_it_is_said_that_it_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ScriptedServer(http_stream(PIECE)) as server:
        await ask(server.url, "", "small", told_after_s=0.0)
    said = capsys.readouterr().out
    assert said.index(WAITING) < said.index("\n  small   Cold.  (")


async def test_no_answer_is_no_end(capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer(http_answer(b"{}", 500)) as server:
        await ask(server.url, "", "small")
    assert "(no answer: " in capsys.readouterr().out
