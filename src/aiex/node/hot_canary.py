"""Canaries: a hot value tried on some nodes and compared with the others, from this node.

The comparison lives here and nowhere else; the value's end is in the engine, with the value. So
when this node dies in between, the nodes that try it end it by themselves.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import msgspec

from aiex.clock import Clock
from aiex.cluster import Answer, CountTraffic, Failure, MemberState, Traffic, View
from aiex.errors import AiexError, Conflict, EngineError, HotVersionUnknown
from aiex.events import Emit
from aiex.fastglobal import CanaryEnded, FastGlobal, Spread, Trials
from aiex.node.canary_verdict import (
    Judgement,
    Reading,
    Side,
    Verdict,
    Watched,
    judged,
    together,
)
from aiex.service import Ready

LOOK_EVERY_S = 1.0
ASK_S = 2.0
# After its time the verdict has to be carried out; when that is not done by then the value ends.
SETTLE_S = 10.0
FOR_S_MAX = 24 * 3600.0
# Looks at which a node gives no answer before it counts as harmed; one may be lost.
SILENT_LOOKS = 3
CANARIES_MAX = 8
NOTHING_YET = Judgement(Verdict.TOO_FEW, ("nothing was compared yet",))


class CanaryRefused(AiexError):
    """The value cannot be tried so."""


class Members(Protocol):
    """The nodes that may try a value, and what they answer meanwhile."""

    own_name: str

    def view(self) -> View: ...

    def call_all(
        self, request: CountTraffic, *, deadline_s: float
    ) -> AsyncGenerator[Answer[Traffic] | Failure]: ...


class CanaryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`nodes` are names, or how many; what is to follow from the verdict."""

    nodes: int | tuple[str, ...] = 1
    for_s: float = 60.0
    watch: tuple[Watched, ...] = ("error_rate", "p99")
    auto_revert: bool = False
    promote: bool = False


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """One canary as it is now. `outcome` is empty while it runs."""

    key: str
    revision: int
    nodes: tuple[str, ...]
    began_at_s: float
    plan: CanaryPlan
    canary: Side = Side()
    others: Side = Side()
    judgement: Judgement = NOTHING_YET
    outcome: str = ""
    reason: str = ""


def chosen_nodes(plan: CanaryPlan, view: View, own_name: str) -> tuple[str, ...]:
    """Who tries the value; this node last, since it is the one that compares.

    Raises `CanaryRefused` when nobody would be left to compare with.
    """
    up = sorted(one.name for one in view.members if one.state is MemberState.UP)
    if isinstance(plan.nodes, tuple):
        if unknown := [name for name in plan.nodes if name not in up]:
            raise CanaryRefused(
                f"{', '.join(unknown)} cannot try it: the nodes that are up are {', '.join(up)}."
            )
        chosen = tuple(sorted(set(plan.nodes)))
    else:
        ordered = [name for name in up if name != own_name]
        chosen = tuple(sorted([*ordered, own_name][: max(plan.nodes, 0)]))
    if not chosen or len(chosen) >= len(up):
        raise CanaryRefused(
            f"A canary needs a node that tries the value and one that does not; {len(up)} "
            f"{'is' if len(up) == 1 else 'are'} up. Set the value without --nodes instead."
        )
    return chosen


class CanaryDesk:
    """Begins canaries and sees them through; what is told of each is what it was seen last."""

    name = "node.canaries"

    def __init__(self, hot: FastGlobal[Any], members: Members, *, clock: Clock, emit: Emit) -> None:
        self._hot = hot
        self._trials = Trials(hot, clock)
        self._members = members
        self._clock = clock
        self._emit = emit
        self._canaries: dict[str, Canary] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self, ready: Ready) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for one in [one for one in self._canaries.values() if not one.outcome]:
                self._end(one, "left", "this node began anew, and compares it no more")
            ready()
            try:
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    async def settle(self, key: str, *, is_promoted: bool, by: str) -> Spread:
        """Put what is tried of the key in force everywhere, or nowhere, whoever began it.

        Raises `CanaryRefused` when nothing is, and what `FastGlobal.put` raises.
        """
        held = self._hot.held(key)
        if held is None or held.entry.trial is None:
            raise CanaryRefused(f"No value of {key} is tried now; see `aiex hot get {key}`.")
        settle = self._trials.promote if is_promoted else self._trials.revert
        return await settle(key, held.revision, by=by)

    def canary(self, key: str) -> Canary | None:
        """The newest one of that key that was begun here."""
        return self._canaries.get(key)

    async def begin(
        self, key: str, value: Any, plan: CanaryPlan, *, by: str
    ) -> tuple[Canary, Spread]:
        """Try a value; back once the nodes that do so have it.

        Raises `CanaryRefused` and what `FastGlobal.put` raises.
        """
        self._check(key, plan)
        nodes = chosen_nodes(plan, self._members.view(), self._members.own_name)
        readings = {name: Reading(one) for name, one in (await self._traffic()).items()}
        spread = await self._trials.begin(
            key, value, nodes=nodes, for_s=plan.for_s + SETTLE_S, by=by
        )
        await self._check_begun(spread, nodes)
        canary = Canary(
            key=key,
            revision=spread.revision,
            nodes=nodes,
            began_at_s=self._clock.wall_s(),
            plan=plan,
        )
        self._canaries[key] = canary
        assert self._tasks is not None, "checked before"
        self._tasks.create_task(self._see_through(canary, readings), name=f"canary {key}")
        return canary, spread

    def _check(self, key: str, plan: CanaryPlan) -> None:
        if self._tasks is None:
            raise CanaryRefused("This node stops, or has not started yet; ask another one.")
        if not 0 < plan.for_s <= FOR_S_MAX:
            raise CanaryRefused(f"A canary lasts up to {FOR_S_MAX / 3600:g} hours.")
        if not plan.watch:
            raise CanaryRefused("Name what to watch: error_rate, p99 or both.")
        held = self._hot.held(key)
        trial = held.entry.trial if held is not None else None
        if trial is not None and not 0 < trial.ends_at_s <= self._clock.wall_s():
            raise CanaryRefused(
                f"A value of {key} is tried on {', '.join(trial.nodes)} already; wait, or settle "
                f"it: aiex hot canary {key} --promote, or --revert."
            )
        if sum(not one.outcome for one in self._canaries.values()) >= CANARIES_MAX:
            raise CanaryRefused(f"{CANARIES_MAX} canaries run from here, which is the limit.")

    async def _check_begun(self, spread: Spread, nodes: Sequence[str]) -> None:
        """A value that its own nodes do not have is tried by nobody: undone, and said so."""
        lacking = [one for one in (*spread.refused, *spread.behind) if one.node in nodes]
        if lacking:
            await self._trials.revert(spread.key, spread.revision, by="canary")
            whys = "; ".join(f"{one.node}: {one.why.rstrip('.')}" for one in lacking)
            raise CanaryRefused(f"It cannot be tried there, and is undone ({whys}).")

    async def _see_through(self, canary: Canary, readings: dict[str, Reading]) -> None:
        began_s = self._clock.monotonic_s()
        silences = dict.fromkeys(canary.nodes, 0)
        while True:
            left_s = canary.plan.for_s - (self._clock.monotonic_s() - began_s)
            await self._clock.sleep(min(LOOK_EVERY_S, max(left_s, 0.0)))
            is_at_the_end = self._clock.monotonic_s() - began_s >= canary.plan.for_s
            if self._is_overtaken(canary):
                self._end(canary, "overtaken", "the value was changed meanwhile")
                return
            traffic = await self._traffic()
            canary = self._compared(canary, readings, traffic, silences, is_at_the_end)
            self._canaries[canary.key] = canary
            action = action_after(canary, is_at_the_end=is_at_the_end)
            if action:
                await self._carry_out(canary, action)
                return

    def _compared(
        self,
        canary: Canary,
        readings: dict[str, Reading],
        traffic: Mapping[str, Traffic],
        silences: dict[str, int],
        is_at_the_end: bool,
    ) -> Canary:
        for name in canary.nodes:
            silences[name] = 0 if name in traffic else silences[name] + 1
        for name, one in traffic.items():
            readings.setdefault(name, Reading(one)).take(one)
        own = [reading.side() for name, reading in readings.items() if name in canary.nodes]
        their = [reading.side() for name, reading in readings.items() if name not in canary.nodes]
        sides = together(own), together(their)
        silent = [name for name, count in silences.items() if count >= SILENT_LOOKS]
        judgement = judged(*sides, canary.plan.watch, silent=silent, is_at_the_end=is_at_the_end)
        return msgspec.structs.replace(
            canary, canary=sides[0], others=sides[1], judgement=judgement
        )

    async def _carry_out(self, canary: Canary, action: str) -> None:
        """Again and again until the value ends by itself: the engine may be away for a moment."""
        give_up_at_s = self._clock.monotonic_s() + SETTLE_S
        act = {
            "kept": self._trials.keep,
            "promoted": self._trials.promote,
            "reverted": self._trials.revert,
        }[action]
        while True:
            try:
                spread = await act(canary.key, canary.revision, by="canary")
            except (Conflict, HotVersionUnknown):
                self._end(canary, "overtaken", "the value was changed meanwhile")
                return
            except EngineError as error:
                if self._clock.monotonic_s() >= give_up_at_s:
                    self._end(canary, "left", f"it ends by itself: {error}")
                    return
                await self._clock.sleep(LOOK_EVERY_S)
            else:
                lacking = (f"{one.node}: {one.why}" for one in (*spread.refused, *spread.behind))
                self._end(canary, action, "; ".join([*canary.judgement.reasons, *lacking]))
                return

    def _is_overtaken(self, canary: Canary) -> bool:
        held = self._hot.held(canary.key)
        return held is not None and held.revision > canary.revision

    def _end(self, canary: Canary, outcome: str, reason: str) -> None:
        ended = msgspec.structs.replace(canary, outcome=outcome, reason=reason)
        self._canaries[canary.key] = ended
        verdict = ended.judgement.verdict.value
        self._emit(CanaryEnded(ended.key, ended.revision, verdict, outcome, reason))

    async def _traffic(self) -> dict[str, Traffic]:
        """What each node answered so far, of those that say so."""
        found: dict[str, Traffic] = {}
        async with aclosing(self._members.call_all(CountTraffic(), deadline_s=ASK_S)) as answers:
            async for came in answers:
                if isinstance(came, Answer):
                    found[came.node] = came.value
        return found


def action_after(canary: Canary, *, is_at_the_end: bool) -> str:
    """What follows from the verdict: kept, promoted, reverted; empty while it goes on."""
    plan, verdict = canary.plan, canary.judgement.verdict
    if verdict is Verdict.WORSE and plan.auto_revert:
        return "reverted"
    if not is_at_the_end:
        return ""
    if verdict is Verdict.NOT_WORSE and plan.promote:
        return "promoted"
    # What nobody could judge is not left behind by somebody who asked for safety.
    if verdict is Verdict.TOO_FEW and plan.auto_revert:
        return "reverted"
    return "kept"
