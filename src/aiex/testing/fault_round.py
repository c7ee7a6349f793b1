"""A round of faults drawn from a seed: what breaks, at whom, when and for how long. Pure.

`aiex.testing.lab_faults` does it to a cluster.
"""

from collections.abc import Sequence
from enum import StrEnum
from random import Random

import msgspec


class FaultKind(StrEnum):
    KILL_NODE = "kill the node"
    KILL_ENGINE = "kill the engine"
    KILL_BOTH = "kill engine and node"
    FREEZE_NODE = "freeze the node"
    FREEZE_ENGINE = "freeze the engine"
    FREEZE_BOTH = "freeze node and engine"
    CUT_OFF = "cut off from the two others"
    CUT_ALL = "cut all apart"
    CUT_ONE_WAY = "cut one way"
    BLIP = "cut off for a moment"
    RESTART_ALL = "restart one after the other"
    MOVE_ALL = "restart one after the other at new addresses"
    FULL_DISC = "fill the disc"
    KILL_ENGINES = "kill all engines at once"
    LOSE_DISC = "kill the node and lose its disc"


class Fault(msgspec.Struct, frozen=True):
    """One thing that breaks, `at_s` after the round's beginning, and is mended `for_s` later.

    One way: from the first victim to the second.
    """

    kind: FaultKind
    victims: tuple[str, ...]
    at_s: float
    for_s: float

    def __str__(self) -> str:
        names = ", ".join(self.victims)
        return f"{self.kind.value}: {names}, at {self.at_s:.1f} s for {self.for_s:.1f} s"


class Round(msgspec.Struct, frozen=True):
    seed: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return f"seed {self.seed}: " + "; ".join(map(str, self.faults))


# How long each lasts. A killed node is started again after so long; a freeze ends before the
# engine's own supervision (10 s) would have killed it, or just not.
LASTS_S: dict[FaultKind, tuple[float, float]] = {
    FaultKind.KILL_NODE: (0.2, 4.0),
    FaultKind.KILL_ENGINE: (0.2, 3.0),
    FaultKind.KILL_BOTH: (0.2, 4.0),
    FaultKind.FREEZE_NODE: (1.0, 10.0),
    FaultKind.FREEZE_ENGINE: (1.0, 10.0),
    FaultKind.FREEZE_BOTH: (1.0, 10.0),
    FaultKind.CUT_OFF: (2.0, 6.0),
    FaultKind.CUT_ALL: (2.0, 6.0),
    FaultKind.CUT_ONE_WAY: (2.0, 6.0),
    FaultKind.BLIP: (1.5, 3.0),
    FaultKind.RESTART_ALL: (0.0, 0.0),
    FaultKind.MOVE_ALL: (0.0, 0.0),
    FaultKind.FULL_DISC: (2.0, 4.0),
    FaultKind.KILL_ENGINES: (0.2, 2.0),
    FaultKind.LOSE_DISC: (0.5, 3.0),
}
KINDS = tuple(LASTS_S)
# What may happen while something else is broken: to another node, so that two of three are hit and
# the engine is without its quorum for a while.
SECOND_KINDS = (
    FaultKind.KILL_ENGINE,
    FaultKind.FREEZE_NODE,
    FaultKind.CUT_ONE_WAY,
    FaultKind.BLIP,
)
# Those that take a while of their own, and those that would lose what only one other still has.
ALONE = frozenset({FaultKind.RESTART_ALL, FaultKind.MOVE_ALL, FaultKind.LOSE_DISC})
OF_ALL = frozenset(
    {FaultKind.CUT_ALL, FaultKind.KILL_ENGINES, FaultKind.RESTART_ALL, FaultKind.MOVE_ALL}
)
SECOND_RATIO = 0.5
SECOND_AT_S_MAX = 2.0


def plan_round(seed: int, names: Sequence[str], kinds: Sequence[FaultKind] = KINDS) -> Round:
    """The round of a seed; as many seeds in a row as there are kinds have each of them."""
    random = Random(seed)  # noqa: S311 - to be repeated, not secret
    kind = kinds[seed % len(kinds)]
    order = random.sample(list(names), len(names))
    faults = [_fault(kind, order, 0.0, random)]
    if kind not in ALONE and random.random() < SECOND_RATIO:
        second = random.choice(SECOND_KINDS)
        at_s = random.uniform(0.0, SECOND_AT_S_MAX)
        faults.append(_fault(second, [*order[1:], order[0]], at_s, random))
    return Round(seed, tuple(faults))


def _fault(kind: FaultKind, order: Sequence[str], at_s: float, random: Random) -> Fault:
    count = len(order) if kind in OF_ALL else 2 if kind is FaultKind.CUT_ONE_WAY else 1
    return Fault(kind, tuple(order[:count]), at_s, random.uniform(*LASTS_S[kind]))
