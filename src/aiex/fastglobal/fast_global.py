"""Hot values of one node: read as plain attributes, changed everywhere by one call.

    fg = FastGlobal(Schema(HotValues), engine.bucket("hot", HISTORY), …)
    if fg.ns.access_log: …                                 # costs as much as a literal
    spread = await fg.put("log_level", "debug", by="anna")  # back once every node has it

The engine keeps each key's entries; every node follows them and has its own frozen copy. So reading
needs nobody, and while the engine is away the last known values are in force.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Protocol

import msgspec

from aiex.clock import Clock, instant
from aiex.cluster import Answer, AwaitHot, Failure, HotApplied, Reason
from aiex.engine import Bucket, CaughtUp, Deleted, Entry, Restarted
from aiex.errors import HotValueInvalid, HotVersionUnknown
from aiex.events import Emit
from aiex.fastglobal.entry import HotEntry, Version, version_of
from aiex.fastglobal.hot_file import HotFile
from aiex.fastglobal.in_force import Apply, Held, HotChange, InForce
from aiex.fastglobal.schema import Schema
from aiex.fastglobal.spread import Spread, Wait
from aiex.service import Ready

# How long a node's start waits for the engine to tell the newest values: then the services after
# this one begin, and answer for the node.
HOLD_S = 3.0
# How long the node is not ready for want of them. Servers whose leader was killed choose another
# within four to nine seconds, and begin again when their votes are split: such an engine is not
# away. Longer than that twice, and no node is kept from serving with what it knows.
PATIENCE_S = 20.0
# A healthy node has a change within milliseconds; one that is frozen is known to be down by then.
SPREAD_S = 3.0
# Of a refusal, as other nodes are told it.
REASON_CHARS_MAX = 512
# Above this a value is decoded, checked and frozen in a thread: it takes a millisecond or more.
LARGE_BYTES = 16 * 1024


class Nodes(Protocol):
    """Those who are to have every value, this one among them."""

    def expected_names(self) -> list[str]: ...

    def call_all(
        self, request: AwaitHot, *, deadline_s: float
    ) -> AsyncGenerator[Answer[HotApplied] | Failure]: ...


class FastGlobal[S: msgspec.Struct]:
    """`ns` has the values in force: attributes of the names in the schema, never half changed."""

    name = "fastglobal"

    def __init__(
        self,
        schema: Schema[S],
        bucket: Bucket,
        *,
        node: str,
        clock: Clock,
        emit: Emit,
        file: HotFile | None = None,
        nodes: Nodes | None = None,
        patience_s: float = PATIENCE_S,
        holds_start: bool = True,
    ) -> None:
        """Without `nodes` there is this one only; without a `file` nothing outlives the process.

        `patience_s` is how long it may take without the engine until `is_settled`, `HOLD_S` or
        more; `holds_start`: the services after this one wait for `HOLD_S` of them.
        """
        self.schema = schema
        self._bucket = bucket
        self._node = node
        self._clock = clock
        self._file = file
        self._nodes = nodes
        self._patience_s = patience_s
        self._holds_start = holds_start
        self._in_force = InForce(schema, node, emit)
        self.ns: S = self._in_force.ns  # no property: a call would cost more than the read
        self._revision = 0
        # Of what this life has heard; the remembered ones may be another bucket's.
        self._revisions: dict[str, int] = {}
        self._written_step = 0
        self._news = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._tasks: asyncio.TaskGroup | None = None
        self.is_settled = False
        self.is_caught_up = False

    @property
    def revision(self) -> int:
        """Of the newest change that this node has heard; 0 before it heard any."""
        return self._revision

    def held(self, key: str) -> Held | None:
        """The newest entry of a key; None while there never was one."""
        return self._in_force.held(key)

    def value(self, key: str) -> Any:
        """What is in force, as `ns` has it; raises `HotKeyUnknown`."""
        return self._in_force.value(self.schema.key(key).name)

    def common_value(self, key: str) -> Any:
        """What is in force on the nodes that try nothing; raises `HotKeyUnknown`.

        Raises `HotValueInvalid` when that is nothing this release can take.
        """
        held = self._in_force.held(key)
        if held is None or held.entry.value is msgspec.UNSET:
            return self.schema.key(key).default
        return self.schema.value(key, held.entry.value)

    def is_on_trial(self, key: str) -> bool:
        """Whether this node tries a value of the key that others do not have."""
        return self._in_force.is_on_trial(key, self._clock.wall_s())

    def refusals(self) -> dict[str, str]:
        """Why the newest value of a key is not in force here, by key; empty when all is well."""
        return self._in_force.refusals()

    def unknown_keys(self) -> list[str]:
        """Those of other releases, kept and ignored."""
        return sorted(key for key in self._in_force.entry_keys() if key not in self.schema.keys)

    def bind(self, key: str, apply: Apply) -> None:
        """Call `apply` with the value now, and at once whenever it is another one."""
        self._in_force.bind(key, apply)

    async def watch(self) -> AsyncIterator[HotChange]:
        """Each change from now on, for ever.

        What was overwritten while the reader was busy may be missing, the newest value never is:
        so nothing is queued, however slow the reader.
        """
        seen = self._in_force.step
        while True:
            now = self._in_force.step
            for change in self._in_force.changes_since(seen):
                yield change
            seen = now
            if self._in_force.step == seen:
                await self._news.wait()

    def load(self) -> None:
        """Take the values remembered from last time."""
        if self._file is not None:
            self._in_force.load(self._file.load(), self._clock.wall_s())
        self._written_step = self._in_force.step

    # Following the engine.

    async def run(self, ready: Ready) -> None:
        """Follow the bucket for as long as the node lives."""
        is_ready = asyncio.Event()
        if not self._holds_start:
            is_ready.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._say_ready(is_ready, ready), name="hot values ready")
                patience = tasks.create_task(self._wait_patiently(is_ready), name="hot patience")
                tasks.create_task(self._remember(), name="hot values remembered")
                for key in self._in_force.entry_keys():
                    self._await_end_of_trial(key)
                await self._follow(is_ready, patience)
        finally:
            self._tasks = None
            if self._file is not None:
                self._file.write(self._in_force.step, self._in_force.remembered())

    async def _say_ready(self, is_ready: asyncio.Event, ready: Ready) -> None:
        await is_ready.wait()
        ready()

    async def _wait_patiently(self, is_ready: asyncio.Event) -> None:
        """An engine that is away must not keep the node from serving with what it knows."""
        await self._clock.sleep(HOLD_S)
        is_ready.set()
        await self._clock.sleep(self._patience_s - HOLD_S)
        self.is_settled = True

    async def _follow(self, is_ready: asyncio.Event, patience: "asyncio.Task[None]") -> None:
        pending: dict[str, Version] | None = {}
        self._revisions.clear()
        async for change in self._bucket.watch():
            match change:
                case Restarted():
                    pending, self._revision = {}, 0
                    self._revisions.clear()
                case CaughtUp(revision=revision):
                    if pending is not None:
                        await self._take_all(pending, revision)
                    pending = None
                    self.is_settled = self.is_caught_up = True
                    patience.cancel()
                    is_ready.set()
                case Entry() | Deleted():
                    version = version_of(change)
                    if pending is None:
                        await self._take(change.key, version)
                    else:
                        pending[change.key] = version

    async def _take_all(self, versions: dict[str, Version], revision: int) -> None:
        """All that the bucket holds; what it does not hold has no value any more."""
        gone = [key for key in self._in_force.entry_keys() if key not in versions]
        for key in gone:
            self._in_force.forget(key, revision)
        for key, version in versions.items():
            await self._take(key, version)
        self._advance(revision)

    async def _take(self, key: str, version: Version) -> None:
        held = self._in_force.held(key)
        is_known = held is not None and (held.revision, held.entry) == (
            version.revision,
            version.entry,
        )
        # Remembered from an earlier life, and the same still: nothing to do but to note it.
        if not is_known and self._in_force.hold(key, version.entry, version.revision):
            await self._reconsider(key)
            self._await_end_of_trial(key)
        self._revisions[key] = version.revision
        self._advance(version.revision)

    async def _reconsider(self, key: str) -> None:
        """Put in force what is to be in force now."""
        async with self._one_at_a_time:
            raw = self._in_force.wanted(key, self._clock.wall_s())
            try:
                if raw is not None and len(bytes(raw)) > LARGE_BYTES:
                    value = await asyncio.to_thread(self._in_force.read, key, raw)
                else:
                    value = self._in_force.read(key, raw)
            except HotValueInvalid as error:
                self._in_force.refuse(key, str(error))
            else:
                self._in_force.adopt(key, raw, value, self._clock.wall_s())
        self._tell()

    def _await_end_of_trial(self, key: str) -> None:
        held, left_s = self._in_force.held(key), self._trial_left_s(key)
        if held is not None and 0 < left_s < float("inf") and self._tasks is not None:
            self._tasks.create_task(
                self._end_trial_in_time(key, held.revision), name=f"trial {key}"
            )

    async def _end_trial_in_time(self, key: str, revision: int) -> None:
        while (left_s := self._trial_left_s(key)) > 0:
            await self._clock.sleep(left_s)
            held = self._in_force.held(key)
            if held is None or held.revision != revision:
                return  # changed meanwhile
        await self._reconsider(key)

    def _trial_left_s(self, key: str) -> float:
        return self._in_force.trial_left_s(key, self._clock.wall_s())

    async def _remember(self) -> None:
        while self._file is not None:
            await self._until(lambda: self._in_force.step > self._written_step)
            step, known = self._in_force.step, self._in_force.remembered()
            await asyncio.to_thread(self._file.write, step, known)
            self._written_step = step
            self._tell()

    def _advance(self, revision: int) -> None:
        self._revision = max(self._revision, revision)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def until_remembered(self) -> None:
        """Come back once all that is in force now is on disc; without a deadline."""
        step = self._in_force.step
        await self._until(lambda: self._file is None or self._written_step >= step)

    async def until_after(self, revision: int) -> None:
        """Come back once this node has heard of a newer change than that; without a deadline."""
        await self._until(lambda: self._revision > revision)

    async def _until(self, is_true: Callable[[], object]) -> None:
        while not is_true():
            await self._news.wait()

    # Changing.

    async def put(
        self,
        key: str,
        value: Any,
        *,
        by: str = "",
        wait: Wait = "all",
        expects: int | None = None,
        deadline_s: float = SPREAD_S,
    ) -> Spread:
        """Set the value for all nodes; back when those that `wait` names have it.

        `expects` is the revision that the key's newest entry has to have, 0 for none at all. Raises
        `HotKeyUnknown`, `HotValueInvalid`, `Conflict` when somebody was faster, and
        `EngineUnavailable`: then it may have happened. A canary of the key is over.
        """
        entry = HotEntry(what="set", by=by, value=msgspec.Raw(self.schema.encoded(key, value)))
        return await self.write(key, entry, expects=expects, wait=wait, deadline_s=deadline_s)

    async def reset(
        self, key: str, *, by: str = "", wait: Wait = "all", deadline_s: float = SPREAD_S
    ) -> Spread:
        """Put the default in force again; raises as `put` does."""
        self.schema.key(key)
        entry = HotEntry(what="reset", by=by)
        return await self.write(key, entry, wait=wait, deadline_s=deadline_s)

    async def history(self, key: str) -> list[Version]:
        """The key's entries as far back as they are kept, oldest first; raises as `put` does."""
        self.schema.key(key)
        return [version_of(change) for change in await self._bucket.history(key)]

    async def rollback(
        self,
        key: str,
        revision: int,
        *,
        by: str = "",
        wait: Wait = "all",
        deadline_s: float = SPREAD_S,
    ) -> Spread:
        """Set the value that the key had at `revision`, checked as a new one would be.

        Raises as `put` does, and `HotVersionUnknown`.
        """
        versions = await self.history(key)
        found = next((one.entry for one in versions if one.revision == revision), None)
        if found is None:
            kept = ", ".join(str(one.revision) for one in versions[-8:]) or "none"
            raise HotVersionUnknown(
                f"{key} has no entry at revision {revision}; the newest are {kept}. "
                f"See `aiex hot history {key}`."
            )
        if found.value is not msgspec.UNSET:
            self.schema.value(key, found.value)
        entry = HotEntry(what="rolled back", by=by, value=found.value, from_revision=revision)
        newest = versions[-1].revision
        return await self.write(key, entry, expects=newest, wait=wait, deadline_s=deadline_s)

    async def applied(self, request: AwaitHot) -> HotApplied:
        """What this node says once it has heard of a change.

        It is on disc a moment later: a disc that hangs must not look like a value that is not in
        force.
        """
        key = request.key
        await self._until(lambda: self._revisions.get(key, 0) >= request.revision)
        if key not in self.schema.keys:
            return HotApplied(self._revision, "its release does not know this key, and ignores it")
        held = self._in_force.held(key)
        return HotApplied(self._revision, held.refusal[:REASON_CHARS_MAX] if held else "")

    async def write(
        self,
        key: str,
        entry: HotEntry,
        *,
        expects: int | None = None,
        wait: Wait = "all",
        deadline_s: float = SPREAD_S,
    ) -> Spread:
        """Keep an entry, whose values are known to be right, and see how far it gets.

        Raises `Conflict` and `EngineUnavailable` as `put` does.
        """
        stamped = msgspec.structs.replace(entry, at=instant(self._clock.wall_s()))
        content = msgspec.json.encode(stamped)
        if expects is None:
            revision = await self._bucket.put(key, content)
        else:
            revision = await self._bucket.update(key, content, expects)
        return await self._spread(Spread(key, revision), wait, deadline_s)

    async def _spread(self, spread: Spread, wait: Wait, deadline_s: float) -> Spread:
        names = self._nodes.expected_names() if self._nodes is not None else [self._node]
        if wait == "none":
            return spread.ended(names)
        request = AwaitHot(spread.key, spread.revision)
        async with aclosing(self._asked(request, deadline_s)) as answers:
            async for came in answers:
                spread = spread.after(came)
                if spread.is_enough(wait, names):
                    break
        return spread.ended(names)

    async def _asked(
        self, request: AwaitHot, deadline_s: float
    ) -> AsyncGenerator[Answer[HotApplied] | Failure]:
        if self._nodes is not None:
            async with aclosing(self._nodes.call_all(request, deadline_s=deadline_s)) as answers:
                async for came in answers:
                    yield came
            return
        try:
            async with asyncio.timeout(deadline_s):
                yield Answer(self._node, await self.applied(request))
        except TimeoutError:
            yield Failure(self._node, Reason.DEADLINE, f"it was not heard within {deadline_s:g} s")
