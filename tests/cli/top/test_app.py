"""The screen, driven by keys, with a node that answers from a script. In 80x24."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from aiex.cli.admin_client import AdminClient
from aiex.cli.node_lookup import AdminAccess
from aiex.cli.top.app import TopApp
from aiex.cli.top.feed import Feed
from aiex.cli.top.panes import NAMES, PANES
from aiex.errors import AiexError
from aiex.performance import HolderList
from aiex.performance.snapshot import CallersFound, Neighbour
from aiex.testing.http_server import ScriptedServer
from aiex.testing.snapshots import SNAPSHOT, answered, later

SIZE = (80, 24)
UNTIL_S = 8.0
INTERVAL_S = 0.5


class Stage:
    """A screen, and the node that it asks."""

    def __init__(self, server: ScriptedServer, pilot: Pilot[None]) -> None:
        self.server = server
        self.pilot = pilot

    def text(self) -> str:
        strips = self.pilot.app.screen._compositor.render_strips()
        return "\n".join("".join(one.text for one in strip).rstrip() for strip in strips)

    async def shows(self, *parts: str) -> str:
        """Wait until all of it is on the screen."""
        return await self.until(lambda: all(part in self.text() for part in parts))

    async def until(self, is_true: Callable[[], object]) -> str:
        try:
            async with asyncio.timeout(UNTIL_S):
                while not is_true():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            pytest.fail(f"It never came to that:\n{self.text()}")
        return self.text()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    def asked(self) -> list[Any]:
        return [
            msgspec.json.decode(one.body) for one in self.server.asked if "/snapshot?" in one.path
        ]


@asynccontextmanager
async def stage(
    *script: bytes | None, nodes: str = "", pane: str = "tasks", size: tuple[int, int] = SIZE
) -> AsyncIterator[Stage]:
    with ScriptedServer(*script) as server:
        client = AdminClient(AdminAccess(server.url))
        app = TopApp(Feed(lambda: client, nodes), PANES[pane].first_view(20), interval_s=INTERVAL_S)
        async with app.run_test(size=size) as pilot:
            yield Stage(server, pilot)


async def test_each_pane_is_on_the_screen_with_keys_and_its_name_in_brackets() -> None:
    async with stage(answered({"n1": SNAPSHOT})) as top:
        for number, name in enumerate(NAMES, 1):
            await top.press(str(number))
            text = await top.shows(f"[{number} {name}]", "? help", "q quit")
            assert "n1  every 0.5 s" in text
            lines = text.splitlines()
            assert len(lines) == SIZE[1]
            assert max(map(len, lines)) <= SIZE[0]
        await top.shows("its own engine 2.14.0 is up", "n1 (itself)")


async def test_a_refresh_asks_for_what_is_shown_and_no_more() -> None:
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.shows("pkg:slow")
        assert top.asked()[0]["sections"] == ["tasks"]
        assert top.asked()[0]["n"] == SIZE[1] - 7
        await top.press("6")
        await top.shows("/v1/chat/completions")
        assert top.asked()[-1]["sections"] == ["requests"]


async def test_names_that_want_to_be_markup_or_commands_are_shown_as_names() -> None:
    async with stage(answered({"n1": SNAPSHOT})) as top:
        text = await top.shows("evil[red]:f[/]")
        assert "owned" not in text
        assert "\x1b" not in text


async def test_keys_sort_and_put_together_and_filter() -> None:
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.shows("sorted by cpu")
        await top.press("s")
        await top.shows("sorted by steps")
        await top.press("b")
        await top.shows("by coroutine", "kinds of tasks: 1")
        await top.press("slash", *"slow", "enter")
        await top.shows("with 'slow' in their names")
        await top.until(lambda: top.asked()[-1]["fits"] == "slow")
        await top.press("escape")
        await top.until(lambda: top.asked()[-1]["fits"] == "")
        assert "in their names" not in top.text()


async def test_a_filter_that_looks_like_markup_is_a_text() -> None:
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.press("slash", *"[red]", "enter")
        await top.shows("with '[red]' in their names")


async def test_while_paused_no_node_is_asked_but_another_pane_is_filled() -> None:
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.shows("pkg:slow")
        await top.press("space")
        await top.shows("PAUSED")
        await top.pilot.pause(0)
        count = len(top.asked())
        await top.press("4")
        await top.shows("youngest")
        assert [one["sections"] for one in top.asked()[count:]] == [["gc"]]
        await top.press("space")
        await top.shows("every 0.5 s")
        await top.until(lambda: len(top.asked()) > count + 2)


async def test_the_chosen_row_stays_chosen_when_rows_change_places() -> None:
    tasks = SNAPSHOT.tasks
    assert tasks is not None
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.shows("pkg:slow")
        await top.press("down")
        hot = msgspec.structs.replace(tasks.tasks[1], cpu_s=0.45)
        turned = msgspec.structs.replace(tasks, tasks=(hot, tasks.tasks[0]))
        top.server.answer_from_now_on(answered({"n1": later(tasks=turned)}))
        await top.shows("90.0%")
        await top.press("enter")
        await top.until(lambda: any("describe_task" in one.path for one in top.server.asked))
        asked = next(one for one in top.server.asked if "describe_task" in one.path)
        assert msgspec.json.decode(asked.body) == {"task": "8"}


async def test_enter_shows_who_calls_a_function() -> None:
    found = CallersFound("pkg:slow", 60.0, 4.0, 5.0, (Neighbour("pkg:caller", 5.0, 1.0),))
    async with stage(answered({"n1": SNAPSHOT}), pane="functions") as top:
        await top.shows("pkg:slow")
        await top.press("space")
        await top.shows("PAUSED")
        top.server.answer_from_now_on(answered({"n1": found}))
        await top.press("enter")
        await top.shows("Called by", "100.0%  5.00 s  pkg:caller", "Esc closes")
        await top.press("escape")
        await top.shows("[2 functions]")


async def test_enter_shows_who_has_objects_or_why_nothing_came() -> None:
    async with stage(answered({"n1": SNAPSHOT}), pane="memory") as top:
        await top.shows("pkg:Row")
        await top.press("space")
        await top.shows("PAUSED")
        top.server.answer_from_now_on(answered({"n1": HolderList((), 0, True, 0.1, 0.0)}))
        await top.press("enter")
        await top.shows("The node's answer is not understood")


async def test_a_node_that_goes_away_and_comes_back_is_told_and_no_crash() -> None:
    server = ScriptedServer(answered({"n1": SNAPSHOT}))
    there = True

    def look_up() -> AdminClient:
        if not there:
            raise AiexError("No node runs here. Start one with `aiex up`.")
        return AdminClient(AdminAccess(server.url), timeout_s=0.2)

    with server:
        app = TopApp(Feed(look_up, ""), PANES["tasks"].first_view(20), interval_s=INTERVAL_S)
        async with app.run_test(size=SIZE) as pilot:
            top = Stage(server, pilot)
            await top.shows("pkg:slow")
            there = False
            server.answer_from_now_on(b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")
            await top.shows("NO ANSWER for", "what was seen last", "pkg:slow")
            there = True
            server.answer_from_now_on(answered({"n1": later()}))
            await top.press("r")
            text = await top.until(lambda: "NO ANSWER" not in top.text())
            assert "pkg:slow" in text


async def test_a_node_that_is_slow_leaves_the_keys_quick_and_is_left_at_once() -> None:
    async with stage(answered({"n1": SNAPSHOT}), None) as top:
        await top.shows("pkg:slow")
        await top.until(lambda: len(top.server.asked) >= 2)
        await top.press("5")
        await top.shows("[5 loop]", "asking …")
        await top.press("q")
        await top.until(lambda: not top.pilot.app.is_running)


async def test_all_nodes_are_side_by_side_and_a_silent_one_is_named() -> None:
    both = answered({"n2": SNAPSHOT, "n1": SNAPSHOT}, {"n3": "no answer in 5 s"})
    async with stage(both, nodes="all", size=(100, 30)) as top:
        text = await top.shows("2 nodes, 1 silent", "NO ANSWER of n3: no answer in 5 s", "NODE")
        await top.shows("sorted by cpu")
        assert re.search(r"^ n1 +7 ", text, re.MULTILINE)
        assert re.search(r"^ n2 +7 ", text, re.MULTILINE)
        await top.until(lambda: top.asked()[-1]["n"] == (30 - 7) // 2)
        assert "nodes=all" in top.server.asked[0].path


async def test_in_a_window_that_is_made_smaller_less_is_asked_for() -> None:
    async with stage(answered({"n1": SNAPSHOT}), size=(120, 50)) as top:
        await top.shows("pkg:slow")
        await top.pilot.resize_terminal(60, 15)
        await top.until(lambda: top.asked()[-1]["n"] == 15 - 7)
        assert max(map(len, top.text().splitlines())) <= 60
        await top.press("plus")
        await top.until(lambda: top.asked()[-1]["n"] == 2 * (15 - 7))


async def test_a_profile_is_taken_by_the_command_that_one_would_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.shows("pkg:slow")
        await top.press("p")
        await top.shows("Profile n1", "for how many seconds")
        await top.press("enter")
        await top.until(lambda: any("cpu_profile" in one.path for one in top.server.asked))
        asked = next(one for one in top.server.asked if "cpu_profile" in one.path)
        assert "nodes=n1" in asked.path
        assert msgspec.json.decode(asked.body)["seconds"] == 10
        # The script has snapshots only: the command says so, and its last line is on the screen.
        await top.shows("profile of n1:", "not understood")
    assert list(tmp_path.iterdir()) == []


async def test_a_profile_that_cannot_be_is_refused_in_a_sentence() -> None:
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.shows("pkg:slow")
        await top.press("p")
        await top.shows("Profile n1")
        await top.press(*"x", "enter")
        await top.shows("'cpux' is no kind of profile")


async def test_what_is_running_is_told_before_the_screen_is_left_and_ended_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    async with stage(answered({"n1": SNAPSHOT}), pane="functions") as top:
        await top.shows("pkg:slow")
        await top.press("space")
        await top.shows("PAUSED")
        top.server.answer_from_now_on(None)
        await top.press("t")
        await top.shows("Trace at n1", "pkg:slow")
        await top.press("enter")
        await top.until(lambda: any("trace" in one.path for one in top.server.asked))
        await top.press("q")
        await top.shows("A trace at n1 is running; q again ends it and leaves.")
        await top.press("q")
        await top.until(lambda: not top.pilot.app.is_running)
    (file,) = tmp_path.glob("trace-n1-*.txt")
    assert file.stat().st_mode & 0o777 == 0o600


async def test_help_lists_every_key_of_the_footer() -> None:
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.press("question_mark")
        text = await top.shows("aiex top: the keys", "Esc closes")
        for key in ("Enter", "Space", " p ", " t ", " q ", " s ", " b ", " / "):
            assert key in text.replace("|", " ")
        await top.press("escape")
        await top.shows("[1 tasks]")


async def test_what_is_chosen_is_seen_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage(answered({"n1": SNAPSHOT})) as top:
        await top.shows("pkg:slow")
        strips = top.pilot.app.screen._compositor.render_strips()
        chosen = next(one for one in strips if "pkg:slow" in one.text)
        other = next(one for one in strips if "evil" in one.text)
        assert any(one.style and one.style.reverse for one in chosen)
        assert not any(one.style and one.style.reverse for one in other)
