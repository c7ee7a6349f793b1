"""What a snapshot of the node tells of its API and its engine, read from its parts when asked."""

from collections.abc import Callable

from aiex.node.health import lacking_text
from aiex.node.own_copies import state_word
from aiex.node.parts import Parts
from aiex.performance import EngineSeen, MemberRow, RequestsSeen, RouteRow, TargetRow, ViewRow


class NodeSurroundings:
    """`parts` must be complete when it is asked."""

    def __init__(self, parts: Callable[[], Parts]) -> None:
        self._parts = parts

    def in_flight_count(self) -> int:
        return self._parts().api.in_flight_count

    def engine_word(self) -> str:
        return self._parts().engine.status().state

    def requests(self) -> RequestsSeen:
        parts = self._parts()
        traffic = parts.telemetry.traffic(parts.cluster.incarnation())
        return RequestsSeen(
            parts.api.in_flight_count,
            parts.settings.api.in_flight_max,
            parts.intake.stream_count,
            parts.intake.gate.shed_ratio,
            traffic.requests,
            traffic.errors,
            traffic.durations,
            tuple(
                RouteRow(route, model, counts.requests, counts.errors)
                for (route, model), counts in parts.telemetry.route_counts().items()
            ),
            tuple(
                TargetRow(one.name, one.breaker.state.value, one.cap.in_flight, one.cap.queue_len)
                for one in parts.targets.states()
            ),
        )

    def engine(self) -> EngineSeen:
        parts = self._parts()
        status, view = parts.engine.status(), parts.cluster.view()
        members = [
            MemberRow(
                one.name,
                one.state,
                one.version,
                one.zone,
                one.carrier,
                one.in_flight,
                one.reason,
                one.is_self,
            )
            for one in view.members
        ]
        return EngineSeen(
            status.is_embedded,
            status.state,
            status.reason,
            status.since_s,
            status.server_version,
            parts.cluster.calls_in_flight(),
            view.stays_out or view.split or lacking_text(parts.engine.lacking()),
            tuple(members),
            tuple(ViewRow(one.table, state_word(one), one.lag_s) for one in parts.views()),
        )
