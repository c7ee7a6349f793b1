"""Which rows of a section are told: those that fit, sorted, the first few. Pure."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from aiex.performance.loop import StallList
from aiex.performance.memory import TypeCensus, TypeRow
from aiex.performance.sampling import Hot, HotFound
from aiex.performance.snapshot.requests import RequestsSeen, RouteRow, TakeSnapshot
from aiex.performance.tasks import Census, CensusRow, TaskList, TaskRow

type Order[R] = Mapping[str, Callable[[R], float]]

HOT_ORDER: Order[Hot] = {"self": lambda one: -one.self_s, "total": lambda one: -one.total_s}
TYPE_ORDER: Order[TypeRow] = {"size": lambda one: -one.bytes, "count": lambda one: -one.count}
CENSUS_ORDER: Order[CensusRow] = {
    "count": lambda one: -one.count,
    "growth": lambda one: -one.growth_per_s,
    "age": lambda one: -one.oldest_age_s,
}
ROUTE_ORDER: Order[RouteRow] = {
    "count": lambda one: -one.count,
    "errors": lambda one: -one.error_count,
}
# Of one node they come sorted; rows of several are put together by this.
TASK_ORDER: Order[TaskRow] = {
    "cpu": lambda one: -one.cpu_s,
    "steps": lambda one: -one.steps,
    "age": lambda one: -one.age_s,
    "newest": lambda one: one.age_s,
}


def task_rows(found: TaskList, asked: TakeSnapshot) -> TaskList:
    """They come sorted: only who fits is left to be decided.

    A loop runs one task at a time, so the one that runs is who asks: it would be first of all that
    use CPU, and says nothing of the node.
    """
    fitting = [
        one
        for one in found.tasks
        if one.waiting != "running"
        and fits(asked.fits, one.name, one.coroutine, one.service, one.waiting, one.waits_for)
    ]
    count = len(fitting) if asked.fits else found.fit_count
    return msgspec.structs.replace(found, tasks=tuple(fitting[: asked.n]), fit_count=count)


def census_rows(found: Census, asked: TakeSnapshot) -> Census:
    """Without its history, which nobody sees in a table; growth is made of it already."""
    rows = picked(found.rows, asked, CENSUS_ORDER, lambda one: one.key)
    return msgspec.structs.replace(
        found,
        rows=tuple(msgspec.structs.replace(one, counts=()) for one in rows),
        queues=(),
        seen_at_s=(),
        task_counts=(),
    )


def hot_rows(found: HotFound, asked: TakeSnapshot) -> HotFound:
    rows = picked(found.hot, asked, HOT_ORDER, lambda one: one.key)
    return msgspec.structs.replace(found, hot=rows)


def type_rows(found: TypeCensus, asked: TakeSnapshot) -> TypeCensus:
    rows = picked(found.rows, asked, TYPE_ORDER, lambda one: one.type)
    return msgspec.structs.replace(found, rows=rows)


def stall_rows(found: StallList) -> StallList:
    """Each with the one function that is to blame instead of its whole stack."""
    short = [
        msgspec.structs.replace(one, stack=(one.culprit,) if one.culprit else ())
        for one in found.stalls
    ]
    return msgspec.structs.replace(found, stalls=tuple(short), earlier=None)


def request_rows(found: RequestsSeen, asked: TakeSnapshot) -> RequestsSeen:
    """The routes with the most requests."""
    routes = picked(found.routes, asked, ROUTE_ORDER, lambda one: f"{one.route} {one.model}")
    return msgspec.structs.replace(found, routes=routes, targets=found.targets[: asked.n])


def picked[R](
    rows: Iterable[R], asked: TakeSnapshot, order: Order[R], name: Callable[[R], str]
) -> tuple[R, ...]:
    """Those that fit, the first `n` of them."""
    fitting = [one for one in rows if fits(asked.fits, name(one))]
    return tuple(in_order(fitting, asked.sort, order, name)[: asked.n])


def in_order[R](rows: Iterable[R], sort: str, order: Order[R], name: Callable[[R], str]) -> list[R]:
    """By `sort`, or else by the first of `order`; of equal ones the first by name."""
    if sort == "name":
        return sorted(rows, key=name)
    most = order.get(sort) or next(iter(order.values()))
    return sorted(rows, key=lambda one: (most(one), name(one)))


def fits(text: str, *names: str) -> bool:
    """Whether some name has the text in it, in any case."""
    wanted = text.casefold()
    return not wanted or any(wanted in name.casefold() for name in names)
