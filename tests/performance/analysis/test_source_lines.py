"""What a line calls is read off the source: names, never values."""

import asyncio
import re
from pathlib import Path

import pytest

from aiex.performance import Frame
from aiex.performance.analysis.source_lines import SourceLines, frame_of, place

PATTERN = re.compile("a+")
HERE = str(Path(__file__))


def specimen(text: str) -> object:
    """Its lines are looked at below."""
    found = PATTERN.match(text)
    words = text.split(
        ",",
    )
    return found or words or (lambda: sorted(words))()


def test_a_function_is_known_by_all_that_it_calls() -> None:
    frame = frame_of(f"{__name__}:specimen")
    assert frame is not None
    found = SourceLines().read([frame])[frame.function]
    assert {"PATTERN.match", "text.split", "sorted"} <= set(found.calls)
    assert found.is_regex


def test_a_line_is_known_by_its_own_calls() -> None:
    first = specimen.__code__.co_firstlineno
    match = Frame(f"{__name__}:specimen", HERE, first + 2)
    split = Frame(f"{__name__}:specimen", HERE, first + 4)  # in the middle of the call
    found = SourceLines().read([match, split])
    assert found[place(match)].calls == ("PATTERN.match",)
    assert found[place(split)].calls == ("text.split",)
    assert not found[place(split)].is_regex


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def (")
    frames = [
        Frame("a:b", str(broken), 1),
        Frame("a:b", str(tmp_path / "none.py"), 1),
        Frame("a:b", "<string>", 1),
        Frame("", "", 0),
    ]
    assert SourceLines().read(frames) == {}
    assert frame_of("no.such:thing") is None
    assert frame_of("") is None


SHOP = """
class Orders:
    def run(self):
        self.settle(self.rate)
        self.settle(rates(1))
        other.settle()
        rates(2)
        while True:
            self.settle(1)

    def settle(self, rate):
        pass


def rates(number):
    pass
"""


@pytest.mark.parametrize(
    ("line", "callee"),
    [(4, "Orders.settle"), (5, ""), (6, ""), (7, "rates"), (8, "Orders.settle")],
    ids=["a method", "two calls", "of another file", "a function", "before the next round"],
)
def test_a_line_that_calls_only_a_function_of_its_file_says_which(
    tmp_path: Path, line: int, callee: str
) -> None:
    file = tmp_path / "shop.py"
    file.write_text(SHOP)
    frame = Frame("shop:Orders.run", str(file), line)
    assert SourceLines().read([frame])[place(frame)].callee == callee


async def waiting_specimen(one: asyncio.Event) -> None:
    """Its one call that is not awaited may keep the loop."""
    await one.wait()
    await asyncio.sleep(float("0.1"))


def test_a_call_that_is_awaited_is_known_as_such() -> None:
    first = waiting_specimen.__code__.co_firstlineno
    wait = Frame(f"{__name__}:waiting_specimen", HERE, first + 2)
    sleep = Frame(f"{__name__}:waiting_specimen", HERE, first + 3)
    found = SourceLines().read([wait, sleep])
    assert found[place(wait)].awaited == found[place(wait)].calls == ("one.wait",)
    assert found[place(sleep)].awaited == ("asyncio.sleep",)
    assert set(found[place(sleep)].calls) == {"asyncio.sleep", "float"}
