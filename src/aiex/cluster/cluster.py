"""The cluster of one node: its services, the members it knows, and how it speaks to them."""

from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from aiex.clock import Clock
from aiex.cluster.calls import (
    Answer,
    CallDesk,
    Caller,
    Calls,
    Failure,
    Group,
    Handler,
    Page,
    Ping,
    Pong,
    Request,
)
from aiex.cluster.discovery import Discovery
from aiex.cluster.events import MemberDown, MemberLeft
from aiex.cluster.formation import CHARTER_FILE, EngineSeats, FormationService, attendance
from aiex.cluster.leases import Leasehold, LeaseService, LeaseStatus
from aiex.cluster.membership import GONE, Condition, MembershipService, MemberState, Own, View
from aiex.engine import Bucket, Messaging
from aiex.events import Emit
from aiex.service import Service
from aiex.settings import ClusterSettings

_NO_HANDLERS: Mapping[type[Any], Handler] = {}


class Forming(NamedTuple):
    """The engine that is to be formed, how the others are found, and what ends this node."""

    engine: EngineSeats
    discovery: Discovery | None  # none: on its own, until it is told to join others
    left: Callable[[], None]


class Cluster:
    """Built from settings; `services` run under the node's supervision, after the engine's.

    `handlers` answer requests of other nodes, each by the type of the request; `ping` is answered
    here. `page` has all requests there are. `forming` is what it takes to get an engine together.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        own: Own,
        connection: Messaging,
        data_dir: Path,
        *,
        leases: Bucket,
        condition: Callable[[], Condition],
        forming: Forming | None = None,
        handlers: Mapping[type[Any], Handler] = _NO_HANDLERS,
        page: Page | None = None,
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        self.name = settings.name
        self.own_name = own.name
        self._clock = clock
        self._random = random
        self._emit = emit
        page = page or Page()
        self.formation = self._formation(settings, forming, data_dir) if forming else None
        self._membership = MembershipService(
            own,
            settings.name,
            connection,
            condition=lambda: self._as_formed(condition()),
            incarnation_file=data_dir / "incarnation",
            forget_down_after_s=settings.forget_down_after_s,
            next_lost_carrier=forming.engine.next_lost_carrier if forming else None,
            clock=clock,
            random=random,
            emit=self._note,
        )
        self._desk = CallDesk(
            own,
            settings.name,
            connection,
            {Ping: self._pong, **handlers},
            page=page,
            may_answer=lambda: not self._membership.has_twin(),
            clock=clock,
            random=random,
            emit=emit,
        )
        self._calls = Calls(
            own.name,
            settings.name,
            connection,
            self._desk,
            self._membership,
            page=page,
            clock=clock,
            random=random,
            emit=emit,
        )
        self._leases = LeaseService(own.name, leases, self._membership, clock=clock, emit=emit)

    def services(self) -> list[Service]:
        """In start order: who is announced can be called; leases are given away before goodbye."""
        return [self._desk, self._membership, self._leases]

    def first_services(self) -> list[Service]:
        """Those that are there before the engine: they say what engine that is."""
        return [] if self.formation is None else [self.formation]

    def view(self) -> View:
        """The members as this node sees them now."""
        return self._membership.view()

    @property
    def is_formed_here(self) -> bool:
        """Whether this node and others carry their engine themselves, or are about to."""
        return self.formation is not None and self.formation.is_on

    def live_count(self) -> int:
        """How many take part, this node included; it counts alone before it runs."""
        return sum(member.state not in GONE for member in self.view().members) or 1

    def company_count(self) -> int:
        """How many share what is for all: those that are missing too, since they may go on alone.

        Before this node hears of others it counts those it knows to carry the engine.
        """
        members = self.view().members
        known = sum(member.state is not MemberState.LEFT for member in members)
        charter = self.formation.status().charter if self.formation is not None else None
        return max(known, len(charter.names) if charter is not None else 0, 1)

    def forget(self, name: str) -> None:
        """Tell all that a node which is down will not come back: it counts as missing no more."""
        self._membership.forget(name)

    def incarnation(self) -> int:
        """Which life of this node it is; 0 before it runs."""
        return self._membership.incarnation()

    def has_twin(self) -> bool:
        """Whether another process, begun later, is the member under this node's name."""
        return self._membership.has_twin()

    def calls_in_flight(self) -> int:
        """How many calls of this node to others are under way."""
        return self._calls.in_flight_count

    def requests_in_hand(self) -> int:
        """How many requests of others are carried out here now."""
        return self._desk.running_count

    def held_bytes(self) -> int:
        """Bytes of large answers that wait here to be fetched."""
        return self._desk.held_bytes

    def group(self, name: str) -> Group:
        """A named set of members; this node joins it with `join`."""
        return Group(name, self._membership, self._calls, self._random)

    async def call[A](
        self, node: str, request: Request[A], *, deadline_s: float, traceparent: str = ""
    ) -> Answer[A] | Failure:
        """What one node answers; a failure is data, and comes by the deadline."""
        return await self._calls.call(node, request, deadline_s=deadline_s, traceparent=traceparent)

    def call_all[A](
        self, request: Request[A], *, deadline_s: float, traceparent: str = ""
    ) -> AsyncGenerator[Answer[A] | Failure]:
        """What each member answers, this node included, as it comes; missing ones fail at once.

        Leave it early through `contextlib.aclosing`, so that the other calls are cancelled then.
        """
        return self._calls.call_all(request, deadline_s=deadline_s, traceparent=traceparent)

    def expected_names(self) -> list[str]:
        """Those that `call_all` asks: all members but the ones that said goodbye."""
        return self._membership.expected_names()

    def lease(self, name: str) -> Leasehold:
        """The lease of that name; raises `ValueError` for what cannot be a key of a bucket."""
        return self._leases.lease(name)

    def leases(self) -> list[LeaseStatus]:
        """Every lease this node has heard of, by name."""
        return self._leases.all()

    def _formation(
        self, settings: ClusterSettings, forming: Forming, data_dir: Path
    ) -> FormationService:
        return FormationService(
            self.own_name,
            settings.name,
            forming.engine,
            forming.discovery,
            attendance=lambda: attendance(self.view()),
            wanted=settings.carriers,
            charter_file=data_dir / CHARTER_FILE,
            left=forming.left,
            clock=self._clock,
            emit=self._emit,
        )

    def _as_formed(self, condition: Condition) -> Condition:
        if self.formation is None:
            return condition
        status = self.formation.status()
        return msgspec.structs.replace(
            condition, carrier=status.carrier, is_leaving=status.is_leaving
        )

    async def _pong(self, _: Ping, __: Caller) -> Pong:
        return Pong(
            self.own_name,
            self._membership.incarnation(),
            self._clock.monotonic_s(),
            self._clock.wall_s(),
        )

    def _note(self, event: Any) -> None:
        """Calls end with whoever they are with."""
        self._emit(event)
        if isinstance(event, MemberDown | MemberLeft):
            self._calls.member_gone(event.name, _gone_text(event))
            self._desk.caller_gone(event.name, event.incarnation)


def _gone_text(event: MemberDown | MemberLeft) -> str:
    if isinstance(event, MemberLeft):
        return f"{event.name} left"
    return f"{event.name} is down: {event.reason}"
