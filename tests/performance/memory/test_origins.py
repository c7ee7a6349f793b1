"""Whose code the items of a library's container lead to."""

import functools
import weakref
from typing import Any

from aiex.performance.memory.origins import origin

HERE = __name__


def forget(row: object) -> None:
    assert row


class Owner:
    def drop(self) -> None:
        pass


async def wait_on() -> None:
    pass


def test_a_callback_leads_to_its_function() -> None:
    assert origin([functools.partial(forget, b"")]).startswith(f"{HERE}:forget (memory/")
    assert origin([Owner().drop]).startswith(f"{HERE}:Owner.drop (memory/")
    assert origin([(lambda: None)]).startswith(f"{HERE}:test_a_callback_leads_to_its_function")


def test_a_coroutine_leads_to_its_code() -> None:
    waiting = wait_on()
    assert origin([waiting]).startswith(f"{HERE}:wait_on (memory/")
    waiting.close()


def test_what_leads_to_the_library_only_has_no_origin() -> None:
    items: list[Any] = [bytes(10), {"a": len}, weakref.finalize]
    assert origin(items) == ""
