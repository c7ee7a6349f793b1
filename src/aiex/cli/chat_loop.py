"""A conversation at the terminal: read a line, obey or ask, show the answer, again."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from aiex.cli.chat_answer import Answer, receive
from aiex.cli.chat_session import ChatSession
from aiex.cli.chat_stream import ChatApi
from aiex.cli.slash_command import SlashCommand, slash_command, slash_help
from aiex.cli.terminal_text import TerminalText
from aiex.errors import AiexError
from aiex.private_file import write_private

SAVED_BYTES_MAX = 64 * 1024 * 1024

type Interrupts = Callable[[Callable[[], object]], AbstractContextManager[None]]


class ChatLoop:
    """Runs until the user leaves. An interrupt ends the answer in progress, not the program."""

    def __init__(
        self,
        session: ChatSession,
        api: ChatApi,
        *,
        read_line: Callable[[], Awaitable[str]],
        write: Callable[[str], None],
        interrupts: Interrupts,
    ) -> None:
        self._session = session
        self._api = api
        self._read_line = read_line
        self._write = write
        self._interrupts = interrupts
        self._is_over = False

    async def run(self) -> None:
        while not self._is_over:
            try:
                line = await self._read_line()
            except EOFError:
                return
            except KeyboardInterrupt:
                self._say("Ctrl-D or /exit leaves.")
                continue
            try:
                await self._obey(line)
            except AiexError as error:
                self._say(str(error))

    async def _obey(self, line: str) -> None:
        command = slash_command(line)
        if isinstance(command, SlashCommand):
            await self._run_command(command)
        elif command is not None:
            self._say(command)
        elif line.strip():
            await self._ask(line.strip())

    async def _ask(self, prompt: str) -> None:
        answer = Answer(self._session.model)
        text = TerminalText()
        body = self._session.request(prompt)
        asking = asyncio.create_task(
            receive(self._api, body, answer, lambda piece: self._write(text.feed(piece)))
        )
        try:
            with self._interrupts(asking.cancel):
                await asyncio.wait([asking])
        finally:
            asking.cancel()
            self._write("\n")
        if not asking.cancelled() and (error := asking.exception()) is not None:
            raise error
        if asking.cancelled():
            self._say("(stopped; /retry asks again)")
        if answer.text:
            self._session.answered(prompt, answer.text, answer.usage)

    async def _run_command(self, command: SlashCommand) -> None:
        session = self._session
        match command.name:
            case "help":
                self._say(*slash_help())
            case "model":
                await self._use_model(command.argument)
            case "models":
                self._say(*await self._api.models())
            case "system":
                session.system = command.argument
                self._say("System text set." if command.argument else "System text removed.")
            case "clear":
                session.clear()
                self._say("Forgotten.")
            case "save":
                self._save(command.argument)
            case "load":
                self._load(command.argument)
            case "retry":
                await self._retry()
            case "usage":
                self._say(_usage_text(session))
            case _:
                self._is_over = True

    async def _use_model(self, name: str) -> None:
        if not name:
            self._say(self._session.model)
            return
        known = await self._api.models()
        # `provider/model` reaches models that are not listed: only a request can tell.
        if name not in known and "/" not in name:
            self._say(f"There is no model '{name}'. There are: {', '.join(known)}")
            return
        self._session.model = name
        self._say(f"Talking to {name}.")

    async def _retry(self) -> None:
        prompt = self._session.retry()
        if prompt:
            await self._ask(prompt)
        else:
            self._say("Nothing was asked yet.")

    def _save(self, name: str) -> None:
        file = _file(name)
        try:
            write_private(file, self._session.saved())
        except OSError as error:
            raise AiexError(f"{file} cannot be written: {error.strerror}.") from error
        self._say(f"Saved {len(self._session.turns)} turns to {file}.")

    def _load(self, name: str) -> None:
        file = _file(name)
        try:
            with file.open("rb") as saved:
                self._session.load(saved.read(SAVED_BYTES_MAX))
        except OSError as error:
            raise AiexError(f"{file} cannot be read: {error.strerror}.") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AiexError(f"{file} is not a conversation that /save wrote: {error}.") from error
        self._say(f"Loaded {len(self._session.turns)} turns with {self._session.model}.")

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._write(TerminalText().feed(line) + "\n")


@contextmanager
def terminal_interrupts(stop: Callable[[], object]) -> Iterator[None]:
    """Inside the block Ctrl-C calls `stop` instead of ending the program."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _file(name: str) -> Path:
    try:
        return Path(name.replace("\0", "")).expanduser()
    except RuntimeError as error:
        raise AiexError(f"'{name}' names a home directory that is not there.") from error


def _usage_text(session: ChatSession) -> str:
    used = session.usage
    return (
        f"{session.answer_count} answers: {used.prompt_tokens:,} prompt tokens, "
        f"{used.completion_tokens:,} completion tokens."
    )
