"""Carriers among the nodes of one user on one machine: whoever comes first, until enough are there.

They meet in a directory (`aiex.cluster.discovery.meeting`). Until the carriers are complete, one
that died is forgotten as soon as another one comes; from then on the list changes only as the
charter does (`renew`). A carrier's name is its node's; its ports are chosen at entry and kept.
"""

import contextlib
import socket
from collections.abc import Callable, Collection

import msgspec

from aiex.cluster.discovery.discovery import Found
from aiex.cluster.discovery.meeting import Carriers, Meeting, MeetingBusy, MeetingRefused, NameTaken
from aiex.engine import CarrierAddress
from aiex.errors import AiexError
from aiex.settings import ClusterSettings

# People wait for it.
FIND_EVERY_S = 0.1
# From the usual ports upwards: they stay below those that outgoing connections get, one of which
# could hold a port while its node starts anew.
FIRST_ROUTE_PORT = 6222
FIRST_CLIENT_PORT = 4222
PORTS_TRIED_MAX = 500

type IsFree = Callable[[str, int], bool]


class NoPortFree(AiexError):
    """No port is free for the engine; choose cluster.route_port and cluster.client_port."""


def is_free(host: str, port: int) -> bool:
    """Whether something could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


class LocalDiscovery:
    """The nodes that meet in `meeting`; this one is called `node_name`."""

    find_every_s = FIND_EVERY_S

    def __init__(
        self,
        settings: ClusterSettings,
        node_name: str,
        meeting: Meeting,
        *,
        is_free: IsFree = is_free,
    ) -> None:
        self._settings = settings
        self._name = node_name
        self._meeting = meeting
        self._is_free = is_free
        self._has_entered = False
        self._spare: CarrierAddress | None = None

    async def find(self) -> Found:
        # On the loop itself: a few small files, while the node has nothing else to do yet.
        try:
            self._meeting.open()
            return self._found(self._entered())
        except MeetingBusy:
            return Found(waiting_for=f"the lock of {self._meeting.directory}")
        except (MeetingRefused, NoPortFree) as error:
            return Found(trouble=str(error))

    def close(self) -> None:
        self._meeting.leave()

    def renew(self, carriers: tuple[CarrierAddress, ...], *, epoch: int) -> str:
        """Keep a newer charter's carriers for nodes that come later; why it could not, if so."""
        chosen = tuple(sorted(carriers))
        try:
            self._meeting.open()
            with self._meeting.alone():
                known = self._readable()
                if known is None or known.epoch < epoch:
                    wanted_count = known.wanted_count if known else self._settings.carriers
                    spares = known.spares if known else ()
                    self._meeting.write_carriers(Carriers(wanted_count, chosen, epoch, spares))
        except (MeetingRefused, MeetingBusy) as error:
            return str(error)
        return ""

    def _entered(self) -> Carriers:
        """Who is to carry the engine, this node among them if there is room."""
        known = self._meeting.carriers() or Carriers(self._settings.carriers)
        try:
            self._meeting.be_there(self._name)
        except NameTaken:
            raise
        except MeetingRefused:
            # On a disc gone read-only who is complete can do without being seen.
            if not known.is_full:
                raise
        has_place = self._has_entered and _place(known, self._name) is not None
        if known.is_full or has_place or self._settings.carries == "no":
            return known
        with self._meeting.alone():
            known = self._meeting.carriers() or known
            if not known.is_full:
                known = self._enter(known)
            self._has_entered = True
        return known

    def _enter(self, known: Carriers) -> Carriers:
        """The list without those that died and with this node, written down."""
        others = [
            one
            for one in known.carriers
            if one.name != self._name and self._meeting.is_there(one.name)
        ]
        own = self._own(_place(known, self._name), others)
        entered = msgspec.structs.replace(known, carriers=tuple(sorted([*others, own])))
        if entered != known:
            self._meeting.write_carriers(entered)
        return entered

    def _own(
        self, last: CarrierAddress | None, others: Collection[CarrierAddress]
    ) -> CarrierAddress:
        """This node's address: the one it had, if its ports are still to be had."""
        host = self._settings.host
        taken = {port for one in others for port in (one.route_port, one.client_port)}
        if last is not None and last.host == host:
            ports = {last.route_port, last.client_port}
            if not ports & taken and all(self._is_free(host, port) for port in ports):
                return last
        route_port = self._port(self._settings.route_port or FIRST_ROUTE_PORT, taken)
        client_port = self._port(
            self._settings.client_port or FIRST_CLIENT_PORT, taken | {route_port}
        )
        return CarrierAddress(self._name, host, route_port, client_port)

    def _port(self, first: int, taken: Collection[int]) -> int:
        for port in range(first, min(first + PORTS_TRIED_MAX, 65536)):
            if port not in taken and self._is_free(self._settings.host, port):
                return port
        raise NoPortFree

    def _found(self, known: Carriers) -> Found:
        missing_count = 0 if known.is_full else known.wanted_count - len(known.carriers)
        nodes = "node" if missing_count == 1 else "nodes"
        waiting_for = f"{missing_count} more {nodes} of this machine to carry the engine"
        own = _place(known, self._name)
        return Found(
            known.carriers,
            own,
            waiting_for=waiting_for if missing_count else "",
            spare=self._spare_address(known) if own is None else None,
        )

    def _spare_address(self, known: Carriers) -> CarrierAddress | None:
        """Chosen once, so that everybody is told the same, and noted beside those of the others."""
        if self._settings.carries == "no" or not known.is_full:
            return None
        if self._spare is None:
            # Who cannot note it now offers nothing yet.
            with contextlib.suppress(MeetingBusy, MeetingRefused), self._meeting.alone():
                self._spare = self._noted_spare(self._meeting.carriers() or known)
        return self._spare

    def _noted_spare(self, known: Carriers) -> CarrierAddress:
        others = [
            one
            for one in known.spares
            if one.name != self._name and self._meeting.is_there(one.name)
        ]
        last = next((one for one in known.spares if one.name == self._name), None)
        spare = self._own(last, [*known.carriers, *others])
        noted = msgspec.structs.replace(known, spares=tuple(sorted([*others, spare])))
        self._meeting.write_carriers(noted)
        return spare

    def _readable(self) -> Carriers | None:
        """What is known, if it is understood: what is broken is worth less than a charter."""
        try:
            return self._meeting.carriers()
        except MeetingRefused:
            return None


def _place(known: Carriers, name: str) -> CarrierAddress | None:
    return next((one for one in known.carriers if one.name == name), None)
