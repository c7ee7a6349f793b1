"""Streams whose clients take nothing any more: found by one tick that looks at all of them.

A timer of its own costs a stream 4 us, and a deadline for each part more than passing it on.
"""

import asyncio
from typing import Final, Protocol

# Who takes nothing for so long is gone in all but name, and is noticed within twice this time:
# before a provider's usual idle timeout, which would blame the provider.
STALL_S: Final = 30.0


class Stream(Protocol):
    def end_if_stalled(self) -> None:
        """Leave off when what was being sent at the last look is being sent still."""


class ReaderWatch:
    """Looks at all open streams every `stall_s`; its timer runs only while there are any."""

    def __init__(self, stall_s: float = STALL_S) -> None:
        self.stall_s = stall_s
        self._streams: set[Stream] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, stream: Stream) -> None:
        self._streams.add(stream)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.stall_s, self._look)

    def remove(self, stream: Stream) -> None:
        self._streams.discard(stream)

    def _look(self) -> None:
        for stream in list(self._streams):
            stream.end_if_stalled()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.stall_s, self._look) if self._streams else None
