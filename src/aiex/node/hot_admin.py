"""The admin API's operations on hot values, each a method of its operation's name."""

import asyncio
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aiex.assistant import Catalogue
from aiex.clock import Clock
from aiex.fastglobal import FastGlobal, HotEntry, Trial, Version, plain
from aiex.node.admin_http import body_as, json_answer
from aiex.node.hot_canary import CanaryDesk, CanaryPlan
from aiex.node.hot_values import HotValues, overridden
from aiex.node.hot_views import (
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
    canary_view,
    spread_view,
)

# Who changes something through this API has the admin token, and is no other name to us.
ADMIN = "admin"
# A value of the largest size, with room for what JSON adds.
BODY_BYTES_MAX = 1024 * 1024
WAIT_S_MAX = 60.0


class HotAdmin:
    """Answers from the hot values of this node; a change goes to all nodes."""

    def __init__(
        self,
        hot: FastGlobal[HotValues],
        canaries: CanaryDesk,
        catalogue: Catalogue,
        *,
        node: str,
        clock: Clock,
    ) -> None:
        self._hot = hot
        self._canaries = canaries
        self._catalogue = catalogue
        self._node = node
        self._clock = clock

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

    async def hot_value(self, request: Request) -> Response:
        return json_answer(self._value(self._key(request)))

    async def set_hot_value(self, request: Request) -> Response:
        key = self._key(request)
        asked = await body_as(request, HotChangeRequest, BODY_BYTES_MAX)
        value, revision = self._asked_value(key, asked)
        # Only one part is new, so the rest must not have changed meanwhile.
        expects = asked.expects if asked.expects is not None or not asked.part else revision
        spread = await self._hot.put(key, value, by=ADMIN, wait=asked.wait, expects=expects)
        return json_answer(spread_view(spread))

    async def reset_hot_value(self, request: Request) -> Response:
        return json_answer(spread_view(await self._hot.reset(self._key(request), by=ADMIN)))

    async def hot_history(self, request: Request) -> Response:
        key = self._key(request)
        versions = [_version_view(one) for one in await self._hot.history(key)]
        return json_answer(HotHistoryView(key, versions[::-1]))

    async def roll_back_hot_value(self, request: Request) -> Response:
        key, asked = self._key(request), await body_as(request, HotRollbackRequest)
        spread = await self._hot.rollback(key, asked.revision, by=ADMIN, wait=asked.wait)
        return json_answer(spread_view(spread))

    async def begin_hot_canary(self, request: Request) -> Response:
        key = self._key(request)
        asked = await body_as(request, HotCanaryRequest, BODY_BYTES_MAX)
        value, _ = self._asked_value(key, asked)
        plan = CanaryPlan(
            nodes=asked.nodes,
            for_s=asked.for_s,
            watch=asked.watch,
            auto_revert=asked.auto_revert,
            promote=asked.promote,
        )
        canary, _ = await self._canaries.begin(key, value, plan, by=ADMIN)
        return json_answer(canary_view(canary, self._clock.wall_s()), 202)

    async def hot_canary(self, request: Request) -> Response:
        key = self._key(request)
        canary = self._canaries.canary(key)
        if canary is None:
            raise HTTPException(
                404, f"No canary of {key} was begun at this node; ask the one that began it."
            )
        return json_answer(canary_view(canary, self._clock.wall_s()))

    async def settle_hot_canary(self, request: Request) -> Response:
        key, asked = self._key(request), await body_as(request, HotSettleRequest)
        held = self._hot.held(key)
        if held is None or held.entry.trial is None:
            raise HTTPException(409, f"No value of {key} is tried now; see `aiex hot get {key}`.")
        settle = self._hot.promote_trial if asked.promote else self._hot.revert_trial
        return json_answer(spread_view(await settle(key, held.revision, by=ADMIN)))

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
        return schema.with_part(key, self._hot.value(key), asked.part, new), revision

    def _list(self) -> HotListView:
        hot = self._hot
        return HotListView(
            self._node,
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
    entry = version.entry or HotEntry(what="", by="", at="")
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
        return float(text)
    except ValueError as error:
        raise HTTPException(400, f"{name}: '{text[:40]}' is no number.") from error
