"""The number that keeps a holder from acting after it was replaced, checked where the action lands.

A lease alone cannot do that: between looking at it and acting lies time, and a process may be
frozen in between. So every action brings the fence of its holder, and what it acts upon refuses an
older one than it has seen. For this a new holder's first action comes before whatever it relies on.
"""

from aiex.engine import Bucket
from aiex.errors import Conflict, FenceOutdated

# Each conflict means that another holder wrote; more than two of them at once do not exist.
TRIES_MAX = 5
FENCE_DIGITS_MAX = 19


class FenceGuard:
    """For what lives in memory: admits fences that never get smaller."""

    def __init__(self, newest: int = 0) -> None:
        self.newest = newest

    def admit(self, fence: int) -> None:
        """Raises `FenceOutdated` for a fence older than the newest that was admitted."""
        if fence < self.newest:
            raise FenceOutdated
        self.newest = fence


class FencedEntry:
    """For what lives in the engine: one key of a bucket, whose value carries its writer's fence."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key

    async def read(self) -> bytes | None:
        """The value, by whichever holder; raises `EngineUnavailable`."""
        return (await self._newest())[2]

    async def write(self, value: bytes, fence: int) -> None:
        """Set the value.

        Raises `FenceOutdated`, and changes nothing, once a newer holder has written; raises
        `EngineUnavailable` when it may or may not be written, `Conflict` when others write at once.
        """
        for _ in range(TRIES_MAX):
            revision, newest, _ = await self._newest()
            FenceGuard(newest).admit(fence)
            fenced = b"%d\n%b" % (fence, value)
            try:
                if revision:
                    await self._bucket.update(self._key, fenced, revision)
                else:
                    await self._bucket.create(self._key, fenced)
            except Conflict:
                continue
            return
        raise Conflict

    async def _newest(self) -> tuple[int, int, bytes | None]:
        """Revision, fence and value; the fence of what somebody wrote by hand is 0."""
        entry = await self._bucket.get(self._key)
        if entry is None:
            return 0, 0, None
        fence, _, value = entry.value.partition(b"\n")
        is_fence = fence.isdigit() and len(fence) <= FENCE_DIGITS_MAX
        return entry.revision, int(fence) if is_fence else 0, value
