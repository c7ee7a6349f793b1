"""A conversation at the terminal: answers, interrupts, slash commands, errors it survives."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aiex.cli.chat_loop import ChatLoop, terminal_interrupts
from aiex.cli.chat_session import ChatSession, Usage
from aiex.cli.chat_stream import ChatFailed, Piece
from aiex.testing.chat_api import MemoryChatApi, Scripted

NEVER = asyncio.Event
CTRL_C = KeyboardInterrupt()
ONE, TWO = [Piece("first answer")], [Piece("second answer", usage=Usage(1000, 2))]


class Terminal:
    """Types the lines, one by one, and keeps what is shown; `interrupt` is Ctrl-C in an answer."""

    def __init__(self, *lines: str | KeyboardInterrupt) -> None:
        self.lines = list(lines)
        self.shown = ""
        self.interrupt: Callable[[], object] | None = None
        self.on_write: Callable[[], object] = lambda: None

    async def read(self) -> str:
        assert self.interrupt is None, "while a line is read, Ctrl-C is the editor's"
        if not self.lines:
            raise EOFError
        line = self.lines.pop(0)
        if isinstance(line, KeyboardInterrupt):
            raise line
        return line

    def write(self, text: str) -> None:
        self.shown += text
        self.on_write()

    @contextmanager
    def interrupts(self, stop: Callable[[], object]) -> Iterator[None]:
        self.interrupt = stop
        yield
        self.interrupt = None


class Stage:
    """What a conversation left behind."""

    def __init__(self, *script: Scripted, models: tuple[str, ...] = ("m", "other")) -> None:
        self.api = MemoryChatApi(*script, models=models)
        self.session = ChatSession("m")
        self.terminal = Terminal()

    async def type(self, *lines: str | KeyboardInterrupt) -> str:
        """What the terminal shows for these lines."""
        self.terminal.lines += lines
        self.terminal.shown = ""
        await ChatLoop(
            self.session,
            self.api,
            read_line=self.terminal.read,
            write=self.terminal.write,
            interrupts=self.terminal.interrupts,
        ).run()
        return self.terminal.shown

    def asked(self, request: int) -> list[str]:
        messages: list[dict[str, Any]] = self.api.asked[request]["messages"]
        return [message["content"] for message in messages]


async def test_an_answer_is_shown_and_goes_along_with_the_next_question() -> None:
    stage = Stage(ONE, TWO)
    assert await stage.type("hello", "  and?  ") == "first answer\nsecond answer\n"
    assert stage.asked(1) == ["hello", "first answer", "and?"]


async def test_an_empty_line_asks_nothing() -> None:
    assert await Stage().type("", "   ", "\n") == ""


async def test_a_slash_after_a_space_is_a_prompt() -> None:
    stage = Stage(ONE)
    await stage.type(" /help me")
    assert stage.asked(0) == ["/help me"]


async def test_what_the_model_says_does_not_command_the_terminal() -> None:
    stage = Stage([Piece("\x1b"), Piece("[31mred"), Piece("\x07\x1b]0;ti"), Piece("tle\x07!")])
    assert await stage.type("hello") == "red!\n"
    assert stage.session.turns[0].answer == "\x1b[31mred\x07\x1b]0;title\x07!"


async def test_an_interrupt_ends_the_answer_and_keeps_what_came_of_it() -> None:
    stage = Stage([Piece("half an"), NEVER()], TWO)
    stage.terminal.on_write = lambda: stage.terminal.interrupt and stage.terminal.interrupt()
    assert await stage.type("hello") == "half an\n(stopped; /retry asks again)\n"
    stage.terminal.on_write = lambda: None
    await stage.type("next")
    assert stage.asked(1) == ["hello", "half an", "next"]
    assert stage.api.closed_count == 2


async def test_an_answer_interrupted_before_its_first_word_is_not_kept() -> None:
    stage = Stage([NEVER()], TWO)
    typing = asyncio.create_task(stage.type("hello", "next"))
    while stage.terminal.interrupt is None or not stage.api.asked:
        await asyncio.sleep(0)
    stage.terminal.interrupt()
    await typing
    assert stage.asked(1) == ["next"]


async def test_ctrl_c_at_the_prompt_says_how_to_leave_and_stays() -> None:
    assert await Stage(ONE).type(CTRL_C, "hello") == "Ctrl-D or /exit leaves.\nfirst answer\n"


@pytest.mark.parametrize("leave", ["/exit", "/quit"])
async def test_exit_leaves_and_reads_no_further(leave: str) -> None:
    stage = Stage()
    await stage.type(leave, "hello")
    assert stage.api.asked == []


async def test_a_failed_answer_is_told_and_the_conversation_goes_on_without_it() -> None:
    stage = Stage(ONE, [Piece("half"), ChatFailed("The answer broke off.")], TWO)
    assert "half\nThe answer broke off.\n" in await stage.type("hello", "lost", "next")
    assert stage.asked(2) == ["hello", "first answer", "next"]


async def test_retry_asks_again_and_replaces_the_answer() -> None:
    stage = Stage(ONE, TWO)
    assert await stage.type("hello", "/retry") == "first answer\nsecond answer\n"
    assert stage.asked(1) == ["hello"]
    assert [turn.answer for turn in stage.session.turns] == ["second answer"]


async def test_retry_after_a_failure_asks_the_lost_question() -> None:
    stage = Stage([ChatFailed("no")], ONE)
    await stage.type("hello", "/retry")
    assert stage.asked(1) == ["hello"]


async def test_retry_of_nothing_says_so() -> None:
    assert await Stage().type("/retry") == "Nothing was asked yet.\n"


async def test_another_model_answers_from_now_on() -> None:
    stage = Stage(ONE, TWO)
    assert "Talking to other.\nfirst answer\nother\n" in await stage.type(
        "/model other", "hello", "/model"
    )
    assert stage.api.asked[0]["model"] == "other"


async def test_an_unknown_model_is_not_taken_and_those_there_are_are_named() -> None:
    stage = Stage()
    assert await stage.type("/model otter", "/model") == (
        "There is no model 'otter'. There are: m, other\nm\n"
    )


async def test_a_provider_and_its_model_need_not_be_listed() -> None:
    assert await Stage().type("/model openai/gpt-9") == "Talking to openai/gpt-9.\n"


async def test_models_are_listed_a_line_each() -> None:
    assert await Stage().type("/models") == "m\nother\n"


async def test_the_system_text_is_set_and_removed() -> None:
    stage = Stage(ONE, TWO)
    shown = await stage.type("/system be brief", "hello", "/system", "next")
    assert "System text set." in shown
    assert "System text removed." in shown
    assert stage.asked(0)[0] == "be brief"
    assert "be brief" not in stage.asked(1)


async def test_clear_forgets_what_was_said() -> None:
    stage = Stage(ONE, TWO)
    await stage.type("hello", "/clear", "next")
    assert stage.asked(1) == ["next"]


async def test_usage_is_told_in_tokens() -> None:
    assert (await Stage(TWO).type("hello", "/usage")).endswith(
        "1 answers: 1,000 prompt tokens, 2 completion tokens.\n"
    )


async def test_a_mistyped_command_is_not_sent_to_the_model() -> None:
    stage = Stage()
    assert "Did you mean /model?" in await stage.type("/modle x")
    assert stage.api.asked == []


async def test_help_lists_commands() -> None:
    assert "/save FILE" in await Stage().type("/help")


async def test_a_conversation_is_saved_privately_and_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "two words.json"
    assert f"Saved 1 turns to {file}." in await Stage(ONE).type("hello", f"/save {file}")
    assert file.stat().st_mode & 0o777 == 0o600
    stage = Stage(TWO)
    assert "Loaded 1 turns with m." in await stage.type(f"/load {file}", "next")
    assert stage.asked(0) == ["hello", "first answer", "next"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/load {}/none", "none cannot be read: No such file or directory."),
        ("/load {}", "cannot be read: Is a directory."),
        ("/save {}/none/file", "cannot be written: No such file or directory."),
        ("/load {}/garbage", "garbage is not a conversation that /save wrote: "),
        ("/load {}/latin1", "latin1 is not a conversation that /save wrote: "),
        ("/save ~nobody-at-all/x", "names a home directory that is not there."),
    ],
)
async def test_a_file_that_cannot_be_used_ends_nothing(
    line: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "garbage").write_text("{}")
    (tmp_path / "latin1").write_bytes(b'{"model": "\xff", "system": "", "turns": []}')
    shown = await Stage(ONE).type(line.format(tmp_path), "hello")
    assert sentence in shown
    assert shown.endswith("first answer\n")


async def test_on_a_terminal_ctrl_c_stops_the_answer_only() -> None:
    stopped = asyncio.Event()
    with terminal_interrupts(stopped.set):
        os.kill(os.getpid(), signal.SIGINT)
        await stopped.wait()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
