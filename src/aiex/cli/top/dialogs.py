"""What is laid over the table: a text to read, and questions to answer. No node is asked here."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from aiex.cli.table import shown


def plain(lines: Sequence[str]) -> Content:
    """Lines as they are: brackets in a name are brackets, and no control character passes."""
    return Content("\n".join(shown(line) for line in lines))


class TextScreen(ModalScreen[None]):
    """A text that can be scrolled; Esc and Enter close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "close"),
        Binding("up,k", "move(-1)"),
        Binding("down,j", "move(1)"),
        Binding("pageup", "turn(-1)"),
        Binding("pagedown,space", "turn(1)"),
    ]

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        with Vertical(classes="over"):
            yield Static(plain([self._title]), classes="title")
            with VerticalScroll(can_focus=False):
                yield Static(plain(self._lines), id="text")
            yield Static("Esc closes  ↑ ↓ PgUp PgDn scroll", classes="keys")

    def show(self, lines: Sequence[str]) -> None:
        """Other lines at the same place."""
        self._lines = lines
        if self.is_mounted:
            self.query_one("#text", Static).update(plain(lines))

    def action_move(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_turn(self, pages: int) -> None:
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 1), animate=False)


class QuestionScreen(ModalScreen[dict[str, str] | None]):
    """Some fields to fill in; Enter in the last one, or in all, is the answer, Esc is none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "cancel"),
        Binding("up", "app.focus_previous"),
        Binding("down", "app.focus_next"),
    ]

    def __init__(self, title: str, fields: Mapping[str, str], hint: str) -> None:
        """`fields` are by label, with what stands in them at first."""
        super().__init__()
        self._title = title
        self._fields = fields
        self._hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="over question"):
            yield Static(plain([self._title]), classes="title")
            for label, value in self._fields.items():
                yield Static(plain([label]), classes="label")
                yield Input(value, compact=True, select_on_focus=False)
            yield Static(plain([self._hint]), classes="keys")

    def on_input_submitted(self, _: Input.Submitted) -> None:
        values = [one.value.strip() for one in self.query(Input)]
        self.dismiss(dict(zip(self._fields, values, strict=True)))
