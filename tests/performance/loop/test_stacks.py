"""What many looks at a thread have in common."""

import sys

from aiex.performance import Frame
from aiex.performance.loop.stacks import DEPTH_MAX, common_stack, stack_of


def stack(*functions: str) -> tuple[Frame, ...]:
    return tuple(Frame(name, "app.py", 1) for name in functions)


def names(found: tuple[tuple[Frame, ...], int]) -> tuple[list[str], int]:
    return [frame.function for frame in found[0]], found[1]


def test_a_stack_has_module_class_and_the_line_it_stands_at() -> None:
    class Thing:
        def stands(self) -> tuple[tuple[Frame, ...], int]:
            return stack_of(sys._getframe()), sys._getframe().f_lineno

    found, line = Thing().stands()
    innermost = found[-1]
    place = "test_a_stack_has_module_class_and_the_line_it_stands_at.<locals>.Thing.stands"
    assert innermost.function == f"{__name__}:{place}"
    assert (innermost.file, innermost.line) == (__file__, line)


def test_of_a_deep_stack_the_innermost_calls_are_kept() -> None:
    def deeper(left: int) -> tuple[Frame, ...]:
        return deeper(left - 1) if left else stack_of(sys._getframe())

    found = deeper(2 * DEPTH_MAX)
    assert len(found) == DEPTH_MAX
    assert found[-1].function.endswith("deeper")


def test_one_look_is_its_stack() -> None:
    assert names(common_stack([stack("main", "slow")])) == (["main", "slow"], 1)


def test_it_ends_where_a_function_calls_many_others_in_turn() -> None:
    looks = [stack("main", "slow", one) for one in ("a", "b", "c", "a")]
    assert names(common_stack(looks)) == (["main", "slow"], 4)


def test_what_most_looks_saw_counts_and_the_others_are_told_by_number() -> None:
    looks = [stack("main", "slow"), stack("main", "slow"), stack("main", "other")]
    assert names(common_stack(looks)) == (["main", "slow"], 2)


def test_looks_that_agree_on_nothing_have_nothing_in_common() -> None:
    assert common_stack([stack("a"), stack("b")]) == ((), 0)
    assert common_stack([]) == ((), 0)
