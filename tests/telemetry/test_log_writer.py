"""The log: every line whole and in order, the oldest dropped and counted, no caller held up."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.settings import Secret
from aiex.telemetry import LogWriter, log_encoder, log_to
from aiex.telemetry.log_writer import LINES_MAX, json_lines, text_lines

PATIENCE_S = 10.0


class Output(io.BytesIO):
    """What was written; `on_write` is called before each write."""

    def __init__(self, on_write: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._on_write = on_write

    def write(self, content: Any) -> int:
        self._on_write()
        return super().write(content)

    def lines(self) -> list[Any]:
        text = self.getvalue().decode()
        assert not text or text.endswith("\n")
        return [json.loads(line) for line in text.split("\n")[:-1]]


def written(*lines: Any) -> list[Any]:
    output = Output()
    writer = LogWriter(output)
    for line in lines:
        writer.add(line)
    writer.close()
    return output.lines()


TEXTS = st.text(st.characters(codec="utf-8"))
FACTS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS | st.lists(TEXTS)


@given(st.lists(st.dictionaries(TEXTS, FACTS), max_size=5))
def test_each_line_is_one_json_object_in_order(lines: list[dict[str, Any]]) -> None:
    assert written(*lines) == lines


def test_closing_writes_what_is_left_of_many_threads_each_in_its_order() -> None:
    output = Output()
    writer = LogWriter(output)
    writer.start()
    started = threading.Barrier(4)

    def add(name: int) -> None:
        started.wait()
        for number in range(500):
            writer.add([name, number])

    threads = [threading.Thread(target=add, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    lines = output.lines()
    assert len(lines) == 2000
    for name in range(4):
        assert [number for one, number in lines if one == name] == list(range(500))


def test_lines_are_written_while_it_runs_without_anybody_closing() -> None:
    came = threading.Event()
    writer = LogWriter(Output(came.set))
    writer.start()
    writer.add({"a": 1})
    assert came.wait(PATIENCE_S)
    writer.close()


def test_a_full_queue_drops_the_oldest_lines_and_counts_them() -> None:
    output = Output()
    writer = LogWriter(output)
    for number in range(LINES_MAX + 3):
        writer.add(number)
    writer.close()
    lines = output.lines()
    assert (lines[0], lines[-1], len(lines)) == (3, LINES_MAX + 2, LINES_MAX)
    assert writer.dropped_count == 3


def test_a_reader_that_stands_still_holds_up_nobody_but_the_writer() -> None:
    is_stuck, goes_on = threading.Event(), threading.Event()

    def stick() -> None:
        is_stuck.set()
        goes_on.wait(PATIENCE_S)

    output = Output(stick)
    writer = LogWriter(output)
    writer.start()
    writer.add("first")
    assert is_stuck.wait(PATIENCE_S)
    for number in range(LINES_MAX + 1):
        writer.add(number)
    assert writer.dropped_count == 1
    goes_on.set()
    writer.close()
    assert output.lines()[:2] == ["first", 1]


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(28, "No space"), ValueError("closed")]
)
def test_an_output_that_fails_costs_its_lines_and_they_are_counted(error: Exception) -> None:
    errors = [error]

    def fail_once() -> None:
        if errors:
            errors_seen.set()
            raise errors.pop()

    errors_seen = threading.Event()
    output = Output(fail_once)
    writer = LogWriter(output)
    writer.start()
    writer.add("lost")
    assert errors_seen.wait(PATIENCE_S)
    writer.add("kept")
    writer.close()
    assert output.lines() == ["kept"]
    assert writer.dropped_count == 1


# Half a surrogate pair, and what has no JSON.
@pytest.mark.parametrize("bad", [{"a": "\ud800"}, {"a": object()}, {"a": Secret("zqSECRET")}])
def test_a_line_that_cannot_be_encoded_costs_only_itself(bad: Any) -> None:
    output = Output()
    writer = LogWriter(output)
    for line in ({"n": 1}, bad, {"n": 2}):
        writer.add(line)
    writer.close()
    assert output.lines() == [{"n": 1}, {"n": 2}]
    assert writer.dropped_count == 1


def test_auto_is_text_for_a_terminal_and_json_for_programs() -> None:
    assert log_encoder("auto", is_terminal=True) is text_lines
    assert log_encoder("auto", is_terminal=False) is json_lines
    assert log_encoder("json", is_terminal=True) is json_lines
    assert log_encoder("text", is_terminal=False) is text_lines


def test_a_text_line_has_the_time_the_level_the_message_and_the_facts_that_are_not_empty() -> None:
    line = {
        "ts": "2026-01-02T12:30:01.000+00:00",
        "level": "info",
        "event": "request",
        "node": "n1",
        "status": 200,
        "model": "",
    }
    assert text_lines([line]) == b"12:30:01 info    request  status=200\n"


@pytest.fixture
def log() -> Iterator[Callable[..., list[Any]]]:
    """`log(level, write)` is what `write(logger)` leads to in a log of that level."""
    root, own = logging.getLogger(), logging.getLogger("aiex")
    before = root.handlers[:], root.level, own.level

    def lines(level: str, write: Callable[[], None]) -> list[Any]:
        output = Output()
        writer = LogWriter(output)
        log_to(writer, level=level, node="n1")
        write()
        writer.close()
        return output.lines()

    yield lines
    root.handlers[:], root.level, own.level = before


type Log = Callable[..., list[Any]]
OWN = logging.getLogger("aiex.test")
OTHER = logging.getLogger("other.library")


def test_pythons_logging_goes_the_same_way(log: Log) -> None:
    (line,) = log("info", lambda: OWN.info("hello %s\nthere", "wörld"))
    ts = line.pop("ts")
    assert ts.endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "aiex.test",
        "message": "hello wörld\nthere",
        "node": "n1",
    }


@pytest.mark.parametrize(
    ("level", "own", "others"),
    [
        ("debug", "DIWE", "WE"),
        ("info", "IWE", "WE"),
        ("warning", "WE", "WE"),
        ("error", "E", "E"),
    ],
)
def test_nothing_below_the_level_is_logged_and_of_libraries_nothing_below_a_warning(
    log: Log, level: str, own: str, others: str
) -> None:
    def write(logger: logging.Logger) -> None:
        for number, letter in ((10, "D"), (20, "I"), (30, "W"), (40, "E")):
            logger.log(number, letter)

    assert "".join(line["message"] for line in log(level, lambda: write(OWN))) == own
    assert "".join(line["message"] for line in log(level, lambda: write(OTHER))) == others


def test_an_error_is_logged_with_its_type_and_stack(log: Log) -> None:
    def fail() -> None:
        try:
            raise LookupError("no such \ud800")
        except LookupError:
            OWN.exception("it failed")

    (line,) = log("info", fail)
    assert (line["message"], line["error_type"]) == ("it failed", "LookupError")
    assert line["error_stack"].startswith("Traceback")
    assert line["error_stack"].endswith("LookupError: no such ?")


def test_a_stack_has_a_length_limit_and_keeps_its_end(log: Log) -> None:
    def fail() -> None:
        try:
            raise ValueError("x" * 100_000 + "end")
        except ValueError:
            OWN.exception("it failed")

    (line,) = log("info", fail)
    assert len(line["error_stack"]) == 8000
    assert line["error_stack"].endswith("xend")


@pytest.mark.parametrize("write", [
    lambda: OTHER.error("%d", "no number"),
    lambda: OTHER.error("%s %s", "one"),
    lambda: OTHER.error("%(name)s", {"other": 1}),
])  # fmt: skip
def test_a_message_whose_arguments_do_not_fit_is_logged_all_the_same(
    log: Log, write: Callable[[], None]
) -> None:
    (line,) = log("info", write)
    assert line["message"].startswith("%")
    assert line["level"] == "error"
