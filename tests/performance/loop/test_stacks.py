"""What many looks at a thread have in common."""

import sys

from aiex.performance import Frame
from aiex.performance.loop.stacks import DEPTH_MAX, callback_of, common_stack, stack_of


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


def test_a_profilers_signal_and_what_it_called_are_no_part_of_a_stack() -> None:
    def sampler() -> tuple[Frame, ...]:
        return inside()

    def inside() -> tuple[Frame, ...]:
        return stack_of(sys._getframe(), sampler.__code__)

    innermost = sampler()[-1].function
    assert innermost.endswith("test_a_profilers_signal_and_what_it_called_are_no_part_of_a_stack")


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


def test_what_runs_the_loop_is_no_part_of_a_callbacks_calls() -> None:
    main, run = (
        Frame("cli:main", "/srv/cli.py", 1),
        Frame("uvloop:run", "/x/uvloop/__init__.py", 96),
    )
    slow, inside = Frame("app:slow", "/srv/app.py", 3), Frame("re:match", "/lib/re/__init__.py", 1)
    assert callback_of((main, run, slow, inside)) == (slow, inside)
    assert callback_of((main, run)) == ()
    assert callback_of((slow, inside)) == (slow, inside)


def test_a_loop_that_waits_is_in_no_callback_and_a_callback_that_waits_so_is() -> None:
    once = Frame("asyncio.base_events:_run_once", "/lib/asyncio/base_events.py", 1)
    select = Frame("selectors:EpollSelector.select", "/lib/selectors.py", 1)
    slow = Frame("app:slow", "/srv/app.py", 3)
    assert callback_of((once, select)) == ()
    assert callback_of((once, slow, select)) == (slow, select)
