"""What each pane asks for, shows, and leads to."""

import pytest
from msgspec.structs import replace

from aiex.cli.table import text_lines
from aiex.cli.top.pane import Detail, Picture, Seen, View, key_of, node_and_name
from aiex.cli.top.panes import (
    NAMES,
    PANES,
    ROWS_MIN,
    neighbour,
    next_sort,
    next_way,
    other_pane,
    request,
    way_of,
)
from aiex.performance import DescribeTask, RequestsSeen, RouteRow
from aiex.performance.snapshot import FindCallers
from aiex.testing.snapshots import HOSTILE, SNAPSHOT, later, task

ONE = [Seen("n1", SNAPSHOT)]
WAYS = [(pane.name, by) for pane in PANES.values() for by in pane.ways]


def view(pane: str, by: str) -> View:
    return View(pane, by, PANES[pane].ways[by].sorts[0])


def picture(pane: str, by: str, seen: list[Seen] | None = None) -> Picture:
    shown = view(pane, by)
    return way_of(shown).picture(seen or ONE, shown)


@pytest.mark.parametrize(("pane", "by"), WAYS)
def test_every_pane_fits_in_80_columns_and_says_something(pane: str, by: str) -> None:
    found = picture(pane, by)
    assert found.table.rows
    assert all(found.summary)
    lines = text_lines(found.table, 79)
    assert max(map(len, lines)) <= 79
    assert not any("\x1b" in line or "\x07" in line for line in lines)


@pytest.mark.parametrize(("pane", "by"), WAYS)
def test_with_several_nodes_each_row_says_whose_it_is(pane: str, by: str) -> None:
    found = picture(pane, by, [Seen("n1", SNAPSHOT), Seen("n2", SNAPSHOT)])
    assert found.table.columns[0].heading == "NODE"
    assert {row.cells[0] for row in found.table.rows} == {"n1", "n2"}
    assert {node_and_name(row.key)[0] for row in found.table.rows} == {"n1", "n2"}
    assert [line.split(":")[0] for line in found.summary] == ["n1", "n2"]
    assert len({row.key for row in found.table.rows}) == len(found.table.rows)


@pytest.mark.parametrize(("pane", "by"), WAYS)
def test_a_section_that_is_missing_is_no_error_and_told_why(pane: str, by: str) -> None:
    sections = PANES[pane].ways[by].sections
    untold = dict.fromkeys(sections, "not now, it said")
    bare = replace(SNAPSHOT, **dict.fromkeys(sections, None), untold=untold)
    found = picture(pane, by, [Seen("n1", bare)])
    assert found.table.rows == ()
    assert found.summary == ("not now, it said",)


@pytest.mark.parametrize(("pane", "by"), WAYS)
def test_only_what_is_shown_is_asked_for(pane: str, by: str) -> None:
    asked = request(view(pane, by)._replace(n=17, fits="nats"))
    assert asked.sections == PANES[pane].ways[by].sections
    assert (asked.n, asked.fits) == (17, "nats")
    assert {asked.hot_by, asked.census_by} & {by, "function", "coroutine"}


def test_the_rows_of_a_screen_are_shared_among_nodes() -> None:
    assert request(view("tasks", "task")._replace(n=30), node_count=3).n == 10
    assert request(view("tasks", "task")._replace(n=10), node_count=9).n == ROWS_MIN


def test_tasks_of_several_nodes_are_sorted_together() -> None:
    tasks = SNAPSHOT.tasks
    assert tasks is not None
    hotter = replace(SNAPSHOT, tasks=replace(tasks, tasks=(task(3, "pkg:hottest", 0.4),)))
    rows = picture("tasks", "task", [Seen("n1", SNAPSHOT), Seen("n2", hotter)]).table.rows
    assert [row.cells[1:3] for row in rows] == [("3", "80.0%"), ("7", "20.0%"), ("8", "0.0%")]


def test_rates_are_made_of_two_snapshots_and_none_of_one() -> None:
    requests = SNAPSHOT.requests
    assert requests is not None
    more = RequestsSeen(
        5, 100, 1, 0.0, 1500, 20, {20: 600}, (RouteRow("/v1/chat/completions", "m", 1500, 20),)
    )
    first = picture("requests", "route")
    assert first.table.rows[0].cells[:4] == ("", "", "1,000", "10")
    both = [Seen("n1", later(10.0, requests=more), SNAPSHOT)]
    found = picture("requests", "route", both)
    assert found.table.rows[0].cells[:4] == ("50.0", "1.0", "1,500", "20")
    assert found.summary[0].startswith("50.0 requests/s, 1.0 errors/s, p50 ")


def test_a_node_that_began_anew_has_no_rates_yet() -> None:
    young = replace(SNAPSHOT, head=replace(SNAPSHOT.head, uptime_s=1.0))
    found = picture("requests", "route", [Seen("n1", young, SNAPSHOT)])
    assert found.table.rows[0].cells[:2] == ("", "")


def test_enter_leads_from_a_task_to_its_description_and_from_a_function_to_its_callers() -> None:
    of_task = way_of(view("tasks", "task")).drill(ONE[0], "7", view("tasks", "task"))
    assert isinstance(of_task, Detail)
    assert of_task.requests == (DescribeTask("7"),)
    shown = view("functions", "function")
    of_function = way_of(shown).drill(ONE[0], "pkg:slow", shown)
    assert isinstance(of_function, Detail)
    assert of_function.requests == (FindCallers("pkg:slow", 60.0),)


def test_enter_leads_from_a_kind_of_tasks_to_these_tasks() -> None:
    shown = view("tasks", "service")
    there = way_of(shown).drill(ONE[0], "(uvloop)", shown)
    assert isinstance(there, View)
    assert (there.by, there.fits) == ("task", "uvloop")


@pytest.mark.parametrize(("pane", "by"), WAYS)
def test_enter_leads_somewhere_from_every_pane(pane: str, by: str) -> None:
    key = picture(pane, by).table.rows[0].key
    there = way_of(view(pane, by)).drill(ONE[0], node_and_name(key)[1], view(pane, by))
    assert isinstance(there, Detail | View) or there.startswith("`aiex ")


def test_keys_lead_round_all_panes_ways_and_sorts() -> None:
    first = PANES[NAMES[0]].first_view(20)
    seen, now = [], first
    for _ in NAMES:
        seen.append(now.pane)
        now = neighbour(now, 1)
    assert (tuple(seen), now) == (NAMES, first)
    assert neighbour(first, -1).pane == NAMES[-1]
    assert next_way(first).by == "coroutine"
    assert next_sort(first).sort == "steps"
    assert other_pane(first._replace(fits="x"), "gc").fits == ""


def test_a_row_that_vanished_between_two_snapshots_is_no_error() -> None:
    types = later(types=None)
    found = picture("memory", "type", [Seen("n1", SNAPSHOT, types)])
    assert found.table.rows[0].cells[1] == ""


def test_a_hostile_name_is_its_own_key() -> None:
    assert node_and_name(key_of("n1", HOSTILE)) == ("n1", HOSTILE)
