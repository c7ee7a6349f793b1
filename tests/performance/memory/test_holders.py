"""Who has a container: found by walking from the roots, said by name, contents never shown."""

import asyncio
import contextvars
import functools
import gc
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest

from aiex.performance.memory.contents import item_bytes, newest
from aiex.performance.memory.holders import Holder, holder, way_text
from aiex.performance.memory.sites import sites
from aiex.performance.memory.survey import Link, Survey, make_survey

pytestmark = pytest.mark.platform_specific

SECRETS: dict[str, str] = {}
HERE = __name__
OBJECTS_MAX = 5_000_000  # after thousands of tests there is more in this process than in any node


class Shop:
    every: ClassVar[list["Shop"]] = []

    def __init__(self) -> None:
        self.sessions: dict[str, list[int]] = {}
        self.nested: dict[str, dict[str, list[int]]] = {"a": {"b": []}}

    def open(self, name: str) -> None:
        self.sessions[name] = [1]


class Slotted:
    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue: deque[int] = deque(maxlen=9000)


@functools.cache
def price(number: int) -> str:
    return str(number)


@functools.lru_cache(maxsize=5000)
def bounded_price(number: int) -> str:
    return str(number)


def collector() -> Callable[[int], None]:
    bag: list[int] = []

    def collect(number: int) -> None:
        bag.append(number)

    return collect


def remembers(number: int, seen: list[int] = []) -> None:  # noqa: B006 - the leak it is about
    seen.append(number)


SHOP, SLOTTED, COLLECT = Shop(), Slotted(), collector()


async def whole_survey(targets: Sequence[Any] = ()) -> Survey:
    survey = await make_survey(lambda _: asyncio.sleep(0), OBJECTS_MAX, targets)
    assert survey.is_whole
    return survey


async def survey_of(*containers: Any) -> dict[int, Holder]:
    wanted = set(map(id, containers))
    del containers
    survey = await whole_survey()
    return {id(one.one): holder(one) for one in survey.containers if id(one.one) in wanted}


async def held(container: Any) -> Holder:
    return (await survey_of(container))[id(container)]


def everything() -> list[Any]:
    """Nobody else may have them meanwhile, or is told instead."""
    cells = COLLECT.__closure__ or ()
    return [
        SECRETS,
        SHOP.sessions,
        Shop.every,
        SLOTTED.queue,
        cells[0].cell_contents,
        remembers.__defaults__[0],  # type: ignore[index]
        SHOP.nested["a"]["b"],
    ]


async def test_holders_have_names() -> None:
    found = await survey_of(*everything())
    texts = [found[id(one)].text for one in everything()[:6]]
    assert texts == [
        f"{HERE}.SECRETS",
        f"attribute sessions of {HERE}:Shop",
        f"class attribute {HERE}:Shop.every",
        f"attribute queue of {HERE}:Slotted",
        f"variable bag in the closure of {HERE}:collector.<locals>.collect",
        f"a default argument of {HERE}:remembers",
    ]
    assert found[id(Shop.every)].kind == "registry"
    assert found[id(SLOTTED.queue)].cap == 9000
    nested = found[id(SHOP.nested["a"]["b"])].text
    assert nested == f"an item of an item of attribute nested of {HERE}:Shop"


async def test_a_frozen_and_untracked_dict_is_found() -> None:
    SECRETS.update({f"password {number}": "hunter2" for number in range(50)})
    gc.freeze()
    try:
        assert not gc.is_tracked(SECRETS)
        found = await held(SECRETS)
    finally:
        gc.unfreeze()
        SECRETS.clear()
    assert found.text == f"{HERE}.SECRETS"
    assert "password" not in repr(found)


async def test_a_variable_of_a_coroutine_is_a_holder() -> None:
    told: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

    async def keeps() -> None:
        mine: list[int] = [1, 2, 3]
        told.set_result(mine)
        await asyncio.get_running_loop().create_future()
        mine.append(4)

    task = asyncio.create_task(keeps())
    mine = await told
    text = (await held(mine)).text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    # This test's own frame has it as well, and is nearer.
    assert text.startswith("variable mine of ")


async def test_caches_tell_their_bound() -> None:
    for number in range(50):
        price(number)
        bounded_price(number)
    survey = await whole_survey()
    caches = {
        found.text: found for one in survey.containers if (found := holder(one)).kind == "cache"
    }
    assert caches[f"the cache of {HERE}:price"].cap is None
    assert f"{HERE}:price (" in caches[f"the cache of {HERE}:price"].site
    assert caches[f"the cache of {HERE}:bounded_price"].cap == 5000
    price.cache_clear()


async def test_handlers_of_a_logger_are_their_own_kind() -> None:
    logger = logging.getLogger("shop.orders")
    logger.addHandler(logging.NullHandler())
    found = await held(logger.handlers)
    logger.handlers.clear()
    assert found.kind == "log handlers"
    assert found.text == "attribute handlers of logging:Logger 'shop.orders'"


async def test_values_in_contexts_are_told_as_such() -> None:
    variable: contextvars.ContextVar[list[int]] = contextvars.ContextVar("basket")
    context = contextvars.copy_context()
    context.run(variable.set, [1, 2, 3])
    value = context[variable]
    del variable
    SHOP.__dict__["context"] = context
    survey = await whole_survey([value])
    text = way_text(survey.ways[id(value)])
    del SHOP.__dict__["context"], value
    assert "context" in text or text.startswith("variable value of ")


async def test_a_walk_has_an_end_and_says_so() -> None:
    survey = await make_survey(asyncio.sleep, objects_max=500)
    assert not survey.is_whole
    assert survey.object_count < 5000


async def test_the_line_that_adds_is_read_off_the_code() -> None:
    (site,) = await sites("sessions", HERE, asyncio.sleep)
    assert site.startswith(f"{HERE}:Shop.open (memory/test_holders.py:")
    (bag,) = await sites("bag", HERE, asyncio.sleep)
    assert bag.startswith(f"{HERE}:collector.<locals>.collect (")
    assert await sites("no_such_name_anywhere", HERE, asyncio.sleep) == []
    assert await sites("", HERE, asyncio.sleep) == []


def test_the_newest_items_say_how_large_they_are() -> None:
    assert newest([1, 2, 3])[0] == 3
    assert newest({"a": 1, "b": 2})[0] == 2
    assert newest(OrderedDict(a=1, b=2))[0] == 2
    assert newest(deque([1, 2]))[0] == 2
    assert newest({7}) == [7]
    assert 1000 < item_bytes([bytes(1000)]) < 1100
    assert item_bytes(bytearray(10)) == 1
    assert item_bytes({"a": bytes(2000)}) > item_bytes([bytes(1000)])


class Hostile:
    """Whatever is asked of it runs code, which it must not."""

    def __init__(self) -> None:
        object.__setattr__(self, "rows", [1, 2, 3])

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("its code ran")

    def __len__(self) -> int:
        raise AssertionError("its code ran")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("its code ran")

    __hash__ = object.__hash__
    __class__ = property(lambda self: Hostile().x)


class HostileList(list[int]):
    def __len__(self) -> int:
        raise AssertionError("its code ran")

    def __getitem__(self, _: Any) -> Any:
        raise AssertionError("its code ran")

    def __iter__(self) -> Any:
        raise AssertionError("its code ran")


HOSTILE = [Hostile()]
HOSTILE_LIST = HostileList()


async def test_code_of_objects_does_not_run() -> None:
    HOSTILE_LIST.append(5)
    survey = await whole_survey()
    texts = [holder(one).text for one in survey.containers]
    assert f"attribute rows of {HERE}:Hostile" in texts
    assert f"{HERE}.HOSTILE_LIST" in texts
    assert item_bytes(HOSTILE) > 20
    assert item_bytes(HOSTILE_LIST) > 20
    assert newest(HOSTILE_LIST) == [5]


async def test_a_survey_leaves_nothing_behind() -> None:
    gc.collect()
    gc.disable()
    try:
        await make_survey(asyncio.sleep)
        left = [one for one in gc.get_objects() if type(one) in (Link, Survey)]
    finally:
        gc.enable()
    assert left == []
