"""What the sentinel saw, and what it adds to a stall seen from inside."""

from typing import Any

import msgspec
import pytest

from aiex.performance import Frame, Stall
from aiex.performance.loop.sentinel_report import SentinelReport, amended, unfinished

SLOW = ("slow", "/app/slow.py", 7)
STALL = Stall(100.0, 2.0, "waits", "watch", (Frame("app:f", "/app/f.py", 3),), 5, 5)


def report(**facts: Any) -> SentinelReport:
    return SentinelReport(began_at_s=100.0, silent_s=1.0, **{"state": "S", **facts})


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (report(state="T"), "stopped"),
        (report(state="t", has_interpreter=True), "stopped"),
        (report(owner="pool_0"), "kept_out"),
        (report(has_interpreter=True), "holds"),
        (report(has_interpreter=True, state="R"), "runs"),
        (report(), "waits"),
    ],
)
def test_a_look_tells_the_kind(seen: SentinelReport, kind: str) -> None:
    assert seen.kind() == kind


def test_a_stop_blames_nobody_whatever_the_watch_saw() -> None:
    stall = amended(STALL, report(state="T"))
    assert (stall.kind, stall.stack, stall.observer) == ("stopped", (), "sentinel")
    assert stall.seconds == STALL.seconds


def test_a_stack_that_the_watch_saw_all_the_time_stays() -> None:
    stall = amended(STALL, report(stack=(SLOW,), wchan="futex_do_wait"))
    assert stall.stack == STALL.stack
    assert stall.detail == "Seen from outside: in the kernel at futex_do_wait."


def test_where_the_watch_could_not_look_the_sentinels_stack_is_taken() -> None:
    blind = msgspec.structs.replace(STALL, kind="stood_still")
    stall = amended(blind, report(stack=(SLOW,), has_interpreter=True))
    assert (stall.kind, stall.observer) == ("holds", "sentinel")
    assert stall.stack == (Frame("slow:slow", "/app/slow.py", 7),)


def test_another_threads_stack_is_taken_and_its_name_told() -> None:
    blind = msgspec.structs.replace(STALL, kind="stood_still")
    other = report(stack=(("run", "/app/loop.py", 1),), owner="pool_0", owner_stack=(SLOW,))
    stall = amended(blind, other, {"/app/slow.py": "app.slow"}.get)  # type: ignore[arg-type]
    assert (stall.kind, stall.thread) == ("kept_out", "pool_0")
    assert stall.stack == (Frame("app.slow:slow", "/app/slow.py", 7),)


def test_a_sentinel_that_could_not_read_says_why_and_changes_nothing_else() -> None:
    blind = msgspec.structs.replace(STALL, kind="stood_still", stack=(), detail="")
    stall = amended(blind, report(problem="py-spy is not installed", is_refused=True))
    assert stall.stack == ()
    assert stall.detail == "Seen from outside: py-spy is not installed."


def test_a_stall_that_nobody_came_out_of_is_made_of_the_last_look() -> None:
    stall = unfinished(report(stack=(SLOW,), has_interpreter=True))
    assert (stall.is_over, stall.kind, stall.seconds) == (False, "holds", 1.0)
    assert stall.culprit == Frame("slow:slow", "/app/slow.py", 7)


def test_a_look_of_another_release_is_read_as_far_as_it_is_known() -> None:
    decoded = msgspec.json.decode(b'{"state": "T", "more": [1]}', type=SentinelReport)
    assert decoded.kind() == "stopped"
