"""The line editor of `aiex chat`: history across sessions, several lines, Tab."""

import os
from collections.abc import Mapping
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output

from aiex.cli.chat_session import valid_text
from aiex.cli.node_lookup import home
from aiex.cli.slash_command import SLASH_COMMANDS

HISTORY_BYTES_MAX = 1024 * 1024


class LineEditor:
    """Reads prompts from a terminal. Ctrl-D raises `EOFError`, Ctrl-C `KeyboardInterrupt`."""

    def __init__(
        self, history: History, *, source: Input | None = None, screen: Output | None = None
    ) -> None:
        names = [f"/{name}" for name in SLASH_COMMANDS]
        self._session: PromptSession[str] = PromptSession(
            "> ",
            multiline=True,
            prompt_continuation="  ",
            key_bindings=_keys(),
            history=history,
            completer=WordCompleter(names, sentence=True),
            complete_while_typing=False,
            input=source,
            output=screen,
        )

    async def read(self) -> str:
        """The next prompt, its lines joined by newlines."""
        return valid_text(await self._session.prompt_async())


def history_file(environment: Mapping[str, str]) -> Path:
    """Where prompts are kept from one session to the next."""
    state = environment.get("XDG_STATE_HOME")
    return (Path(state) if state else home(environment) / ".local" / "state") / "aiex" / "prompts"


def open_history(file: Path) -> History:
    """The prompts in `file`, private and bounded; kept in memory when the file cannot be used."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
        if file.stat().st_size > HISTORY_BYTES_MAX:
            file.write_bytes(newest_entries(file.read_bytes(), HISTORY_BYTES_MAX // 2))
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)


def newest_entries(content: bytes, bytes_max: int) -> bytes:
    """The last whole entries of a history file that fit; an empty line and `# ` begin each."""
    start = content.find(b"\n# ", max(0, len(content) - bytes_max))
    return content[start:] if start >= 0 else b""


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def send_or_continue(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    return keys
