"""The cluster of one node: its services, and what it knows of the members."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from aiex.clock import Clock
from aiex.cluster.member import GONE, View
from aiex.cluster.membership import Condition, Own
from aiex.cluster.membership_service import MembershipService
from aiex.engine import EngineConnection
from aiex.events import Emit
from aiex.service import Service
from aiex.settings import ClusterSettings


class Cluster:
    """Built from settings; `services` run under the node's supervision, after the engine's."""

    def __init__(
        self,
        settings: ClusterSettings,
        own: Own,
        connection: EngineConnection,
        data_dir: Path,
        *,
        condition: Callable[[], Condition],
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self.name = settings.name
        self._membership = MembershipService(
            own,
            settings.name,
            connection,
            condition=condition,
            incarnation_file=data_dir / "incarnation",
            forget_down_after_s=settings.forget_down_after_s,
            clock=clock,
            random=random,
            emit=emit,
        )

    def services(self) -> list[Service]:
        return [self._membership]

    def view(self) -> View:
        """The members as this node sees them now."""
        return self._membership.view()

    def live_count(self) -> int:
        """How many take part, this node included; it counts alone before it runs."""
        return sum(member.state not in GONE for member in self.view().members) or 1
