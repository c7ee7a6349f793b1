"""What a node does next so that its cluster has an engine: facts in, one step out. Pure.

A node knows a charter (who carries the engine), takes the seat that it gives, and looks after the
charter once it has read it in the engine from there:

    no charter ──► the carriers that discovery names, or a charter that others tell
        │
        ▼
    take the seat ──► read the charter in the engine ──► leave it as it is, or write the next one
                          │ none there yet
                          ▼
                      the first carrier writes it

One step, then a new look: nothing is remembered from one step to the next but what is on a disc or
in the engine, so a crash in between is a new look too. That the state is where the servers are,
moved there and never in two places, is the engine's own care (`aiex.engine.founding`).
"""

from collections.abc import Mapping
from enum import Enum

import msgspec

from aiex.cluster.formation.charter import COUNTS, Charter
from aiex.cluster.wording import listed
from aiex.engine import Carrier, CarrierAddress, Client, Seat


class Reading(Enum):
    """What the engine says of the charter when it says none."""

    UNREAD = "not read"  # no answer in this seat yet
    MISSING = "missing"  # the engine answers, has its state, and no charter in it


class Facts(msgspec.Struct, frozen=True):
    """What one node knows at one moment.

    `name` is the node's own name as a carrier. `found` are the carriers that discovery names, empty
    while it cannot, and `waiting_for` says why. `available` are members that are up, may carry and
    do not. `up` are carriers that are members and up, oneself included. `servers` are those in the
    engine's Raft group, by name, with whether each is there and has all the others have; None while
    nobody could tell.
    """

    name: str
    seat: Seat
    found: tuple[CarrierAddress, ...] = ()
    waiting_for: str = ""
    charter: Charter | None = None
    read: Charter | Reading = Reading.UNREAD
    wanted: int = 3
    available: tuple[CarrierAddress, ...] = ()
    up: frozenset[str] = frozenset()
    servers: Mapping[str, bool] | None = None
    is_leaving: bool = False
    cluster: str = "aiex"


class Wait(msgspec.Struct, frozen=True):
    """Nothing can be done now; `reason` is for people, empty when all is well."""

    reason: str = ""


class Adopt(msgspec.Struct, frozen=True):
    """Know this charter from now on."""

    charter: Charter


class Sit(msgspec.Struct, frozen=True):
    """Take this seat; what was read of the charter was read in another."""

    seat: Seat


class TakeHome(msgspec.Struct, frozen=True):
    """Bring the state to this node; its last words are `then`, kept on disc and written."""

    then: Charter


class Write(msgspec.Struct, frozen=True):
    """Write the charter to the engine, over just the one that was read (None: over none)."""

    charter: Charter
    over: Charter | None = None


class RemoveServer(msgspec.Struct, frozen=True):
    """Take a server that is no carrier's any more out of the engine's Raft group."""

    name: str


type Step = Wait | Adopt | Sit | TakeHome | Write | RemoveServer


def may_leave(facts: Facts) -> bool:
    """Whether nothing is lost when this node goes for good."""
    is_carrier = facts.charter is not None and facts.name in facts.charter.names
    serves = isinstance(facts.seat, Carrier) and bool(facts.seat.others)
    return not is_carrier and not serves


def next_step(facts: Facts) -> Step:
    """The one thing to do now."""
    charter = facts.charter
    if charter is None:
        return _first_charter(facts)
    if isinstance(facts.read, Charter) and facts.read.epoch > charter.epoch:
        return Adopt(facts.read)
    seat = charter.seat(facts.name)
    if not _is_seated(facts.seat, seat):
        if _must_stay(facts, charter):
            return Wait("its server is being taken out of the engine")
        return Sit(seat)
    return _by_what_was_read(facts, charter)


def _by_what_was_read(facts: Facts, charter: Charter) -> Step:
    match facts.read:
        case Reading.UNREAD:
            return Wait(_unread(charter, facts.seat))
        case Reading.MISSING if charter.names[0] == facts.name:
            return Write(charter)
        case Reading.MISSING:
            return Wait(f"waits for {charter.names[0]} to write the first charter")
        case Charter() as read if read.epoch < charter.epoch:
            # The engine was restored from an older copy, or forgot; what was read once counts.
            if _acts(facts, charter):
                return Write(charter, read)
            return Wait("the engine has an older charter")
    if charter.takes:
        return _take(facts, charter)
    return _look_after(facts, charter)


def _first_charter(facts: Facts) -> Step:
    if not facts.found:
        return Wait(facts.waiting_for)
    return Adopt(Charter(facts.cluster, 1, facts.found, generation=1))


def _take(facts: Facts, charter: Charter) -> Step:
    own = charter.carrier(facts.name)
    if charter.takes != facts.name or own is None:
        return Wait(f"{charter.takes} takes the state, to carry it alone")
    return TakeHome(charter.founding((own,)))


def _look_after(facts: Facts, charter: Charter) -> Step:
    """All is well: does the charter need a change that falls to this node?"""
    acts, is_whole = _acts(facts, charter), _is_whole(facts, charter)
    if acts and (strays := [one for one in facts.servers or () if one not in charter.names]):
        return RemoveServer(strays[0])
    if facts.is_leaving and charter.is_settled and facts.name in charter.names:
        after = handed_over(charter, facts.name, facts.available)
        if isinstance(after, str):
            return Wait(after)
        return Write(after, charter) if is_whole else Wait(_unwhole(facts, charter))
    if not acts:
        return Wait()
    if not is_whole:
        return Wait()
    if charter.leaves:
        return Write(charter.without(charter.leaves), charter)
    if changed := _evened(charter, facts.wanted, facts.available):
        return Write(changed, charter)
    return Wait()


def _acts(facts: Facts, charter: Charter) -> bool:
    """Whether this node is the first of the carriers that are up; compare-and-set does the rest."""
    first = next((one for one in charter.names if one in facts.up), None)
    return first == facts.name


def _is_whole(facts: Facts, charter: Charter) -> bool:
    """Whether the servers of the engine are just those of the charter, all of them with all data.

    Only then may the carriers change: each change leaves a quorum of those that were there before.
    """
    if len(charter.carriers) == 1:
        return True
    servers = facts.servers or {}
    return servers.keys() == set(charter.names) and all(
        servers[one] and one in facts.up for one in charter.names if one != charter.leaves
    )


def _must_stay(facts: Facts, charter: Charter) -> bool:
    """Whether this node is no carrier any more, and its server still counts for the quorum."""
    return (
        isinstance(facts.seat, Carrier)
        and bool(facts.seat.others)
        and facts.seat.generation == charter.generation
        and facts.name not in charter.names
        and (facts.servers is None or facts.name in facts.servers)
    )


def _unwhole(facts: Facts, charter: Charter) -> str:
    servers = facts.servers or {}
    late = [one for one in charter.names if not servers.get(one) or one not in facts.up]
    return f"{listed(late or ['the engine'])} must be there, with all data, or be removed first"


def _evened(charter: Charter, wanted: int, available: tuple[CarrierAddress, ...]) -> Charter | None:
    """The charter with as many carriers as are wanted and to be had, 1, 3 or 5 of them."""
    count = len(charter.carriers)
    more = next((one for one in COUNTS if count < one <= wanted), None)
    if more is not None and count + len(available) >= more:
        carriers = charter.carriers + available[: more - count]
        if count == 1:
            return charter.founding(carriers)
        return charter.following(carriers)
    if count > 2 and count not in COUNTS:
        return charter.without(charter.names[-1])
    return None


def handed_over(
    charter: Charter, name: str, available: tuple[CarrierAddress, ...]
) -> Charter | str:
    """The charter by which the carrier `name` may leave, or why there is none."""
    others = tuple(one for one in charter.carriers if one.name != name)
    if len(others) > 2 or (others and available):
        return charter.following((*charter.carriers, *available[:1]), leaves=name)
    if others:
        return charter.following(charter.carriers, takes=others[0].name)
    return (
        f"{name} carries the state alone: let the other nodes leave before it, or let one more "
        "node join, so that three carry it"
    )


def removed(charter: Charter, name: str, up: frozenset[str]) -> Charter | str:
    """The charter without a carrier that will never come back, or why that cannot be."""
    if charter.carrier(name) is None:
        return f"{name} is not one of the carriers ({listed(charter.names)})"
    if name in up:
        return f"{name} is up; let it leave: aiex cluster leave"
    if not charter.is_settled and name not in (charter.leaves, charter.takes):
        return "the carriers are changing already; try again once that is done"
    if len(charter.carriers) == 1:
        return f"{name} is the only carrier; without it there is no state"
    return charter.without(name)


def _is_seated(seat: Seat, wanted: Seat) -> bool:
    """Whether it is the same seat, wherever the others are by now: addresses change, names not."""
    match seat, wanted:
        case Carrier(), Carrier():
            return (
                seat.own.name == wanted.own.name
                and seat.generation == wanted.generation
                and _names(seat.others) == _names(wanted.others)
            )
        case Client(carriers), Client(wanted_carriers):
            return _names(carriers) == _names(wanted_carriers)
    return False


def _names(carriers: tuple[CarrierAddress, ...]) -> frozenset[str]:
    return frozenset(one.name for one in carriers)


def _unread(charter: Charter, seat: Seat) -> str:
    if isinstance(seat, Client):
        verb = "carries" if len(charter.names) == 1 else "carry"
        return f"waits for the engine that {listed(charter.names)} {verb}"
    if isinstance(seat, Carrier) and not seat.others:
        return "waits for the engine"
    return f"waits for a quorum of the carriers {listed(charter.names)}"
