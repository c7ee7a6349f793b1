"""Which functions, services, coroutines or routes have most of a profile."""

from collections.abc import Callable, Iterator
from heapq import nlargest

from aiex.performance.profile import Frame, Labels, Profile
from aiex.performance.sampling.requests import Hot, HotBy, HotFound
from aiex.performance.sampling.totals import NOBODY_NAME, coroutine

type Stack = tuple[Frame, ...]

US_PER_S = 1e6


def hottest(profile: Profile, by: HotBy, n: int) -> HotFound:
    """The first `n`; a function that calls itself has its total once."""
    self_us: dict[Frame, int] = {}
    total_us: dict[Frame, int] = {}
    for stack, labels, weight_us in _samples(profile):
        own = _KEYS[by](stack, labels)
        self_us[own] = self_us.get(own, 0) + weight_us
        for frame in set(stack) if by == "function" else (own,):
            total_us[frame] = total_us.get(frame, 0) + weight_us
    largest = nlargest(n, total_us, key=lambda one: (self_us.get(one, 0), total_us[one]))
    whole_us = profile.weight
    return HotFound(
        profile.began_at_s,
        profile.seconds,
        whole_us / US_PER_S,
        tuple(
            Hot(
                frame.function,
                self_us.get(frame, 0) / US_PER_S,
                total_us[frame] / US_PER_S,
                self_us.get(frame, 0) / whole_us if whole_us else 0.0,
                frame.file,
                frame.line,
            )
            for frame in largest
        ),
        profile.notes,
    )


def _samples(profile: Profile) -> Iterator[tuple[Stack, Labels, int]]:
    for sample in profile.samples:
        stack = tuple(profile.frames[place] for place in sample.stack)
        yield stack, profile.labels[sample.labels], sample.weight


def _outermost(stack: Stack) -> Frame:
    name = coroutine([frame.function for frame in stack])
    return next(frame for frame in stack if frame.function == name)


_KEYS: dict[HotBy, Callable[[Stack, Labels], Frame]] = {
    "function": lambda stack, _: stack[-1],
    "coroutine": lambda stack, _: _outermost(stack),
    "service": lambda _, labels: Frame(labels.service or NOBODY_NAME),
    "route": lambda _, labels: Frame(labels.route or NOBODY_NAME),
}
