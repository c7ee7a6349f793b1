"""The cluster of one node: its services, and what it knows of the members."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from aiex.clock import Clock
from aiex.cluster.lease_service import LeaseService
from aiex.cluster.leasehold import Leasehold, LeaseStatus
from aiex.cluster.member import GONE, View
from aiex.cluster.membership import Condition, Own
from aiex.cluster.membership_service import MembershipService
from aiex.engine import Bucket, EngineConnection
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
        leases: Bucket,
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
        self._leases = LeaseService(own.name, leases, self._membership, clock=clock, emit=emit)

    def services(self) -> list[Service]:
        """In start order: leases are given away before the goodbye is said."""
        return [self._membership, self._leases]

    def view(self) -> View:
        """The members as this node sees them now."""
        return self._membership.view()

    def live_count(self) -> int:
        """How many take part, this node included; it counts alone before it runs."""
        return sum(member.state not in GONE for member in self.view().members) or 1

    def lease(self, name: str) -> Leasehold:
        """The lease of that name; raises `ValueError` for what cannot be a key of a bucket."""
        return self._leases.lease(name)

    def leases(self) -> list[LeaseStatus]:
        """Every lease this node has heard of, by name."""
        return self._leases.all()
