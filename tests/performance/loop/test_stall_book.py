"""Stalls are kept, counted and told once; the sentinel's word may come before or after."""

from typing import Any

from aiex.performance import Frame, LoopStalled, Stall
from aiex.performance.loop import STALLS_MAX
from aiex.performance.loop.sentinel_report import SentinelReport
from aiex.performance.loop.stall_book import FUNCTIONS_MAX, OTHERS, SETTLE_S, StallBook


def stall(seconds: float = 0.2, function: str = "app:f", **facts: Any) -> Stall:
    return Stall(0.0, seconds, "waits", "watch", (Frame(function, "/app.py", 1),), **facts)


class Told:
    def __init__(self) -> None:
        self.events: list[LoopStalled] = []
        self.book = StallBook(
            self.events.append, settle_over_s=1.0, module_of=lambda: lambda _: "app"
        )


STOPPED = SentinelReport(state="T", seen_s=11.0)


def test_a_short_one_is_told_at_once() -> None:
    told = Told()
    told.book.note(stall(), began_s=10.0)
    assert [event.stall for event in told.events] == [stall()]


def test_a_long_one_waits_a_moment_for_the_sentinel_and_is_told_once() -> None:
    told = Told()
    told.book.note(stall(2.0), began_s=10.0)
    assert told.events == []
    told.book.amend(STOPPED)
    told.book.tell(12.0 + SETTLE_S)
    told.book.tell(13.0)
    assert [event.stall.kind for event in told.events] == ["stopped"]


def test_what_the_sentinel_wrote_may_be_read_before_the_stall_is_noted() -> None:
    told = Told()
    told.book.amend(STOPPED)
    told.book.note(stall(2.0), began_s=10.0)
    assert told.book.newest()[0].kind == "stopped"


def test_a_word_on_another_time_changes_nothing() -> None:
    told = Told()
    told.book.amend(SentinelReport(state="T", seen_s=5.0))
    told.book.note(stall(2.0), began_s=10.0)
    told.book.amend(SentinelReport(state="T", seen_s=25.0))
    assert told.book.newest()[0].kind == "waits"


def test_the_last_are_kept_newest_first_and_all_are_counted() -> None:
    told = Told()
    for number in range(STALLS_MAX + 3):
        told.book.note(stall(function=f"app:{number}"), began_s=float(number))
    newest = told.book.newest()
    assert len(newest) == STALLS_MAX
    assert newest[0].stack[0].function == f"app:{STALLS_MAX + 2}"
    assert told.book.count == STALLS_MAX + 3
    assert round(told.book.seconds, 6) == round(0.2 * (STALLS_MAX + 3), 6)


def test_time_is_added_up_by_function_with_a_bound_on_their_number() -> None:
    told = Told()
    for number in range(FUNCTIONS_MAX + 5):
        told.book.note(stall(function=f"app:{number}"), began_s=float(number))
    told.book.note(stall(function="app:0"), began_s=9999.0)
    by_function = told.book.s_by_function()
    assert round(by_function["app:0"], 6) == 0.4
    assert round(by_function[OTHERS], 6) == 1.0
    assert len(by_function) == FUNCTIONS_MAX + 1


def test_one_without_a_stack_is_counted_by_its_kind() -> None:
    told = Told()
    told.book.note(Stall(0.0, 0.3, "starved", "watch"), began_s=1.0)
    assert told.book.s_by_function() == {"(starved)": 0.3}


def test_to_blame_is_who_called_the_library_not_the_library() -> None:
    inside = Frame("re:match", "/usr/lib/python3.13/re/__init__.py", 167)
    mine = Frame("app:check", "/srv/lib/python3.13/site-packages/app.py", 9)
    assert Stall(0.0, 1.0, "holds", "watch", (mine, inside)).culprit == mine
    assert Stall(0.0, 1.0, "holds", "watch", (inside,)).culprit == inside
