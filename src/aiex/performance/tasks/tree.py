"""Tasks under those that wait for them or own them, drawn from the top."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aiex.performance.tasks.aside import aside
from aiex.performance.tasks.awaiters import Relation, above
from aiex.performance.tasks.counting import Counting
from aiex.performance.tasks.look import look_at, waits_text
from aiex.performance.tasks.register import SeenTask, TaskRef, TaskRegister
from aiex.performance.tasks.requests import DrawTaskTree, TaskTree, TreeTask, Waiting
from aiex.performance.tasks.task_list import ROWS_AT_ONCE
from aiex.performance.tasks.wording import task_name

TASKS_MAX = 50_000
# Of leaves that are alike so many are drawn one by one; more of them are drawn as one.
ALIKE_MAX = 3
TOP = 0


class Node(NamedTuple):
    """`parent` is `TOP` where nobody is known to be above."""

    id: int
    parent: int
    relation: Relation
    coroutine: str
    service: str
    age_s: float
    waiting: Waiting
    ref: TaskRef | None = None

    @property
    def likeness(self) -> tuple[str, str, str, str]:
        return (self.coroutine, self.service, self.waiting, self.relation)


class Drawn(NamedTuple):
    node: Node
    stands_for: int  # as many tasks as that, itself included


async def task_tree(register: TaskRegister, counting: Counting, asked: DrawTaskTree) -> TaskTree:
    """Who made a task is known of those that were made while somebody counted."""
    gone = register.gone_count
    nodes: list[Node] = []
    current = asyncio.current_task()
    async for page in register.pages(TASKS_MAX):
        for seen in page:
            parent, relation = parent_of(seen, register, counting)
            look = look_at(seen, current)
            nodes.append(
                Node(
                    seen.id,
                    parent.id if parent is not None else TOP,
                    relation,
                    look.coroutine,
                    look.service,
                    seen.age_s,
                    look.wait.kind,
                    seen.ref,
                )
            )
        del page, seen, look, parent
    told = await aside(lambda: drawn(nodes, asked.service), len(nodes))
    tasks = []
    for number, one in enumerate(told[: asked.n], 1):
        tasks.append(_told(one, register))
        if number % ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
    left_out = sum(one.stands_for for one in told[asked.n :])
    return TaskTree(tuple(tasks), len(nodes), left_out, register.gone_count - gone)


def parent_of(
    seen: SeenTask, register: TaskRegister, counting: Counting
) -> tuple[SeenTask | None, Relation]:
    """The task above it, and how it came there."""
    for one in above(seen.task):
        return register.seen(one.task), one.relation
    maker = counting.parent(seen.task)
    if maker is not None and not asyncio.Task.done(maker):
        return register.seen(maker), "created"
    return None, ""


def drawn(nodes: Sequence[Node], service: str = "") -> list[Drawn]:
    """Each after its parent; at the top by service, the oldest first. Pure.

    Only tasks of services that begin so. In a circle of tasks that wait for one another the one
    with the smallest number is the top.
    """
    below: defaultdict[int, list[Node]] = defaultdict(list)
    for node in _without_circles([one for one in nodes if one.service.startswith(service)]):
        below[node.parent].append(node)
    found: list[Drawn] = []
    left = [*reversed(_alike(below[TOP], below))]
    while left:
        one = left.pop()
        found.append(one)
        left.extend(reversed(_alike(below[one.node.id], below)))
    return found


def _without_circles(nodes: Sequence[Node]) -> Iterable[Node]:
    by_id = {node.id: node for node in nodes}
    is_rooted: set[int] = {TOP}
    tops: set[int] = set()
    for node in nodes:
        way: dict[int, None] = {}
        at = node.id
        while at not in is_rooted and at not in way and at in by_id:
            way[at] = None
            at = by_id[at].parent
        if at in way:
            circle = list(way)[list(way).index(at) :]
            tops.add(min(circle))
        is_rooted.update(way)
    for node in nodes:
        if node.id in tops or node.parent not in by_id:
            yield node._replace(parent=TOP, relation="")
        else:
            yield node


def _alike(nodes: Sequence[Node], below: Mapping[int, Sequence[Node]]) -> list[Drawn]:
    """Siblings in order, leaves that are alike together where they are many."""
    likes: defaultdict[tuple[str, str, str, str], list[Node]] = defaultdict(list)
    found = []
    for node in sorted(nodes, key=lambda one: (one.service, -one.age_s, one.id)):
        if node.id in below:
            found.append(Drawn(node, 1))
        else:
            likes[node.likeness].append(node)
    for leaves in likes.values():
        if len(leaves) > ALIKE_MAX:
            found.append(Drawn(leaves[0], len(leaves)))
        else:
            found.extend(Drawn(leaf, 1) for leaf in leaves)
    return sorted(found, key=lambda one: (one.node.service, -one.node.age_s, one.node.id))


def _told(one: Drawn, register: TaskRegister) -> TreeTask:
    """With its name, unless it ended meanwhile."""
    node = one.node
    task = node.ref() if node.ref is not None else None
    is_alive = task is not None and not asyncio.Task.done(task)
    name, waits_for = "(ended)", ""
    if task is not None and is_alive:
        name = task_name(task)
        waits_for = waits_text(look_at(register.seen(task), asyncio.current_task()))
    return TreeTask(
        node.id,
        node.parent,
        node.relation,
        name,
        node.coroutine,
        node.service,
        node.age_s,
        node.waiting,
        waits_for,
        one.stands_for,
    )
