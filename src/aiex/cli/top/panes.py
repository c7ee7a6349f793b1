"""All panes, what each asks for, and what the next view is when a key changes something. Pure."""

from msgspec.structs import replace

from aiex.cli.top.pane import Pane, View, Way
from aiex.cli.top.pane_api import ENGINE, REQUESTS
from aiex.cli.top.pane_loop import LOOP
from aiex.cli.top.pane_memory import GC, MEMORY
from aiex.cli.top.pane_work import FUNCTIONS, TASKS
from aiex.performance import TakeSnapshot
from aiex.performance.snapshot import Section

PANES = {one.name: one for one in (TASKS, FUNCTIONS, MEMORY, GC, LOOP, REQUESTS, ENGINE)}
NAMES = tuple(PANES)
# A census of all objects takes a node a tenth of a second and more; types grow slowly.
TYPES_EVERY_S = 10.0
# What is asked for in a second place is a few rows a node, however many there are.
ROWS_MIN, ROWS_MAX = 5, 200


def pane_of(view: View) -> Pane:
    return PANES[view.pane]


def way_of(view: View) -> Way:
    return PANES[view.pane].ways[view.by]


def request(
    view: View, *, node_count: int = 1, left_out: frozenset[Section] = frozenset()
) -> TakeSnapshot:
    """One request for what is on the screen; of several nodes each tells its share of the rows."""
    sections = tuple(one for one in way_of(view).sections if one not in left_out)
    share = view.n if node_count <= 1 else max(view.n // node_count, ROWS_MIN)
    asked = TakeSnapshot(
        sections, min(share, ROWS_MAX), view.sort, view.fits[:128], seconds=view.seconds
    )
    match view.pane, view.by:
        case "functions", ("function" | "service" | "coroutine" | "route") as by:
            return replace(asked, hot_by=by)
        case "tasks", ("coroutine" | "service" | "waiting") as by:
            return replace(asked, census_by=by)
    return asked


def next_sort(view: View) -> View:
    sorts = way_of(view).sorts
    return view._replace(sort=sorts[(sorts.index(view.sort) + 1) % len(sorts)])


def next_way(view: View) -> View:
    """The same pane's rows, put together in another way."""
    ways = list(pane_of(view).ways)
    by = ways[(ways.index(view.by) + 1) % len(ways)]
    return view._replace(by=by, sort=pane_of(view).ways[by].sorts[0])


def other_pane(view: View, name: str) -> View:
    """Its first way; a filter belongs to the pane it was typed in."""
    return PANES[name].first_view(view.n)._replace(seconds=view.seconds)


def neighbour(view: View, step: int) -> View:
    return other_pane(view, NAMES[(NAMES.index(view.pane) + step) % len(NAMES)])
