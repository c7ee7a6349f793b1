"""How much each function took: itself, and with all that it called."""

import msgspec

from aiex.performance.formats.difference import Difference
from aiex.performance.formats.lost import with_lost
from aiex.performance.profile import Frame, Profile


class FunctionWeight(msgspec.Struct, frozen=True):
    """In the profile's unit. `own` is where the function was at the end of the stack."""

    frame: Frame
    own: int
    total: int


class FunctionChange(msgspec.Struct, frozen=True):
    """Weights of `before` are scaled; a function is the same by its name, wherever it moved to."""

    function: str
    own_before: int
    own_after: int
    total_before: int
    total_after: int

    @property
    def own_change(self) -> int:
        return self.own_after - self.own_before

    @property
    def total_change(self) -> int:
        return self.total_after - self.total_before


def function_weights(profile: Profile) -> list[FunctionWeight]:
    """All functions, those first that took most themselves.

    A function that calls itself has its total counted once a stack.
    """
    profile = with_lost(profile)
    own, total = [0] * len(profile.frames), [0] * len(profile.frames)
    for sample in profile.samples:
        for place in set(sample.stack):
            total[place] += sample.weight
        if sample.stack:
            own[sample.stack[-1]] += sample.weight
    weights = [FunctionWeight(*one) for one in zip(profile.frames, own, total, strict=True)]
    return sorted(weights, key=lambda one: (-one.own, -one.total, one.frame.function))


def function_changes(difference: Difference) -> list[FunctionChange]:
    """All functions of both, those first whose own weight changed most."""
    before = _by_name(difference.scaled_before())
    after = _by_name(difference.after)
    names = dict.fromkeys([*after, *before])
    changes = [
        FunctionChange(name, before_own, after_own, before_total, after_total)
        for name in names
        for before_own, before_total in [before.get(name, (0, 0))]
        for after_own, after_total in [after.get(name, (0, 0))]
    ]
    return sorted(
        changes, key=lambda one: (-abs(one.own_change), -abs(one.total_change), one.function)
    )


def _by_name(profile: Profile) -> dict[str, tuple[int, int]]:
    """Own and total by the function's name, also where several frames have it."""
    profile = with_lost(profile)
    own: dict[str, int] = {}
    total: dict[str, int] = {}
    for sample in profile.samples:
        names = [profile.frames[place].function for place in sample.stack]
        for name in set(names):
            total[name] = total.get(name, 0) + sample.weight
        if names:
            own[names[-1]] = own.get(names[-1], 0) + sample.weight
    return {name: (own.get(name, 0), weight) for name, weight in total.items()}
