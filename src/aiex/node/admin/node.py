"""What an operator asks of the node itself."""

from starlette.requests import Request
from starlette.responses import Response

from aiex.node.admin.answers import json_answer
from aiex.node.admin.operation import operation
from aiex.node.node_report import NodeReport
from aiex.node.views.node import ServiceView, StatusView


class NodeOperations:
    def __init__(self, report: NodeReport) -> None:
        self._report = report

    @operation("GET", "/admin/v1/status", "The node at a glance.", StatusView)
    async def status(self, _: Request) -> Response:
        return json_answer(self._report.status())

    @operation("GET", "/admin/v1/supervision", "The tree of services.", ServiceView)
    async def supervision(self, _: Request) -> Response:
        return json_answer(self._report.supervision())
