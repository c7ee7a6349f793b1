"""Is a port open, and if not: does nobody listen, or does nothing come back?"""

import asyncio
import errno

from aiex.kubernetes.facts import DoorState

KNOCK_S = 2.0


async def knocked(host: str, port: int) -> DoorState:
    """What a connection finds within `KNOCK_S`; it says nothing and is closed at once."""
    try:
        async with asyncio.timeout(KNOCK_S):
            _, writer = await asyncio.open_connection(host, port)
    except OSError as error:  # TimeoutError is one
        return state_of(error)
    writer.close()
    return "open"


def state_of(error: OSError) -> DoorState:
    """What kept a connection from being made; a machine that rejects is like one that drops."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    is_silent = isinstance(error, TimeoutError) or error.errno in (errno.EHOSTUNREACH, errno.EPERM)
    return "silent" if is_silent else "unknown"
