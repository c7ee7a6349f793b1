"""Does a model's child answer? One small request to its health path tells."""

import asyncio
from urllib.parse import urlsplit

from aiex.assistant.local_model_claim import LocalAddress


async def answers(address: LocalAddress) -> bool:
    """Whether llama.cpp says it is well; may take for ever, the caller has the deadline."""
    parts = urlsplit(address.base_url)
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return False
    try:
        writer.write(b"GET /health HTTP/1.0\r\n\r\n")
        return b" 200 " in await reader.readline()
    except (OSError, ValueError):  # the latter for a line without end
        return False
    finally:
        writer.close()
