"""Which tasks wait for one another in a circle: arithmetic on who needs whom; looks at nothing.

A task that needs all of several is stuck when one of them is; one that needs any of them, when all
are. Those that are stuck for good are what is left when every task that can go on is taken away,
again and again (a greatest fixpoint). Among these each circle is a strongly connected component
(R. Tarjan, Depth-first search and linear graph algorithms, 1972), and is told by its shortest way
round. Time: what tasks and needs there are, once each; for a circle, its component once.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

CIRCLES_MAX = 100


class Need(NamedTuple):
    """The tasks that one waits for; `any_of`: one of them is enough for it to go on."""

    of: tuple[int, ...]
    any_of: bool = False


class Circle(NamedTuple):
    """Each waits for the next, the last one for the first; `behind` wait for those."""

    tasks: tuple[int, ...]
    behind: int


def circles(needs: Mapping[int, Need]) -> list[Circle]:
    """Every one, at most `CIRCLES_MAX`, the one with the most tasks behind it first."""
    stuck = stuck_tasks(needs)
    waits = {task: [one for one in needs[task].of if one in stuck] for task in stuck}
    components = [each for each in _components(waits) if _is_circular(each, waits)]
    found = []
    for component, behind in zip(components, _behind(waits, components), strict=True):
        way = _shortest(component, waits)
        found.append(Circle(way, behind + len(component) - len(way)))
    return sorted(found, key=lambda one: (-one.behind, min(one.tasks)))[:CIRCLES_MAX]


def stuck_tasks(needs: Mapping[int, Need]) -> set[int]:
    """Tasks that can never go on by what the others do; empty when there is no circle."""
    stuck = {task for task, need in needs.items() if need.of}
    waiting = defaultdict(list)  # by whom they need
    for task in stuck:
        for one in dict.fromkeys(needs[task].of):
            waiting[one].append(task)
    hopeless = {task: len(set(needs[task].of)) for task in stuck}
    free = deque(one for one in waiting if one not in stuck)
    while free:
        for task in waiting[free.popleft()]:
            if task not in stuck:
                continue
            hopeless[task] -= 1
            if needs[task].any_of or hopeless[task] == 0:
                stuck.remove(task)
                free.append(task)
    return stuck


def _is_circular(component: Sequence[int], waits: Mapping[int, Sequence[int]]) -> bool:
    return len(component) > 1 or component[0] in waits[component[0]]


def _shortest(component: Sequence[int], waits: Mapping[int, Sequence[int]]) -> tuple[int, ...]:
    """The shortest way from the component's first task back to it."""
    inside, start = set(component), min(component)
    came_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        task = queue.popleft()
        for one in waits[task]:
            if one == start:
                way = [task]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if one in inside and one not in came_from:
                came_from[one] = task
                queue.append(one)
    raise AssertionError("a component leads back to each of its tasks")


def _behind(waits: Mapping[int, Sequence[int]], components: Sequence[Sequence[int]]) -> list[int]:
    """How many tasks outside wait for each circle, directly or for one that does."""
    waiting = defaultdict(list)
    for task, needed in waits.items():
        for one in needed:
            waiting[one].append(task)
    counts = []
    for component in components:
        reached = set(component)
        queue = deque(component)
        while queue:
            for task in waiting[queue.popleft()]:
                if task not in reached:
                    reached.add(task)
                    queue.append(task)
        counts.append(len(reached) - len(component))
    return counts


def _components(waits: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """Strongly connected components, without recursion: chains may be long."""
    found: list[list[int]] = []
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    on_path: set[int] = set()
    for root in waits:
        if root in index:
            continue
        work = [(root, iter(waits[root]))]
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        while work:
            task, needed = work[-1]
            for one in needed:
                if one not in index:
                    index[one] = low[one] = len(index)
                    path.append(one)
                    on_path.add(one)
                    work.append((one, iter(waits[one])))
                    break
                if one in on_path:
                    low[task] = min(low[task], index[one])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[task])
                if low[task] == index[task]:
                    found.append(_taken_off(path, task))
                    on_path.difference_update(found[-1])
    return found


def _taken_off(path: list[int], until: int) -> list[int]:
    taken = [path.pop()]
    while taken[-1] != until:
        taken.append(path.pop())
    return taken
