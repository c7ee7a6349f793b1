"""The admin listener's application: what an operator asks and does, over HTTP.

Starlette, since nothing here is hot. It answers from collaborators and holds no state of its own.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from aiex.assistant import (
    KeyLimits,
    KeyRecord,
    KeyRing,
    KeyUnknown,
    Metering,
    UsageRow,
    seconds_in,
)
from aiex.cluster import Answer, Cluster, Drain, Failure, PlanDrain
from aiex.cluster import Request as CallRequest
from aiex.errors import Conflict, EngineError, HotValueError, HotValueInvalid, SettingsError
from aiex.node.admin_http import body_as, error_answer, json_answer
from aiex.node.admin_operations import OPERATIONS, openapi
from aiex.node.admin_page import admin_page
from aiex.node.admin_views import (
    DrainRequest,
    DrainView,
    KeyListView,
    KeyRequest,
    KeyUpdate,
    KeyView,
    LimitsView,
    NewKeyView,
    UsageRowView,
    UsageView,
)
from aiex.node.cluster_change import ChangeRefused, ClusterChange
from aiex.node.health import Check, Health, worst
from aiex.node.hot_admin import HotAdmin
from aiex.node.hot_canary import CanaryRefused
from aiex.node.joining import JoinRequest
from aiex.node.node_report import NodeReport

KEY_NAME_CHARS_MAX = 100
# A member that is busy answers within a second; an operator waits no longer than twice that.
CALL_S = 2.0
_LIMITS = KeyLimits.__struct_fields__
_log = logging.getLogger("aiex.node.admin")


class Admin:
    """The operations of the table, each a method of its operation's name, here or at `hot`."""

    def __init__(
        self,
        report: NodeReport,
        keys: KeyRing,
        metering: Metering,
        change: ClusterChange,
        cluster: Cluster,
        hot: HotAdmin,
        *,
        metrics: Callable[[], bytes],
        version: str,
        token: str,
        is_metrics_open: bool,
    ) -> None:
        self._report = report
        self._keys = keys
        self._metering = metering
        self._change = change
        self._cluster = cluster
        self._hot = hot
        self._metrics = metrics
        self._version = version
        self._token = token
        self._is_metrics_open = is_metrics_open

    def app(self) -> ASGIApp:
        """The ASGI application."""
        routes = [
            Route(operation.path, self._endpoint(operation.name), methods=[operation.method])
            for operation in OPERATIONS
        ]
        routes.append(Route("/openapi.json", self._openapi))
        routes.append(Route("/", self._page))
        app = Starlette(
            routes=routes,
            middleware=[Middleware(_TokenCheck, is_allowed=self._is_allowed)],
            exception_handlers={
                HTTPException: _http_error,
                EngineError: _engine_error,
                ChangeRefused: _change_refused,
                SettingsError: _change_refused,
                CanaryRefused: _change_refused,
                HotValueError: _hot_value_error,
            },
        )
        # A path with a stroke too many is another path, and not a detour.
        app.router.redirect_slashes = False
        return app

    def _endpoint(self, operation: str) -> Callable[[Request], Awaitable[Response]]:
        owner = self if hasattr(self, operation) else self._hot
        endpoint: Callable[[Request], Awaitable[Response]] = getattr(owner, operation)
        return endpoint

    def _is_allowed(self, request: Request) -> bool:
        path = request.scope["path"]  # as it is routed; a URL is made of the Host header too
        if path in _OPEN_PATHS and "verbose" not in request.query_params:
            return True
        if path == "/metrics" and self._is_metrics_open:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        is_token = hmac.compare_digest(given.strip().encode(), self._token.encode())
        return is_token and scheme.lower() == "bearer"

    async def livez(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        if "verbose" in request.query_params:
            return await self.health_ready(request)
        if self._report.is_ready():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("not ready\n", 503)

    healthz = readyz

    async def health(self, _: Request) -> Response:
        return _health(self._report.checks())

    health_detailed = health

    async def health_live(self, _: Request) -> Response:
        return _health([Check("loop", Health.OK)])

    async def health_ready(self, _: Request) -> Response:
        return _health(self._report.readiness_checks())

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def status(self, _: Request) -> Response:
        return json_answer(self._report.status())

    async def supervision(self, _: Request) -> Response:
        return json_answer(self._report.supervision())

    async def cluster(self, _: Request) -> Response:
        return json_answer(self._report.cluster())

    async def cluster_ping(self, _: Request) -> Response:
        return json_answer(await self._report.of_cluster.pings())

    async def cluster_descriptions(self, _: Request) -> Response:
        return json_answer(await self._report.of_cluster.descriptions())

    async def cluster_explain(self, _: Request) -> Response:
        return json_answer(await self._report.of_cluster.explanation())

    async def drain_plan(self, request: Request) -> Response:
        return json_answer(await self._called(request.path_params["name"], PlanDrain()))

    async def drain(self, request: Request) -> Response:
        name, asked = request.path_params["name"], await body_as(request, DrainRequest)
        begun = await self._called(name, Drain(asked.force))
        if begun.refusal:
            raise HTTPException(409, f"{begun.refusal}. Drain it all the same with force.")
        return json_answer(DrainView(name), 202)

    async def _called[A](self, name: str, asked: CallRequest[A]) -> A:
        """What a member answers; raises 404, or 503 with why it does not."""
        known = [one.name for one in self._cluster.view().members]
        if name not in known:
            raise HTTPException(404, f"There is no member {name}; there are {', '.join(known)}.")
        match await self._cluster.call(name, asked, deadline_s=CALL_S):
            case Failure(text=text):
                raise HTTPException(503, f"{text}.")
            case Answer(value=value):
                return value

    async def leases(self, _: Request) -> Response:
        return json_answer(self._report.leases())

    async def cluster_join(self, request: Request) -> Response:
        self._change.join(await body_as(request, JoinRequest))
        return json_answer(self._report.cluster(), 202)

    async def cluster_leave(self, _: Request) -> Response:
        self._change.leave()
        return json_answer(self._report.cluster(), 202)

    async def cluster_remove(self, request: Request) -> Response:
        await self._change.remove(request.path_params["name"])
        return json_answer(self._report.cluster())

    async def models(self, _: Request) -> Response:
        return json_answer(self._report.models())

    async def list_keys(self, _: Request) -> Response:
        return json_answer(KeyListView([self._key_view(record) for record in self._keys.records()]))

    async def create_key(self, request: Request) -> Response:
        asked = await body_as(request, KeyRequest)
        name = asked.name.strip()
        if not name or len(name) > KEY_NAME_CHARS_MAX or not name.isprintable():
            raise HTTPException(400, f"A key's name has 1 to {KEY_NAME_CHARS_MAX} characters.")
        limits = KeyLimits(**{field: getattr(asked, field) for field in _LIMITS})
        key, record = await self._keys.create(name, by="admin", limits=limits)
        return json_answer(NewKeyView(record.id, record.name, key, record.created_at), 201)

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
        return json_answer(self._key_view(record))

    async def usage(self, request: Request) -> Response:
        asked = request.query_params
        try:
            since_s = seconds_in(asked.get("since", "24h"))
        except ValueError as error:
            raise HTTPException(400, f"since: {error}.") from error
        rows = await self._metering.bookkeeper.usage(since_s)
        names = {record.id: record.name for record in self._keys.records()}
        shown = [
            _usage_row(row, names.get(row.key_id, ""))
            for row in rows
            if asked.get("key", row.key_id) == row.key_id
            and asked.get("model", row.model) == row.model
        ]
        return json_answer(UsageView(since_s, shown))

    async def revoke_key(self, request: Request) -> Response:
        try:
            record = await self._keys.revoke(request.path_params["key_id"])
        except KeyUnknown as error:
            raise HTTPException(404, str(error)) from error
        return json_answer(self._key_view(record))

    def _key_view(self, record: KeyRecord) -> KeyView:
        limits = self._keys.limits(record.id)
        return KeyView(
            record.id,
            record.name,
            record.created_at,
            record.created_by,
            record.revoked_at,
            LimitsView(*msgspec.structs.astuple(limits)),
            record.limits,
            self._metering.ledger.spent_nano_usd(record.id),
        )

    async def _openapi(self, _: Request) -> Response:
        return json_answer(openapi(self._version))

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(admin_page(self._version))


_OPEN_PATHS = frozenset({"/livez", "/readyz", "/healthz", "/", "/openapi.json"})


class _TokenCheck:
    """Turns away whoever brings no token, before any operation runs."""

    def __init__(self, app: ASGIApp, is_allowed: Callable[[Request], bool]) -> None:
        self._app = app
        self._is_allowed = is_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_allowed(Request(scope)):
            await self._app(scope, receive, send)
            return
        refused = error_answer(
            401,
            "The admin token is missing or wrong. It is in admin.token in the node's data "
            "directory, unless AIEX_ADMIN__TOKEN_FILE sets it; send it as a Bearer token.",
            {"www-authenticate": "Bearer"},
        )
        await refused(scope, receive, send)


def _usage_row(row: UsageRow, key_name: str) -> UsageRowView:
    key_id, *others = msgspec.structs.astuple(row)
    return UsageRowView(key_id, key_name, *others)


async def _change_refused(_: Request, error: Exception) -> Response:
    return error_answer(400 if isinstance(error, SettingsError) else 409, str(error))


def _health(checks: list[Check]) -> Response:
    status = worst(checks)
    return json_answer(
        {"status": status, "checks": checks}, 503 if status is Health.FAILED else 200
    )


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, error.detail, error.headers)


async def _engine_error(_: Request, error: Exception) -> Response:
    return error_answer(409 if isinstance(error, Conflict) else 503, str(error))


async def _hot_value_error(_: Request, error: Exception) -> Response:
    return error_answer(400 if isinstance(error, HotValueInvalid) else 404, str(error))
