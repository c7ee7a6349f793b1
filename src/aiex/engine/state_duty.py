"""What a carrier is to do about its cluster's state: facts in, one duty out."""

from enum import Enum

import msgspec

from aiex.engine.founding import Founding
from aiex.engine.state_claims import Claims

# A node that brings the state home and is silent for so long has crashed, or is cut off: frozen
# servers are killed and sessions given up in less.
HOME_PATIENCE_S = 15.0
# What a person has to decide: whose state counts, and what becomes of the other.
BOTH_HAVE_STATE = "each have state from before the cluster"
STATE_NOT_USED = "is kept, and not used,"


class Duty(Enum):
    WAIT = "wait"
    FOUND = "found the cluster: nobody has state"
    MOVE_IN = "move this node's state in"
    PUT_ASIDE = "put aside the store that was moved in"
    GIVE_BACK = "give the state back to the cluster"
    TEND = "see that streams are kept often enough"


class Facts(msgspec.Struct, frozen=True):
    """`move` is the id of a move that this node once began, empty without one.

    `came_home_by` is that of the move which brought what this node's store holds. `is_home_out`:
    the node that the state leaves for was taken out of the cluster, and will never come back.
    """

    own: str
    holds_state: bool
    brings_home: bool
    move: str
    founding: Founding | None
    claims: Claims
    home_silent_s: float = 0.0
    came_home_by: str = ""
    is_home_out: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """`trouble` says in words what keeps the state from being used, or is to be looked at."""

    duty: Duty
    trouble: str = ""


def verdict(facts: Facts) -> Verdict:
    founding = facts.founding
    if facts.brings_home:
        return Verdict(Duty.WAIT)
    if facts.holds_state:
        return _of_holder(facts)
    if founding is None:
        return _of_new_cluster(facts.claims)
    if founding.home:
        return _of_leaving_state(founding, facts)
    return Verdict(Duty.TEND)


def _of_holder(facts: Facts) -> Verdict:
    founding = facts.founding
    if founding is None:
        return _of_first_holder(facts)
    if founding.home == facts.own:
        # Only what came home just now is what left; else it crashed, and this is older state.
        is_it = founding.home_move == facts.came_home_by
        return Verdict(Duty.MOVE_IN if is_it else Duty.GIVE_BACK)
    if facts.move and founding.move == facts.move:
        return Verdict(Duty.PUT_ASIDE)
    if founding.home:
        return _of_leaving_state(founding, facts)
    return Verdict(
        Duty.TEND,
        f"the cluster has the state of the node {founding.by}; what this node had before "
        f"{STATE_NOT_USED} in engine/standalone of its data directory",
    )


def _of_first_holder(facts: Facts) -> Verdict:
    if not facts.claims.holders:
        return Verdict(Duty.MOVE_IN)
    both = ", ".join((facts.own, *facts.claims.holders))
    return Verdict(
        Duty.WAIT,
        f"the nodes {both} {BOTH_HAVE_STATE}, and only one can bring its "
        "own; stop the others and move engine/standalone out of their data directories",
    )


def _of_new_cluster(claims: Claims) -> Verdict:
    if claims.holders:
        return Verdict(
            Duty.WAIT, f"the state of the node {claims.holders[0]} is on its way into the cluster"
        )
    if claims.silent:
        silent = ", ".join(claims.silent)
        return Verdict(
            Duty.WAIT, f"waits until the carriers {silent} say whether they have its state"
        )
    return Verdict(Duty.FOUND)


def _of_leaving_state(founding: Founding, facts: Facts) -> Verdict:
    if founding.home == facts.own:
        # It crashed on the way: what it has is not whole.
        return Verdict(Duty.GIVE_BACK)
    if facts.is_home_out:
        return Verdict(Duty.GIVE_BACK)
    is_coming = any(
        claim.brings_home for claim in facts.claims.heard if claim.name == founding.home
    )
    if is_coming or facts.home_silent_s < HOME_PATIENCE_S:
        return Verdict(Duty.WAIT)
    if founding.is_gone:
        # It may have begun to use what it brought home: only a person can know that it did not.
        return Verdict(
            Duty.WAIT,
            f"the state has left for the node {founding.home}, which is not there; start it, or, "
            f"if it will never come back, take it out: aiex cluster remove {founding.home}",
        )
    return Verdict(Duty.GIVE_BACK)
