"""What an operator asks of the models."""

from starlette.requests import Request
from starlette.responses import Response

from aiex.node.admin.answers import json_answer
from aiex.node.admin.operation import operation
from aiex.node.node_report import NodeReport
from aiex.node.views.models import ModelListView


class ModelOperations:
    def __init__(self, report: NodeReport) -> None:
        self._report = report

    @operation("GET", "/admin/v1/models", "Models and where they go.", ModelListView)
    async def models(self, _: Request) -> Response:
        return json_answer(self._report.models())
