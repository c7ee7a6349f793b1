"""Hot values, as an operator reads and changes them; a change goes to all nodes."""

import asyncio
import math
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aiex.fastglobal import HotEntry, Trial, Version, plain
from aiex.node.admin.answers import json_answer
from aiex.node.admin.body import body_as
from aiex.node.admin.operation import operation
from aiex.node.hot_canary import CanaryDesk, CanaryPlan
from aiex.node.hot_values import overridden
from aiex.node.parts import Parts
from aiex.node.views.hot import (
    CanaryView,
    HotCanaryRequest,
    HotChangeRequest,
    HotHistoryView,
    HotListView,
    HotRollbackRequest,
    HotSettleRequest,
    HotTrialView,
    HotValueView,
    HotVersionView,
    OverriddenView,
    SpreadView,
    canary_view,
    spread_view,
)

# Who changes something through this API has the admin token, and is no other name to us.
ADMIN = "admin"
# A value of the largest size, with room for what JSON adds.
BODY_BYTES_MAX = 1024 * 1024
WAIT_S_MAX = 60.0


class HotOperations:
    def __init__(self, parts: Parts, canaries: CanaryDesk) -> None:
        self._hot = parts.hot
        self._catalogue = parts.catalogue
        self._life = parts.life
        self._canaries = canaries

    @operation(
        "GET",
        "/admin/v1/hot",
        "All hot values and what is in force; ?after=REVISION&wait_s=20 waits for a change.",
        HotListView,
    )
    async def hot_values(self, request: Request) -> Response:
        """With `after` and `wait_s`: once there is a newer revision, or the time is over."""
        after, wait_s = _number(request, "after", -1), _number(request, "wait_s", 0)
        if after >= 0 and self._hot.revision <= after:
            try:
                async with asyncio.timeout(min(wait_s, WAIT_S_MAX)):
                    await self._hot.until_after(int(after))
            except TimeoutError:
                pass  # then all is as it was
        return json_answer(self._list())

    @operation("GET", "/admin/v1/hot/{key}", "One hot value.", HotValueView)
    async def hot_value(self, request: Request) -> Response:
        return json_answer(self._value(self._key(request)))

    @operation(
        "PUT",
        "/admin/v1/hot/{key}",
        "Set a hot value on all nodes; tells who has it, who refuses it and who is behind.",
        SpreadView,
        takes=HotChangeRequest,
    )
    async def set_hot_value(self, request: Request) -> Response:
        key = self._key(request)
        asked = await body_as(request, HotChangeRequest, bytes_max=BODY_BYTES_MAX)
        value, revision = self._asked_value(key, asked)
        # Only one part is new, so the rest must not have changed meanwhile.
        expects = asked.expects if asked.expects is not None or not asked.part else revision
        spread = await self._hot.put(key, value, by=ADMIN, wait=asked.wait, expects=expects)
        return json_answer(spread_view(spread))

    @operation("DELETE", "/admin/v1/hot/{key}", "Let the settings be in force again.", SpreadView)
    async def reset_hot_value(self, request: Request) -> Response:
        return json_answer(spread_view(await self._hot.reset(self._key(request), by=ADMIN)))

    @operation(
        "GET",
        "/admin/v1/hot/{key}/history",
        "Who changed a hot value when, and to what.",
        HotHistoryView,
    )
    async def hot_history(self, request: Request) -> Response:
        key = self._key(request)
        versions = [_version_view(one) for one in await self._hot.history(key)]
        return json_answer(HotHistoryView(key, versions[::-1]))

    @operation(
        "POST",
        "/admin/v1/hot/{key}/rollback",
        "Set the value that a key had at a revision.",
        SpreadView,
        takes=HotRollbackRequest,
    )
    async def roll_back_hot_value(self, request: Request) -> Response:
        key, asked = self._key(request), await body_as(request, HotRollbackRequest)
        spread = await self._hot.rollback(key, asked.revision, by=ADMIN, wait=asked.wait)
        return json_answer(spread_view(spread))

    @operation(
        "POST",
        "/admin/v1/hot/{key}/canary",
        "Try a value on some nodes for a while, compared with the others.",
        CanaryView,
        takes=HotCanaryRequest,
        status=202,
    )
    async def begin_hot_canary(self, request: Request) -> Response:
        key = self._key(request)
        asked = await body_as(request, HotCanaryRequest, bytes_max=BODY_BYTES_MAX)
        value, _ = self._asked_value(key, asked)
        plan = CanaryPlan(
            nodes=asked.nodes,
            for_s=asked.for_s,
            watch=asked.watch,
            auto_revert=asked.auto_revert,
            promote=asked.promote,
        )
        canary, _ = await self._canaries.begin(key, value, plan, by=ADMIN)
        return json_answer(canary_view(canary, self._life.wall_s()), 202)

    @operation(
        "GET",
        "/admin/v1/hot/{key}/canary",
        "How the canary begun at this node goes.",
        CanaryView,
    )
    async def hot_canary(self, request: Request) -> Response:
        key = self._key(request)
        canary = self._canaries.canary(key)
        if canary is None:
            raise HTTPException(
                404, f"No canary of {key} was begun at this node; ask the one that began it."
            )
        return json_answer(canary_view(canary, self._life.wall_s()))

    @operation(
        "POST",
        "/admin/v1/hot/{key}/canary/settle",
        "Promote or revert a value that is tried.",
        SpreadView,
        takes=HotSettleRequest,
    )
    async def settle_hot_canary(self, request: Request) -> Response:
        key, asked = self._key(request), await body_as(request, HotSettleRequest)
        spread = await self._canaries.settle(key, is_promoted=asked.promote, by=ADMIN)
        return json_answer(spread_view(spread))

    def _key(self, request: Request) -> str:
        return self._hot.schema.key(request.path_params["key"]).name

    def _asked_value(self, key: str, asked: HotChangeRequest | HotCanaryRequest) -> tuple[Any, int]:
        """The whole new value, and the revision of the one that a part of it comes from."""
        if (asked.value is msgspec.UNSET) == (asked.text is msgspec.UNSET):
            raise HTTPException(400, "Send the new value as JSON in `value`, or in `text`.")
        schema, held = self._hot.schema, self._hot.held(key)
        revision = held.revision if held is not None else 0
        if not asked.part:
            is_text = asked.text is not msgspec.UNSET
            return (schema.of_text(key, str(asked.text)) if is_text else asked.value), revision
        new = asked.value if asked.text is msgspec.UNSET else _loose(str(asked.text))
        return schema.with_part(key, self._hot.common_value(key), asked.part, new), revision

    def _list(self) -> HotListView:
        hot = self._hot
        return HotListView(
            self._life.name,
            hot.revision,
            hot.is_caught_up,
            [self._value(key) for key in hot.schema.keys],
            [
                OverriddenView(setting, plain(value), key)
                for setting, value, key in overridden(hot, self._catalogue)
            ],
            hot.unknown_keys(),
        )

    def _value(self, name: str) -> HotValueView:
        key, held = self._hot.schema.key(name), self._hot.held(name)
        value, default = plain(self._hot.value(name)), plain(key.default)
        told = (key.setting, key.meaning)
        if held is None:
            return HotValueView(name, value, "settings", 0, "", "", "", default, *told)
        entry = held.entry
        if held.refusal:
            source = "refused"
        elif self._hot.is_on_trial(name):
            source = "canary"
        else:
            source = "settings" if entry.value is msgspec.UNSET else "hot"
        return HotValueView(
            *(name, value, source, held.revision, entry.by, entry.at, entry.what, default),
            *(*told, held.refusal, _trial_view(entry.trial)),
        )


def _version_view(version: Version) -> HotVersionView:
    entry = version.entry or HotEntry(what="")
    has_value = entry.value is not msgspec.UNSET
    return HotVersionView(
        version.revision,
        entry.what,
        entry.by,
        entry.at,
        has_value,
        msgspec.json.decode(entry.value) if isinstance(entry.value, msgspec.Raw) else None,
        entry.from_revision,
        _trial_view(entry.trial),
    )


def _trial_view(trial: Trial | None) -> HotTrialView | None:
    if trial is None:
        return None
    return HotTrialView(msgspec.json.decode(trial.value), trial.nodes, trial.ends_at_s)


def _loose(text: str) -> Any:
    """A part's value as somebody wrote it: JSON where it is some, else the text itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _number(request: Request, name: str, default: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (number >= 0 and math.isfinite(number)):
        raise HTTPException(400, f"{name}: '{text[:40]}' is no number from 0 on.")
    return number
