"""An answer put together from its pieces, whole or as far as it came."""

import asyncio

import pytest

from aiex.cli.chat_answer import Answer, receive
from aiex.cli.chat_session import Usage
from aiex.cli.chat_stream import ChatFailed, Piece
from aiex.testing.chat_api import MemoryChatApi, Scripted

PIECES = [Piece("one ", "m-2026"), Piece(), Piece("two"), Piece(usage=Usage(3, 4))]


async def received(script: Scripted) -> tuple[Answer, list[str]]:
    answer, shown = Answer("m"), list[str]()
    await receive(MemoryChatApi(script), {}, answer, shown.append)
    return answer, shown


async def test_pieces_are_shown_as_they_come_and_kept_as_one_text() -> None:
    answer, shown = await received(PIECES)
    assert shown == ["one ", "two"]
    assert answer.text == "one two"


async def test_the_model_and_the_usage_are_what_the_server_says() -> None:
    answer, _ = await received(PIECES)
    assert (answer.model, answer.usage) == ("m-2026", Usage(3, 4))
    assert answer.duration_s >= 0


async def test_without_a_word_of_the_server_the_model_is_the_one_asked() -> None:
    answer, _ = await received([Piece("x")])
    assert (answer.model, answer.usage) == ("m", Usage())


async def test_a_failed_answer_has_what_came_until_then() -> None:
    answer, shown = Answer("m"), list[str]()
    api = MemoryChatApi([Piece("one "), Piece("two"), ChatFailed("broke")])
    with pytest.raises(ChatFailed, match="broke"):
        await receive(api, {}, answer, shown.append)
    assert (answer.text, shown) == ("one two", ["one ", "two"])
    assert answer.duration_s > 0


async def test_a_cancelled_answer_has_what_came_and_the_server_is_told() -> None:
    answer, came = Answer("m"), asyncio.Event()
    api = MemoryChatApi([Piece("one "), asyncio.Event()])
    receiving = asyncio.create_task(receive(api, {}, answer, lambda _: came.set()))
    await came.wait()
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    assert answer.text == "one "
    assert api.closed_count == 1
