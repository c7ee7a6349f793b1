"""What probes and scrapers ask: does the node live, is it ready, how are its checks."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from aiex.node.admin.answers import json_answer
from aiex.node.admin.operation import operation
from aiex.node.health import Check, Health, worst
from aiex.node.node_report import NodeReport
from aiex.node.views.node import HealthView


class Probes:
    def __init__(self, report: NodeReport, metrics: Callable[[], bytes]) -> None:
        self._report = report
        self._metrics = metrics

    @operation("GET", "/livez", "The node's loop turns.", needs_token=False)
    async def livez(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    @operation("GET", "/readyz", "The node takes new requests.", needs_token=False)
    async def readyz(self, request: Request) -> Response:
        if "verbose" in request.query_params:
            return await self.health_ready(request)
        if self._report.is_ready():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("not ready\n", 503)

    @operation("GET", "/healthz", "The same as /readyz.", needs_token=False)
    async def healthz(self, request: Request) -> Response:
        return await self.readyz(request)

    @operation("GET", "/health", "Each check with its reason.", HealthView)
    async def health(self, _: Request) -> Response:
        return _health(self._report.checks())

    @operation("GET", "/health/live", "The node's loop turns.", HealthView)
    async def health_live(self, _: Request) -> Response:
        return _health([Check("loop", Health.OK)])

    @operation("GET", "/health/ready", "What readiness depends on.", HealthView)
    async def health_ready(self, _: Request) -> Response:
        return _health(self._report.readiness_checks())

    @operation("GET", "/health/detailed", "Each check with its reason.", HealthView)
    async def health_detailed(self, request: Request) -> Response:
        return await self.health(request)

    @operation(
        "GET",
        "/metrics",
        "Prometheus text. No token on loopback, or with admin.metrics_open.",
        needs_token=False,
    )
    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _health(checks: list[Check]) -> Response:
    status = worst(checks)
    content = {"status": status, "checks": checks}
    return json_answer(content, 503 if status is Health.FAILED else 200)
