"""Who may ask the admin API: whoever has its token, for what is not open to all."""

import hmac

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from aiex.node.admin.answers import error_answer
from aiex.node.admin.operations import OPERATIONS

METRICS_PATH = "/metrics"
_PAGES = ("/", "/openapi.json")
_OPEN_PATHS = frozenset(one.path for one in OPERATIONS if not one.needs_token).union(_PAGES)


class TokenCheck:
    """Turns away whoever brings no token, before any operation runs."""

    def __init__(self, app: ASGIApp, token: str, *, is_metrics_open: bool) -> None:
        self._app = app
        self._token = token
        self._is_metrics_open = is_metrics_open

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

    def _is_allowed(self, request: Request) -> bool:
        return self._is_open(request) or self._has_token(request)

    def _is_open(self, request: Request) -> bool:
        path = request.scope["path"]  # as it is routed; a URL is made of the Host header too
        if path == METRICS_PATH:
            return self._is_metrics_open
        return path in _OPEN_PATHS and "verbose" not in request.query_params

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        is_token = hmac.compare_digest(given.strip().encode(), self._token.encode())
        return is_token and scheme.lower() == "bearer"
