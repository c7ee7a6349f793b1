"""A page of items: what a query asks for, and what is given for it."""

from collections.abc import AsyncIterable, Sequence
from typing import Final, Literal
from urllib.parse import parse_qs

import msgspec

from aiex.assistant.refusal import Refusal
from aiex.assistant.responses.item_form import Item, ItemPlace, place_of

LIMIT_MAX: Final = 100
LIMIT_USUAL: Final = 20
FIELDS_MAX: Final = 40


class ItemQuery(msgspec.Struct, frozen=True):
    """Which items of a thread: so many, in this order, behind that one."""

    limit: int = LIMIT_USUAL
    order: Literal["asc", "desc"] = "desc"
    after: ItemPlace | None = None

    @property
    def is_ascending(self) -> bool:
        return self.order == "asc"

    def wants(self, item: Item) -> bool:
        """Whether the item is behind the one that the page begins after."""
        if self.after is None:
            return True
        place = place_of(item.id)
        assert place is not None, "ids are ours"
        return place > self.after if self.is_ascending else place < self.after

    def ordered(self, items: Sequence[Item]) -> Sequence[Item]:
        """Items of one turn as the page has them."""
        return items if self.is_ascending else items[::-1]


class ItemList(msgspec.Struct, frozen=True, kw_only=True):
    """A page as clients get it."""

    object: Literal["list"] = "list"
    data: list[Item]
    first_id: str | None
    last_id: str | None
    has_more: bool


def item_query(query_string: str, thread: str) -> ItemQuery:
    """What a query asks of this thread; raises `Refusal` (400)."""
    try:
        asked = parse_qs(query_string, max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise Refusal(400, "invalid_value", f"A query has {FIELDS_MAX} fields at most.") from error

    def last(name: str) -> str:
        return asked.get(name, [""])[-1]

    limit = last("limit") or str(LIMIT_USUAL)
    if not limit.isdecimal() or len(limit) > 3 or not 1 <= int(limit) <= LIMIT_MAX:
        raise _wrong("limit", f"a number from 1 to {LIMIT_MAX}")
    order = last("order") or "desc"
    if order not in ("asc", "desc"):
        raise _wrong("order", "'asc' or 'desc'")
    after = None
    if last("after"):
        after = place_of(last("after"))
        if after is None or after.thread != thread:
            raise _wrong("after", "the id of an item here")
    return ItemQuery(int(limit), "asc" if order == "asc" else "desc", after)


def page(items: Sequence[Item], query: ItemQuery) -> ItemList:
    """The page of items that are all at hand."""
    wanted = [item for item in query.ordered(items) if query.wants(item)]
    return item_list(wanted[: query.limit], has_more=len(wanted) > query.limit)


async def page_of(turns: AsyncIterable[Sequence[Item]], query: ItemQuery) -> ItemList:
    """The page of items that come turn by turn, as the query orders them; reads no further."""
    found: list[Item] = []
    async for items in turns:
        for item in query.ordered(items):
            if not query.wants(item):
                continue
            if len(found) == query.limit:
                return item_list(found, has_more=True)
            found.append(item)
    return item_list(found, has_more=False)


def item_list(items: list[Item], *, has_more: bool) -> ItemList:
    """These items as a page."""
    first, last = (items[0].id, items[-1].id) if items else (None, None)
    return ItemList(data=items, first_id=first, last_id=last, has_more=has_more)


def _wrong(name: str, allowed: str) -> Refusal:
    return Refusal(400, "invalid_value", f"'{name}' must be {allowed}.", param=name)
