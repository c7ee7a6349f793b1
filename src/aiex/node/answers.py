"""What this node answers when another one of the cluster asks."""

from collections.abc import Callable, Mapping
from typing import Any

from aiex.cluster import (
    AwaitHot,
    Caller,
    CountTraffic,
    Describe,
    Description,
    Drain,
    DrainBegun,
    DrainPlan,
    Examination,
    Examine,
    Handler,
    HotApplied,
    PlanDrain,
    Traffic,
)
from aiex.node.drain import Drains
from aiex.node.node_report import NodeReport
from aiex.node.parts import Parts


class Answers:
    """A method for each request; what they need is built after the cluster, so it is asked for."""

    def __init__(
        self,
        parts: Callable[[], Parts],
        report: Callable[[], NodeReport],
        drains: Callable[[], Drains],
    ) -> None:
        self._parts = parts
        self._report = report
        self._drains = drains

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {
            Describe: self.describe,
            Examine: self.examine,
            PlanDrain: self.plan_drain,
            Drain: self.drain,
            AwaitHot: self.hot_applied,
            CountTraffic: self.count_traffic,
        }

    async def describe(self, _: Describe, __: Caller) -> Description:
        return self._report().of_cluster.own.now()

    async def examine(self, _: Examine, __: Caller) -> Examination:
        return await self._report().of_cluster.own.examination()

    async def plan_drain(self, _: PlanDrain, __: Caller) -> DrainPlan:
        return self._drains().plan()

    async def drain(self, request: Drain, _: Caller) -> DrainBegun:
        return self._drains().begin(is_forced=request.is_forced)

    async def hot_applied(self, request: AwaitHot, _: Caller) -> HotApplied:
        return await self._parts().hot.applied(request)

    async def count_traffic(self, _: CountTraffic, __: Caller) -> Traffic:
        parts = self._parts()
        return parts.telemetry.traffic(parts.cluster.incarnation())
