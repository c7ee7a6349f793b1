"""Who used what, as an operator asks for it."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aiex.assistant import Bookkeeper, KeyRing, UsageRow, seconds_in
from aiex.node.admin.answers import json_answer
from aiex.node.admin.operation import operation
from aiex.node.views.usage import UsageRowView, UsageView


class UsageOperations:
    def __init__(self, bookkeeper: Bookkeeper, keys: KeyRing) -> None:
        self._bookkeeper = bookkeeper
        self._keys = keys

    @operation(
        "GET",
        "/admin/v1/usage",
        "Requests, tokens and cost by key and model: ?since=24h&key=ID&model=NAME.",
        UsageView,
    )
    async def usage(self, request: Request) -> Response:
        asked = request.query_params
        try:
            since_s = seconds_in(asked.get("since", "24h"))
        except ValueError as error:
            raise HTTPException(400, f"since: {error}.") from error
        rows = await self._bookkeeper.usage(since_s)
        names = {record.id: record.name for record in self._keys.records()}
        shown = [
            _row(row, names.get(row.key_id, ""))
            for row in rows
            if asked.get("key", row.key_id) == row.key_id
            and asked.get("model", row.model) == row.model
        ]
        return json_answer(UsageView(since_s, shown))


def _row(row: UsageRow, key_name: str) -> UsageRowView:
    key_id, *others = msgspec.structs.astuple(row)
    return UsageRowView(key_id, key_name, *others)
