"""The admin listener's application: what an operator asks and does, over HTTP.

Starlette, since nothing here is hot. It answers from chapters of operations, each a module beside
this one, and holds no state of its own.
"""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from aiex.errors import (
    Conflict,
    EngineError,
    HotValueError,
    HotValueInvalid,
    QueryRefused,
    SettingsError,
)
from aiex.node.admin.answers import error_answer, json_answer
from aiex.node.admin.openapi import openapi
from aiex.node.admin.operation import operations_of
from aiex.node.admin.operations import CHAPTERS
from aiex.node.admin.page import admin_page
from aiex.node.admin.token_check import TokenCheck
from aiex.node.cluster_change import ChangeRefused
from aiex.node.hot_canary import CanaryRefused

# What an operation may raise beside `HTTPException`, and the status that this is; the nearest
# class counts.
STATUSES: dict[type[Exception], int] = {
    CanaryRefused: 409,
    ChangeRefused: 409,
    Conflict: 409,
    QueryRefused: 400,
    EngineError: 503,
    HotValueError: 404,
    HotValueInvalid: 400,
    SettingsError: 400,
}


class Admin:
    """The operations of the table, from each chapter of it."""

    def __init__(
        self, chapters: Sequence[object], *, version: str, token: str, is_metrics_open: bool
    ) -> None:
        assert [type(one) for one in chapters] == list(CHAPTERS), "each of the table, in order"
        self._chapters = chapters
        self._version = version
        self._token = token
        self._is_metrics_open = is_metrics_open

    def app(self) -> ASGIApp:
        """The ASGI application."""
        routes = [
            Route(one.path, getattr(chapter, one.name), methods=[one.method])
            for chapter in self._chapters
            for one in operations_of(type(chapter))
        ]
        routes.append(Route("/openapi.json", self._openapi))
        routes.append(Route("/", self._page))
        app = Starlette(
            routes=routes,
            middleware=[
                Middleware(TokenCheck, token=self._token, is_metrics_open=self._is_metrics_open)
            ],
            exception_handlers={HTTPException: _http_error, **dict.fromkeys(STATUSES, _refused)},
        )
        # A path with a stroke too many is another path, and not a detour.
        app.router.redirect_slashes = False
        return app

    async def _openapi(self, _: Request) -> Response:
        return json_answer(openapi(self._version))

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(admin_page(self._version))


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, error.detail, error.headers)


async def _refused(_: Request, error: Exception) -> Response:
    status = next(STATUSES[one] for one in type(error).__mro__ if one in STATUSES)
    return error_answer(status, str(error))
