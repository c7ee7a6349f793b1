"""Objects by type, without running their code and without holding up the loop."""

import asyncio
import gc
from typing import Any

import pytest

from aiex.performance.memory.census import CHUNK, OTHER, samples_of, take_census
from aiex.performance.memory.type_names import own_length, own_size, type_name


class Cart:
    def __init__(self) -> None:
        self.lines: list[int] = []


class Hostile:
    """Whatever it is asked in Python it answers with an error."""

    def __sizeof__(self) -> int:
        raise AssertionError("its code ran")

    def __len__(self) -> int:
        raise AssertionError("its code ran")

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise AssertionError("its code ran")


class HostileDict(dict[int, int]):
    def __len__(self) -> int:
        raise AssertionError("its code ran")


async def waits_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


CART = f"{__name__}:Cart"


async def test_objects_are_counted_by_type_with_their_sizes() -> None:
    before = (await take_census(asyncio.sleep)).types.get(CART)
    carts = [Cart() for _ in range(500)]
    census = await take_census(asyncio.sleep)
    counted = census.types[CART]
    assert counted.count - (before.count if before else 0) == 500
    assert 500 * 40 <= counted.bytes <= 500 * 200
    assert census.object_count > 1000
    assert census.bytes > counted.bytes
    assert len(await samples_of(CART, asyncio.sleep, 10)) == 10
    assert carts


async def test_coroutines_and_functions_go_by_what_they_run() -> None:
    tasks = [asyncio.create_task(waits_for_ever()) for _ in range(30)]
    callbacks = [lambda number=number: number for number in range(40)]
    await asyncio.sleep(0)
    types = (await take_census(asyncio.sleep)).types
    assert types["coroutine test_census.py:waits_for_ever"].count == 30
    name = f"function {__name__}:{callbacks[0].__qualname__}"
    assert types[name].count == 40
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_is_frozen_is_not_counted() -> None:
    carts = [Cart() for _ in range(50)]
    gc.collect()
    gc.freeze()
    try:
        census = await take_census(asyncio.sleep)
    finally:
        gc.unfreeze()
    assert CART not in census.types or census.types[CART].count < 50
    assert census.frozen_count > 50
    assert carts


async def test_the_loop_turns_between_chunks() -> None:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    census = await take_census(rest)
    assert len(rests) >= census.object_count // CHUNK
    assert all(0 <= one <= 0.02 for one in rests)


def test_code_of_objects_does_not_run() -> None:
    assert own_size(Hostile)(Hostile()) > 0
    assert own_length(Hostile) is None
    length = own_length(HostileDict)
    assert length is not None
    assert length(HostileDict({1: 2})) == 1


def test_types_are_told_with_their_module() -> None:
    assert type_name(dict) == "dict"
    assert type_name(Cart) == CART
    assert type_name(type("Odd", (), {"__module__": 5})) == "Odd"
    assert OTHER == "other"


@pytest.mark.parametrize("kind", [list, dict, set, bytearray])
def test_what_can_grow_has_a_length(kind: type) -> None:
    length = own_length(kind)
    assert length is not None
    assert length(kind()) == 0
