"""What is read from a stream, where "there is no such stream" may only mean "not yet here".

For a moment after all servers were started again, one that has yet to open a stream says that there
is none. Taken at its word that is "nothing was ever written". So the reader asks for the stream to
be made: that only the leader of all servers does, who learns thereby what there is.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiex.engine.jetstream import JetStream
from aiex.engine.jetstream_refusal import StreamMissing
from aiex.errors import EngineUnavailable


async def read_opened[T](
    jetstream: JetStream, name: str, config: Mapping[str, Any], read: Callable[[], Awaitable[T]]
) -> T:
    """What `read` comes to, from a stream that is made with `config` when it is missing.

    Raises `EngineUnavailable` when it stays missing, and what `read` and the making raise.
    """
    try:
        return await read()
    except StreamMissing:
        await jetstream.ensure_stream(name, config)
    try:
        return await read()
    except StreamMissing as error:
        raise EngineUnavailable(f"The stream {name} has no leader now.") from error
