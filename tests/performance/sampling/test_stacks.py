"""Stacks are kept once, within bounds, and their places go to others when they are freed."""

import sys
from types import FrameType

from aiex.performance.sampling.stacks import OTHER, OTHER_PLACE, Stacks
from aiex.work import NOBODY, Work


def frames_of_inner() -> list[FrameType]:
    return [sys._getframe()]


def frames_of_other() -> list[FrameType]:
    return [sys._getframe()]


def test_one_stack_has_one_place_and_its_functions_have_names() -> None:
    stacks = Stacks()
    place = stacks.place(frames_of_inner(), NOBODY)
    assert stacks.place(frames_of_inner(), NOBODY) == place
    (frame,) = stacks.frames(place)
    assert frame.function == f"{__name__}:frames_of_inner"
    assert frame.file == __file__
    assert frame.line == frames_of_inner.__code__.co_firstlineno


def test_the_same_stack_on_another_s_behalf_is_another() -> None:
    stacks = Stacks()
    first = stacks.place(frames_of_inner(), Work("a"))
    second = stacks.place(frames_of_inner(), Work("b"))
    assert [stacks.work(place) for place in (first, second)] == [Work("a"), Work("b")]
    assert stacks.place(frames_of_inner(), Work("a")) == first


def test_beyond_the_bounds_all_share_one_place() -> None:
    stacks = Stacks(stacks_max=1)
    first = stacks.place(frames_of_inner(), NOBODY)
    assert stacks.place(frames_of_other(), NOBODY) == OTHER_PLACE
    assert stacks.frames(OTHER_PLACE) == [OTHER]
    assert stacks.place(frames_of_inner(), NOBODY) == first
    few = Stacks(frames_max=1)
    assert few.place(frames_of_inner(), NOBODY) != OTHER_PLACE
    assert few.place(frames_of_other(), NOBODY) == OTHER_PLACE


def test_what_is_freed_is_forgotten_and_its_place_taken_again() -> None:
    stacks = Stacks(stacks_max=1)
    place = stacks.place(frames_of_inner(), NOBODY)
    stacks.free([place, OTHER_PLACE])
    assert len(stacks) == 0
    assert stacks.place(frames_of_other(), NOBODY) == place
    assert stacks.frames(place)[0].function.endswith(":frames_of_other")
    assert stacks.frames(OTHER_PLACE) == [OTHER]
