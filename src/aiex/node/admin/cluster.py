"""What an operator asks of the cluster, and changes of it."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aiex.cluster import Answer, Cluster, Drain, DrainPlan, Failure, PlanDrain
from aiex.cluster import Request as CallRequest
from aiex.node.admin.answers import json_answer
from aiex.node.admin.body import body_as
from aiex.node.admin.operation import operation
from aiex.node.cluster_change import ClusterChange
from aiex.node.cluster_report import ClusterReport
from aiex.node.joining import JoinRequest
from aiex.node.views.cluster import (
    ClusterView,
    DescriptionsView,
    DrainRequest,
    DrainView,
    ExplanationView,
    LeaseListView,
    PingsView,
)

# A member that is busy answers within a second; an operator waits no longer than twice that.
CALL_S = 2.0


class ClusterOperations:
    def __init__(self, report: ClusterReport, change: ClusterChange, cluster: Cluster) -> None:
        self._report = report
        self._change = change
        self._cluster = cluster

    @operation("GET", "/admin/v1/cluster", "The members as seen here.", ClusterView)
    async def cluster(self, _: Request) -> Response:
        return json_answer(self._report.now())

    @operation("GET", "/admin/v1/cluster/ping", "How far each member is away.", PingsView)
    async def cluster_ping(self, _: Request) -> Response:
        return json_answer(await self._report.pings())

    @operation(
        "GET",
        "/admin/v1/cluster/descriptions",
        "Each node in its own words: release, settings by digest, clock, engine, whom it sees.",
        DescriptionsView,
    )
    async def cluster_descriptions(self, _: Request) -> Response:
        return json_answer(await self._report.descriptions())

    @operation(
        "GET",
        "/admin/v1/cluster/explain",
        "What is wrong with the cluster and what to do, with all that the nodes know.",
        ExplanationView,
    )
    async def cluster_explain(self, _: Request) -> Response:
        return json_answer(await self._report.explanation())

    @operation(
        "GET",
        "/admin/v1/cluster/nodes/{name}/drain-plan",
        "What a drain of a node would wait for, and for how long.",
        DrainPlan,
    )
    async def drain_plan(self, request: Request) -> Response:
        return json_answer(await self._called(request.path_params["name"], PlanDrain()))

    @operation(
        "POST",
        "/admin/v1/cluster/nodes/{name}/drain",
        "Have a node finish what it has in hand and stop; not the last one without `force`.",
        DrainView,
        takes=DrainRequest,
        status=202,
    )
    async def drain(self, request: Request) -> Response:
        name, asked = request.path_params["name"], await body_as(request, DrainRequest)
        begun = await self._called(name, Drain(asked.force))
        if begun.refusal:
            raise HTTPException(409, f"{begun.refusal}. Drain it all the same with force.")
        return json_answer(DrainView(name), 202)

    @operation("GET", "/admin/v1/cluster/leases", "Who holds which lease.", LeaseListView)
    async def leases(self, _: Request) -> Response:
        return json_answer(self._report.leases())

    @operation(
        "POST",
        "/admin/v1/cluster/join",
        "Form a cluster with others, bringing this node's state.",
        ClusterView,
        takes=JoinRequest,
        status=202,
    )
    async def cluster_join(self, request: Request) -> Response:
        self._change.join(await body_as(request, JoinRequest))
        return json_answer(self._report.now(), 202)

    @operation(
        "POST",
        "/admin/v1/cluster/leave",
        "Hand over what this node carries, drain and stop.",
        ClusterView,
        status=202,
    )
    async def cluster_leave(self, _: Request) -> Response:
        self._change.leave()
        return json_answer(self._report.now(), 202)

    @operation(
        "DELETE",
        "/admin/v1/cluster/nodes/{name}",
        "Forget a node that will not come back; its place as a carrier goes to another.",
        ClusterView,
    )
    async def cluster_remove(self, request: Request) -> Response:
        await self._change.remove(request.path_params["name"])
        return json_answer(self._report.now())

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
