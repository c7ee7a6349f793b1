"""API keys, as an operator makes, limits and revokes them."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aiex.assistant import KeyLimits, KeyRecord, KeyRing, KeyUnknown, Ledger
from aiex.node.admin.answers import json_answer
from aiex.node.admin.body import body_as
from aiex.node.admin.operation import operation
from aiex.node.views.keys import (
    KeyListView,
    KeyRequest,
    KeyUpdate,
    KeyView,
    LimitsView,
    NewKeyView,
)

KEY_NAME_CHARS_MAX = 100
_LIMITS = KeyLimits.__struct_fields__


class KeyOperations:
    def __init__(self, keys: KeyRing, ledger: Ledger) -> None:
        self._keys = keys
        self._ledger = ledger

    @operation("GET", "/admin/v1/keys", "All API keys.", KeyListView)
    async def list_keys(self, _: Request) -> Response:
        return json_answer(KeyListView([self._view(record) for record in self._keys.records()]))

    @operation(
        "POST",
        "/admin/v1/keys",
        "Make an API key; it is shown this once.",
        NewKeyView,
        takes=KeyRequest,
        status=201,
    )
    async def create_key(self, request: Request) -> Response:
        asked = await body_as(request, KeyRequest)
        name = asked.name.strip()
        if not name or len(name) > KEY_NAME_CHARS_MAX or not name.isprintable():
            raise HTTPException(
                400,
                f"A key's name has 1 to {KEY_NAME_CHARS_MAX} characters, all of them printable.",
            )
        limits = KeyLimits(**{field: getattr(asked, field) for field in _LIMITS})
        key, record = await self._keys.create(name, by="admin", limits=limits)
        return json_answer(NewKeyView(record.id, record.name, key, record.created_at), 201)

    @operation(
        "PATCH",
        "/admin/v1/keys/{key_id}",
        "Change an API key's limits, within a second everywhere.",
        KeyView,
        takes=KeyUpdate,
    )
    async def update_key(self, request: Request) -> Response:
        asked = await body_as(request, KeyUpdate)
        given = {field: getattr(asked, field) for field in _LIMITS}
        given = {field: one for field, one in given.items() if one is not msgspec.UNSET}
        try:
            record = await self._keys.limit(
                request.path_params["key_id"],
                lambda limits: msgspec.structs.replace(limits, **given),
            )
        except KeyUnknown as error:
            raise HTTPException(404, str(error)) from error
        if not record.is_active:
            raise HTTPException(409, "The key is revoked; its limits matter no more.")
        return json_answer(self._view(record))

    @operation(
        "DELETE",
        "/admin/v1/keys/{key_id}",
        "Revoke an API key, within a second everywhere.",
        KeyView,
    )
    async def revoke_key(self, request: Request) -> Response:
        try:
            record = await self._keys.revoke(request.path_params["key_id"])
        except KeyUnknown as error:
            raise HTTPException(404, str(error)) from error
        return json_answer(self._view(record))

    def _view(self, record: KeyRecord) -> KeyView:
        limits = self._keys.limits(record.id)
        return KeyView(
            record.id,
            record.name,
            record.created_at,
            record.created_by,
            record.revoked_at,
            LimitsView(*msgspec.structs.astuple(limits)),
            record.limits,
            self._ledger.spent_nano_usd(record.id),
        )
