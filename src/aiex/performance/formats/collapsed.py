"""Collapsed stacks: a line a stack, its frames with semicolons between, then its weight.

The format of Brendan Gregg's `stackcollapse-*.pl` and `flamegraph.pl`
(https://github.com/brendangregg/FlameGraph), read by most tools. It has no labels: stacks that
differ in nothing else are one line. Of two profiles a line has both weights, as `difffolded.pl`
writes them.
"""

from collections.abc import Iterator

from aiex.performance.formats.difference import Difference
from aiex.performance.formats.lost import with_lost
from aiex.performance.profile import Profile


def collapsed(profile: Profile) -> bytes:
    """Heaviest stack first."""
    weights = _weights(profile)
    return _text(f"{stack} {weights[stack]}" for stack in _heaviest(weights))


def collapsed_difference(difference: Difference) -> bytes:
    """Each line with the weight before, scaled, and after; heaviest first."""
    before, after = _weights(difference.scaled_before()), _weights(difference.after)
    both = {stack: before.get(stack, 0) + after.get(stack, 0) for stack in {**after, **before}}
    return _text(
        f"{stack} {before.get(stack, 0)} {after.get(stack, 0)}" for stack in _heaviest(both)
    )


def _weights(profile: Profile) -> dict[str, int]:
    profile = with_lost(profile)
    names = [_name(frame.function) for frame in profile.frames]
    weights: dict[str, int] = {}
    for sample in profile.samples:
        stack = ";".join(names[place] for place in sample.stack) or "(empty)"
        weights[stack] = weights.get(stack, 0) + sample.weight
    return weights


def _heaviest(weights: dict[str, int]) -> list[str]:
    return sorted(weights, key=lambda stack: (-weights[stack], stack))


def _name(function: str) -> str:
    """What separates frames and lines cannot be in a name."""
    plain = "".join(character if character.isprintable() else " " for character in function)
    return plain.replace(";", ":").strip() or "(nameless)"


def _text(lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
