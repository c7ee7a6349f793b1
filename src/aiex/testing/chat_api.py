"""The API that `aiex chat` talks to, in memory: answers from a script, remembers what was asked."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from aiex.cli.chat_stream import ChatApi, Piece
from aiex.errors import AiexError

type Scripted = Sequence[Piece | AiexError | asyncio.Event]


class MemoryChatApi(ChatApi):
    """Gives one scripted answer a request: pieces, failures, and events that are waited for."""

    def __init__(self, *script: Scripted, models: Sequence[str] = ("m",)) -> None:
        super().__init__("http://127.0.0.1:1")
        self._script = list(script)
        self._models = list(models)
        self.asked: list[dict[str, Any]] = []
        self.closed_count = 0

    async def models(self) -> list[str]:
        return self._models

    async def pieces(self, body: dict[str, Any]) -> AsyncGenerator[Piece]:
        self.asked.append(body)
        try:
            for part in self._script.pop(0):
                if isinstance(part, asyncio.Event):
                    await part.wait()
                elif isinstance(part, AiexError):
                    raise part
                else:
                    yield part
        finally:
            self.closed_count += 1
