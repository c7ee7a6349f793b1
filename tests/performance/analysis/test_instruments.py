"""What was left on in the interpreter is told by the function that it calls."""

import asyncio
import sys
from types import FrameType
from typing import Any

from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.instruments import Instrument, instruments
from aiex.testing.evidence import GUEST, healthy


def watch(frame: FrameType, event: str, argument: Any) -> None:
    pass


async def test_nothing_is_on_by_itself() -> None:
    before = sys.gettrace()  # coverage may measure these tests
    assert [one for one in instruments() if one.kind in ("profile", "debug")] == []
    assert before is not None or all(one.kind != "trace" for one in instruments())


async def test_a_profile_function_is_told_by_its_name() -> None:
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        found = instruments()
    finally:
        sys.setprofile(before)
    name = f"{__name__}:watch"
    assert Instrument("profile", name, name) in found


async def test_the_debug_mode_of_the_loop_is_told() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    try:
        found = instruments()
    finally:
        loop.set_debug(False)
    assert Instrument("debug", "asyncio's debug mode") in found


def test_whoever_left_it_on_is_named() -> None:
    evidence = healthy(instruments=(Instrument("profile", GUEST.function, GUEST.function),))
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function) == ("instrumented", GUEST.function)
    assert "sys.setprofile" in found.text
