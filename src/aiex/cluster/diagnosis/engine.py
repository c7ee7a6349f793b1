"""Does the engine have its carriers, its state and its disk?"""

from aiex.cluster.diagnosis.evidence import Evidence, Witness
from aiex.cluster.diagnosis.finding import Found
from aiex.cluster.wording import are, listed
from aiex.engine import BOTH_HAVE_STATE, STATE_NOT_USED

# A full store stops the engine; a twentieth of a large disk is still much.
DISK_FREE_RATIO_MIN = 0.05
DISK_FREE_BYTES_ENOUGH = 2 * 1024**3
_DISK_STEP = "Free some space there; an engine whose disk is full keeps nothing, and then restarts."


def two_states(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for trouble in (formation.state_trouble, witness.description.engine.reason):
            if BOTH_HAVE_STATE in trouble or STATE_NOT_USED in trouble:
                yield (
                    f"Two nodes have state of their own: {trouble}.",
                    "Decide whose keys and usage count; on the other nodes move engine/standalone "
                    "out of the data directory while they are stopped.",
                )
                break


def disk_full(evidence: Evidence) -> Found:
    for witness in evidence.witnesses:
        reason, formation = witness.description.engine.reason, witness.formation
        if "the disk that holds" in reason:
            yield f"The disk under the engine of {witness.name} is full.", _DISK_STEP
        elif formation is not None and formation.disk_bytes and formation.carrier:
            free = formation.disk_free_bytes
            is_little = free < DISK_FREE_RATIO_MIN * formation.disk_bytes
            if is_little and free < DISK_FREE_BYTES_ENOUGH:
                yield (
                    f"The disk under the engine of {witness.name} has "
                    f"{free / 1024**2:.0f} MiB left.",
                    _DISK_STEP,
                )


def no_quorum(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        away = _carriers_away(evidence, witness)
        if formation.is_in_force and len(away) * 2 > len(formation.carriers):
            yield (
                f"The engine has no quorum: of its {len(formation.carriers)} carriers "
                f"{listed(away)} {are(away)} away. Nothing can be written.",
                f"Start {listed(away)} again; more than half of the carriers have to be there.",
            )
            return


def carrier_away(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        away = _carriers_away(evidence, witness)
        if formation.is_in_force and away:
            count = len(formation.carriers)
            yield (
                f"{listed(away)} {are(away)} away, of the {count} that carry the engine.",
                f"Start {listed(away)} again, or, if it will never come back, take it out of the "
                "carriers: aiex cluster remove.",
            )
            return


def member_missing(evidence: Evidence) -> Found:
    carriers = {one.name for one in evidence.members() if one.carrier}
    for name in sorted(evidence.missed_names() - evidence.heard_names() - carriers):
        yield (
            f"{name} is missing without a goodbye: it was killed, froze or is cut off.",
            f"Look at the machine of {name}; if it is gone for good, it is forgotten after "
            "cluster.forget_down_after_s.",
        )


def engine_ill(evidence: Evidence) -> Found:
    for witness in evidence.witnesses:
        engine = witness.description.engine
        if engine.state in ("down", "no quorum"):
            yield (
                f"The engine at {witness.name} is {_condition(engine.state)}: "
                f"{engine.reason or 'it says no more'}.",
                f"Wait a moment; if it stays so look at the log of {witness.name}, under "
                "aiex.engine.",
            )


def not_formed(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        reason = formation.trouble or formation.waiting_for
        if not reason and witness.description.engine.state == "forming":
            reason = witness.description.engine.reason
        if reason:
            yield (
                f"{witness.name} does not take part yet: {reason}.",
                "Start the nodes that it waits for, and look again in a moment.",
            )


def _carriers_away(evidence: Evidence, witness: Witness) -> list[str]:
    assert witness.formation is not None, "only of those that form a cluster"
    there = evidence.carriers_there()
    away = [one for one in witness.formation.carriers if one not in there]
    nodes = [evidence.node_of_carrier(one) for one in away]
    return [
        node if node == carrier else f"{node} ({carrier})"
        for node, carrier in zip(nodes, away, strict=True)
    ]


def _condition(state: str) -> str:
    return "without a quorum" if state == "no quorum" else state
