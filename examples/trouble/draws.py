"""Which faults the draws of a seed have: every kind in turn, and two at once every fifth time."""

from collections.abc import Sequence
from random import Random

import msgspec

from examples.trouble.catalogue import BY_KIND, FAULTS

TWO_EVERY = 5
# One takes away what makes the other a fault: a frozen heap costs no collection anything.
CANCELLED = frozenset(frozenset({"leak_cycles", other}) for other in ("gc_thrash", "gc_by_hand"))
# Nobody can be asked about another fault then.
ALONE = frozenset({"stuck"})


class Draw(msgspec.Struct, frozen=True):
    seed: int
    kinds: tuple[str, ...]


def drawn(seed: int, count: int, kinds: Sequence[str] = ()) -> list[Draw]:
    """With `kinds` they are planted all together in every draw."""
    random = Random(seed)
    seeds = [random.randrange(2**31) for _ in range(count)]
    if kinds:
        return [Draw(one, tuple(kinds)) for one in seeds]
    pending: list[str] = []
    found: list[Draw] = []
    for number, one in enumerate(seeds, 1):
        wanted = [_next(pending, random)]
        if number % TWO_EVERY == 0:
            wanted = _with_partner(wanted[0], pending, random)
        found.append(Draw(one, tuple(wanted)))
    return found


def _next(pending: list[str], random: Random) -> str:
    if not pending:
        pending += random.sample([fault.kind for fault in FAULTS], len(FAULTS))
    return pending.pop()


def _with_partner(kind: str, pending: list[str], random: Random) -> list[str]:
    """Two to be planted together; what has to be alone is put back, for the next draw."""
    put_back: list[str] = []
    while kind in ALONE:
        put_back.append(kind)
        kind = _next(pending, random)
    pending += put_back
    return [kind, _partner(kind, random)]


def _partner(kind: str, random: Random) -> str:
    """One that differs in its cause: two of a kind could be taken for one another."""
    causes = BY_KIND[kind].causes
    others = [fault.kind for fault in FAULTS if fault.causes != causes and fault.kind not in ALONE]
    return random.choice([one for one in others if frozenset({kind, one}) not in CANCELLED])
