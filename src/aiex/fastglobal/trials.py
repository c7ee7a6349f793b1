"""Values that are tried on some nodes before all have them: begun, kept, promoted, reverted."""

from typing import Any

import msgspec

from aiex.clock import Clock
from aiex.errors import HotVersionUnknown
from aiex.fastglobal.entry import HotEntry, Trial
from aiex.fastglobal.fast_global import FastGlobal
from aiex.fastglobal.spread import Spread


class Trials:
    """Those of one `FastGlobal`. Each method raises what its `put` does.

    What settles a trial names its revision, so a value that was set meanwhile stays (`Conflict`).
    """

    def __init__(self, hot: FastGlobal[Any], clock: Clock) -> None:
        self._hot = hot
        self._clock = clock

    async def begin(
        self, key: str, value: Any, *, nodes: tuple[str, ...], for_s: float, by: str = ""
    ) -> Spread:
        """Put a value in force on these nodes only, where it ends by itself after `for_s`."""
        raw = msgspec.Raw(self._hot.schema.encoded(key, value))
        versions = await self._hot.history(key)
        newest = versions[-1] if versions else None
        now_s = self._clock.wall_s()
        entry = HotEntry(
            what="canary",
            by=by,
            value=newest.entry.value if newest and newest.entry else msgspec.UNSET,
            trial=Trial(raw, nodes, now_s, now_s + for_s),
        )
        return await self._hot.write(key, entry, expects=newest.revision if newest else 0)

    async def keep(self, key: str, revision: int, *, by: str = "") -> Spread:
        """Leave the value in force on the nodes that try it, without an end."""
        entry, trial = await self._begun(key, revision)
        kept = msgspec.structs.replace(trial, ends_at_s=0.0)
        return await self._settle(key, revision, HotEntry(what="kept", value=entry.value), by, kept)

    async def promote(self, key: str, revision: int, *, by: str = "") -> Spread:
        """Put the value that is tried in force on all nodes."""
        _, trial = await self._begun(key, revision)
        return await self._settle(key, revision, HotEntry(what="promoted", value=trial.value), by)

    async def revert(self, key: str, revision: int, *, by: str = "") -> Spread:
        """End it: the value that all others have is in force everywhere."""
        entry, _ = await self._begun(key, revision)
        return await self._settle(key, revision, HotEntry(what="reverted", value=entry.value), by)

    async def _begun(self, key: str, revision: int) -> tuple[HotEntry, Trial]:
        for one in await self._hot.history(key):
            if one.revision == revision and one.entry is not None and one.entry.trial is not None:
                return one.entry, one.entry.trial
        raise HotVersionUnknown(f"{key} has no canary at revision {revision}.")

    async def _settle(
        self, key: str, revision: int, entry: HotEntry, by: str, trial: Trial | None = None
    ) -> Spread:
        settled = msgspec.structs.replace(entry, by=by, from_revision=revision, trial=trial)
        return await self._hot.write(key, settled, expects=revision)
