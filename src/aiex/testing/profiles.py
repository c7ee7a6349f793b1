"""Profiles to show and write: a small one, one with hostile names, one with many stacks."""

import random

from aiex.performance import Frame, Labels, Profile, ProfileBuilder

HOSTILE = (
    "</script><script>document.title = 'taken over'</script>",
    "<!--<script>",
    "<img src=x onerror=\"document.title = 'taken over'\">",
    "a;b\nc 12",
    '"quoted" & \u2028 é 漢 \x00',
    "@@script@@",
    "",
)


def small_profile(factor: int = 1, *, seconds: float = 10.0, lost: int = 0) -> Profile:
    """`main` has 100: 30 itself, 70 in `work`, which has 20 in `leaf` and calls itself for 30."""
    main, work, leaf = (Frame(f"pkg.mod:{name}", "mod.py", 3) for name in ("main", "work", "leaf"))
    one, two = Labels(node="n1", service="http.api"), Labels(node="n2", service="telemetry")
    builder = ProfileBuilder()
    builder.add([main, work], one, 20 * factor, 2)
    builder.add([main, work, work], one, 30 * factor, 3)
    builder.add([main, work, leaf], two, 20 * factor, 2)
    builder.add([main], two, 30 * factor, 3)
    return builder.profile("cpu", began_at_s=5.0, seconds=seconds, lost=lost)


def hostile_profile() -> Profile:
    """Every text of `HOSTILE` is a function, a file and three labels."""
    builder = ProfileBuilder()
    for place, text in enumerate(HOSTILE):
        labels = Labels(node=text, route=text, model=text, thread="MainThread")
        builder.add([Frame("pkg.mod:main"), Frame(text, text, place)], labels, 10 + place)
    return builder.profile("cpu", began_at_s=1.5, seconds=10.0, lost=7, notes=HOSTILE)


def wide_profile(stack_count: int, *, seed: int = 1) -> Profile:
    """So many different stacks, up to 26 deep, of which a few have nearly all the weight.

    With another seed the same stacks have other weights.
    """
    shape, weights = random.Random(7), random.Random(seed)  # noqa: S311 - a test
    frames = [
        Frame(f"pkg{number % 12}.mod{number % 40}:Class{number % 90}.method_{number}", "mod.py", 9)
        for number in range(900)
    ]
    stacks: dict[tuple[Frame, ...], None] = {}

    def grow(stack: tuple[Frame, ...], depth: int) -> None:
        if depth == 0:
            stacks[stack] = None
            return
        for _ in range(shape.choice((1, 2, 2, 3))):
            if len(stacks) < stack_count:
                grow((*stack, shape.choice(frames)), depth - 1)

    while len(stacks) < stack_count:
        grow(tuple(frames[:6]), shape.randint(8, 20))
    labels = [Labels(node=f"n{1 + number % 3}", route=f"/v1/{number}") for number in range(9)]
    builder = ProfileBuilder()
    for stack in stacks:
        builder.add(stack, weights.choice(labels), round(weights.paretovariate(1.1) * 1000))
    return builder.profile("cpu", began_at_s=1.5, seconds=10.0)
