"""The editor of prompts: lines, keys, and a history that is private and bounded."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from aiex.cli.line_editor import (
    HISTORY_BYTES_MAX,
    LineEditor,
    history_file,
    newest_entries,
    open_history,
)

UP, ALT_ENTER = b"\x1b[A", b"\x1b\r"


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as keys:
        yield keys


def editor(keyboard: PipeInput, file: Path | None = None) -> LineEditor:
    history = open_history(file) if file else InMemoryHistory()
    return LineEditor(history, source=keyboard, screen=DummyOutput())


async def typed(keyboard: PipeInput, keys: bytes) -> str:
    keyboard.send_bytes(keys)
    return await editor(keyboard).read()


async def test_enter_sends_the_line(keyboard: PipeInput) -> None:
    assert await typed(keyboard, "wie heißt das?\r".encode()) == "wie heißt das?"


async def test_a_backslash_at_the_end_or_alt_enter_goes_on_in_a_new_line(
    keyboard: PipeInput,
) -> None:
    assert await typed(keyboard, b"one\\\rtwo" + ALT_ENTER + b"three\r") == "one\ntwo\nthree"


async def test_tab_completes_a_command(keyboard: PipeInput) -> None:
    keyboard.send_bytes(b"/cl\t")
    reading = asyncio.create_task(editor(keyboard).read())
    for _ in range(100):  # turns of the loop; the editor completes in a task of its own
        await asyncio.sleep(0)
    keyboard.send_bytes(b"\r")
    assert await reading == "/clear"


async def test_bytes_that_are_no_text_become_question_marks(keyboard: PipeInput) -> None:
    assert await typed(keyboard, b"caf\xe9!\r") == "caf?!"


async def test_ctrl_c_and_ctrl_d_are_told_apart(keyboard: PipeInput) -> None:
    with pytest.raises(KeyboardInterrupt):
        await typed(keyboard, b"half\x03")
    with pytest.raises(EOFError):
        await typed(keyboard, b"\x04")


async def test_the_arrow_up_brings_back_what_an_earlier_session_asked(
    keyboard: PipeInput, tmp_path: Path
) -> None:
    file = tmp_path / "state" / "prompts"
    keyboard.send_bytes(b"one\rtwo\r")
    for _ in range(2):
        await editor(keyboard, file).read()
    keyboard.send_bytes(UP + UP + b"\r")
    assert await editor(keyboard, file).read() == "one"


def test_the_history_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "state" / "prompts"
    open_history(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_history_grown_too_long_keeps_its_newest_half(tmp_path: Path) -> None:
    file = tmp_path / "prompts"
    file.write_bytes(b"".join(b"\n# day\n+prompt %d\n" % number for number in range(100_000)))
    history = open_history(file)
    assert file.stat().st_size <= HISTORY_BYTES_MAX // 2
    assert next(iter(history.load_history_strings())) == "prompt 99999"


def test_a_history_that_cannot_be_kept_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert isinstance(open_history(tmp_path / "file" / "prompts"), InMemoryHistory)


@given(
    st.lists(st.from_regex(rb"\n# [a-z]{0,9}\n(\+[a-z]{0,9}\n){1,3}", fullmatch=True), max_size=6)
)
def test_only_whole_entries_are_kept_as_many_as_fit(entries: list[bytes]) -> None:
    content = b"".join(entries)
    for bytes_max in range(1, len(content) + 2):
        kept = newest_entries(content, bytes_max)
        assert len(kept) <= bytes_max
        fitting = [content[-length:] for length in _suffix_lengths(entries) if length <= bytes_max]
        assert kept == (fitting[-1] if fitting else b"")


def _suffix_lengths(entries: list[bytes]) -> list[int]:
    return [sum(map(len, entries[start:])) for start in range(len(entries) - 1, -1, -1)]


def test_the_history_is_where_state_is_kept() -> None:
    assert history_file({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/aiex/prompts")
    assert history_file({"HOME": "/h"}) == Path("/h/.local/state/aiex/prompts")
