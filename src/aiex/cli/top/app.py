"""The screen of `aiex top`: keys in, a picture out; asking is done in threads beside it."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.widgets import DataTable, Static

from aiex.cli.node_lookup import TOKEN_VARIABLE
from aiex.cli.top import errand
from aiex.cli.top.dialogs import QuestionScreen, TextScreen, plain
from aiex.cli.top.feed import Feed
from aiex.cli.top.job import Job
from aiex.cli.top.pace import wait_s
from aiex.cli.top.pane import Detail, Seen, View, node_and_name
from aiex.cli.top.panes import (
    NAMES,
    ROWS_MAX,
    neighbour,
    next_sort,
    next_way,
    other_pane,
    request,
    way_of,
)
from aiex.cli.top.rows import Rows
from aiex.cli.top.watched import Watched
from aiex.cli.top.wording import (
    KEYS,
    head_text,
    help_lines,
    note_text,
    panes_text,
    summary_lines,
)
from aiex.errors import AiexError

INTERVAL_S_MIN, INTERVAL_S_MAX = 0.5, 60.0
# Lines that are not the table's rows: head, panes, a summary of two, headings, note, keys.
OTHER_LINES = 7
ROWS_MIN = 5
# One for what is on the screen, one for a detail that is asked for meanwhile.
THREADS = 2
FILTER = "text"


class TopApp(App[None]):
    TITLE = "aiex top"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"pane('{name}')") for number, name in enumerate(NAMES, 1)),
        Binding("tab", "step(1)", priority=False),
        Binding("shift+tab", "step(-1)"),
        Binding("s", "sort"),
        Binding("b", "by"),
        Binding("slash", "filter"),
        Binding("escape", "show_all"),
        Binding("space", "pause"),
        Binding("r", "refresh_now"),
        Binding("plus,equals_sign", "more_rows(2.0)"),
        Binding("minus", "more_rows(0.5)"),
        Binding("less_than_sign", "slower(0.5)"),
        Binding("greater_than_sign", "slower(2.0)"),
        Binding("p", "profile"),
        Binding("t", "trace"),
        Binding("x", "end_job"),
        Binding("question_mark,h", "help"),
        Binding("q,ctrl+c,ctrl+q", "leave"),
    ]

    def __init__(self, feed: Feed, view: View, *, interval_s: float) -> None:
        # The terminal's own colours: few bytes, right on any background, none with NO_COLOR.
        super().__init__(ansi_color=True)
        self._environment = dict(os.environ)
        self._feed = feed
        self._view = view
        self._interval_s = interval_s
        self._watched = Watched()
        self._is_paused = False
        self._is_due = asyncio.Event()
        self._rows_factor = 1.0
        self._said = ""
        self._job: Job | None = None
        self._is_leaving = False
        # Nobody waits for them when the screen is left: a slow node may not hold that up.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="top")

    def compose(self) -> ComposeResult:
        for name in ("head", "panes", "summary"):
            yield Static(id=name, markup=False)
        yield Rows()
        for name in ("note", "keys"):
            yield Static(id=name, markup=False)

    def on_mount(self) -> None:
        self.theme = "ansi-dark"
        self._line("keys", [KEYS])
        self.query_one(Rows).focus()
        self._fit_rows(self.size.height)
        self._show()
        self.set_interval(1.0, self._show_note)
        self.run_worker(self._watch(), name="watch")

    def on_unmount(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def on_resize(self, event: Resize) -> None:
        self._fit_rows(event.size.height)
        self.call_after_refresh(self._show)  # the screen has its new width then

    # Asking.

    async def _watch(self) -> None:
        while True:
            if not self._is_paused or self._view != self._watched.view:
                await self._look()
            wait = wait_s(self._interval_s, self._watched.look.took_s, self._watched.failure_count)
            try:
                async with asyncio.timeout(None if self._is_paused else wait):
                    await self._is_due.wait()
            except TimeoutError:
                continue
            finally:
                self._is_due.clear()

    async def _look(self) -> None:
        view, watched = self._view, self._watched
        asked = request(
            view,
            node_count=len(watched.seen) or 1,
            left_out=watched.left_out(view, time.monotonic()),
        )
        try:
            look = await self._in_thread(partial(self._feed.look, asked))
        except AiexError as error:
            watched.unanswered(str(error), time.monotonic())
        else:
            watched.answered(look, view, time.monotonic())
        self._show()

    async def _in_thread[T](self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    # Showing.

    def _show(self) -> None:
        seen, view = self._seen(), self._view
        self._line("head", [head_text(seen, self._watched, self._interval_s, self._is_paused)])
        self._line("panes", [panes_text(view)])
        shown = self._watched.view
        if shown is None or (shown.pane, shown.by) != (view.pane, view.by):
            self._line("summary", ["asking …", ""])
        else:
            picture = way_of(view).picture(seen, view)
            self._line("summary", summary_lines(picture, view, self.size.width))
            self.query_one(Rows).show(picture.table, self.size.width)
        self._show_note()

    def _show_note(self) -> None:
        job = f"RUNNING: {self._job.what} (x ends it)" if self._job is not None else ""
        self._line("note", [note_text(self._watched, time.monotonic(), self._said, job)])

    def _line(self, name: str, lines: list[str]) -> None:
        self.screen_stack[0].query_one(f"#{name}", Static).update(plain(lines))

    def _say(self, text: str) -> None:
        self._said = text
        self._show_note()

    def _seen(self) -> list[Seen]:
        return [self._watched.seen[node] for node in sorted(self._watched.seen)]

    def _fit_rows(self, height: int) -> None:
        room = max(ROWS_MIN, height - OTHER_LINES)
        n = min(ROWS_MAX, max(ROWS_MIN, int(room * self._rows_factor)))
        self._view = self._view._replace(n=n)

    def _change(self, view: View) -> None:
        """Look at something else, now."""
        self._view, self._said = view, ""
        self._is_due.set()
        self._show()

    # Keys.

    def action_pane(self, name: str) -> None:
        self._change(other_pane(self._view, name))

    def action_step(self, step: int) -> None:
        self._change(neighbour(self._view, step))

    def action_sort(self) -> None:
        self._change(next_sort(self._view))

    def action_by(self) -> None:
        self._change(next_way(self._view))

    def action_filter(self) -> None:
        question = QuestionScreen(
            "Only rows that have this in their names",
            {FILTER: self._view.fits},
            "Enter shows them; an empty text shows all rows. Esc leaves it as it is.",
        )
        self.push_screen(question, self._filter)

    def _filter(self, fields: dict[str, str] | None) -> None:
        if fields is not None:
            self._change(self._view._replace(fits=fields[FILTER]))

    def action_show_all(self) -> None:
        if self._view.fits:
            self._change(self._view._replace(fits=""))

    def action_pause(self) -> None:
        self._is_paused = not self._is_paused
        self._is_due.set()
        self._show()

    def action_refresh_now(self) -> None:
        self._watched.view = None if self._is_paused else self._watched.view
        self._is_due.set()

    def action_more_rows(self, times: float) -> None:
        self._rows_factor = min(max(self._rows_factor * times, 0.25), 32.0)
        self._fit_rows(self.size.height)
        self._change(self._view)

    def action_slower(self, times: float) -> None:
        self._interval_s = min(max(self._interval_s * times, INTERVAL_S_MIN), INTERVAL_S_MAX)
        self._is_due.set()
        self._show()

    def action_help(self) -> None:
        self.push_screen(TextScreen("aiex top: the keys", help_lines()))

    def on_data_table_row_selected(self, _: DataTable.RowSelected) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        seen, name = chosen
        match way_of(self._view).drill(seen, name, self._view):
            case Detail() as detail:
                self.run_worker(self._look_into(detail), name="detail")
            case View() as view:
                self._change(view)
            case sentence:
                self._say(sentence)

    def _chosen(self) -> tuple[Seen, str] | None:
        """The node and the name of the chosen row."""
        node, name = node_and_name(self.query_one(Rows).chosen_key)
        seen = self._watched.seen.get(node)
        return (seen, name) if seen is not None else None

    async def _look_into(self, detail: Detail) -> None:
        screen = TextScreen(detail.title, ["asking …"])
        await self.push_screen(screen)
        try:
            answers = [
                await self._in_thread(partial(self._feed.ask, one, detail.node))
                for one in detail.requests
            ]
        except AiexError as error:
            screen.show([str(error)])
        else:
            screen.show(detail.lines(detail.node, answers))

    # Profiles and traces.

    def action_profile(self) -> None:
        node, _ = self._node_and_function()
        self._question(
            f"Profile {node}",
            errand.profile_fields(node, _clock_time()),
            errand.PROFILE_HINT,
            lambda fields: errand.profile_errand(fields, node),
        )

    def action_trace(self) -> None:
        node, function = self._node_and_function()
        self._question(
            f"Trace at {node}",
            errand.trace_fields(node, _clock_time(), function),
            errand.TRACE_HINT,
            lambda fields: errand.trace_errand(fields, node),
        )

    def _node_and_function(self) -> tuple[str, str]:
        """Of the chosen row, else of the first node."""
        chosen = self._chosen()
        if chosen is not None:
            is_function = self._view.by in ("function", "coroutine")
            return chosen[0].node, chosen[1] if is_function else ""
        return min(self._watched.seen, default=""), ""

    def _question(
        self,
        title: str,
        fields: dict[str, str],
        hint: str,
        to_errand: Callable[[dict[str, str]], errand.Errand],
    ) -> None:
        if not self._watched.seen:
            self._say("No node has answered yet.")
            return
        if self._job is not None:
            self._say(f"A {self._job.what} is running; x ends it.")
            return

        def answered(fields: dict[str, str] | None) -> None:
            if fields is None:
                return
            try:
                self._start(to_errand(fields))
            except (ValueError, AiexError) as error:
                self._say(str(error))

        self.push_screen(QuestionScreen(title, fields, hint), answered)

    def _start(self, begun: errand.Errand) -> None:
        """Raises `NodeNotFound` when there is no node any more."""
        access = self._feed.access()
        environment = {**self._environment, "AIEX_ADMIN_URL": access.url}
        environment.pop(f"{TOKEN_VARIABLE}_FILE", None)
        if access.token:
            environment[TOKEN_VARIABLE] = access.token
        self._job = Job(begun.what, begun.arguments, environment, begun.file)
        self.run_worker(self._see_through(self._job), name="job")
        self._say("")

    async def _see_through(self, job: Job) -> None:
        try:
            self._said = f"{job.what}: {await job.run()}"
        except OSError as error:
            self._said = f"The {job.what} could not be begun: {error.strerror}: {error.filename}"
        finally:
            self._job = None
        self._show_note()

    async def action_end_job(self) -> None:
        if self._job is not None:
            await self._job.end()

    async def action_leave(self) -> None:
        """While something runs it takes a second key: what it has so far would be lost."""
        if self._job is not None and not self._is_leaving:
            self._is_leaving = True
            self._say(f"A {self._job.what} is running; q again ends it and leaves.")
            return
        await self.action_end_job()
        self.exit()


def _clock_time() -> str:
    return datetime.now().astimezone().strftime("%H%M%S")
