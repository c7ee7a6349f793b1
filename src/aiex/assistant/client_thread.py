"""The thread that calls providers: one for the whole process, and nobody can start it again.

Pyreqwest keeps all its clients on one thread. Should it die (a panic; seen when the kernel refused
to wait on its descriptors), every call fails at once, those of new clients too. A node that takes
requests and can answer none is worse than none, so this raises until its supervisors give up, and
the process above (systemd, Kubernetes, `aiex up`) starts a node anew.

What this does not see: that it died while no call was made.
"""

import asyncio

from aiex.errors import HttpClientGone
from aiex.service import Ready


class ClientThread:
    """Runs for ever while calls can be made; raises `HttpClientGone` once one could not."""

    name = "assistant.http_client"

    def __init__(self) -> None:
        self._is_gone = asyncio.Event()

    def gone(self) -> None:
        """A call found no thread."""
        self._is_gone.set()

    async def run(self, ready: Ready) -> None:
        if not self._is_gone.is_set():
            ready()
        await self._is_gone.wait()
        raise HttpClientGone
