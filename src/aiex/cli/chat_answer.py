"""One answer, put together from its pieces while they are shown."""

import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec

from aiex.cli.chat_session import Usage
from aiex.cli.chat_stream import ChatApi


class Answer(msgspec.Struct):
    """What came so far; whole once `receive` returned."""

    model: str
    text: str = ""
    usage: Usage = Usage()
    duration_s: float = 0.0


async def receive(
    api: ChatApi, body: dict[str, Any], answer: Answer, show: Callable[[str], None]
) -> None:
    """Fill `answer`, giving each piece of text to `show`; raises `ChatFailed`.

    Cancelled or failed, `answer` has what came until then.
    """
    began_s = time.monotonic()
    texts: list[str] = []
    try:
        async with aclosing(api.pieces(body)) as pieces:
            async for piece in pieces:
                texts.append(piece.text)
                answer.model = piece.model or answer.model
                answer.usage = piece.usage or answer.usage
                if piece.text:
                    show(piece.text)
    finally:
        answer.text = "".join(texts)
        answer.duration_s = time.monotonic() - began_s
