"""What an item keeps alive, and what it shares."""

import ctypes
import io
import mmap
from array import array
from typing import Any

import pytest

from aiex.performance.memory.buffers import (
    outside_bytes,
    slot_bytes,
    written_bytes,
    written_letters,
)
from aiex.performance.memory.contents import item_bytes
from aiex.performance.memory.weights import mean_bytes

SIZE = 10_000


class Row:
    def __init__(self, body: bytes) -> None:
        self.inner = {"body": [body]}


def failed() -> Exception:
    body = bytearray(SIZE)
    try:
        raise ValueError(len(body))
    except ValueError as error:
        return error


async def run_on() -> None:
    body = bytearray(SIZE)
    await Never()
    assert body


class Never:
    def __await__(self) -> Any:
        yield


def begun() -> Any:
    coroutine = run_on()
    coroutine.send(None)
    return coroutine


@pytest.mark.parametrize(
    "make",
    [
        lambda: Row(bytes(SIZE)),
        failed,
        lambda: memoryview(bytearray(SIZE))[:16],
        lambda: mmap.mmap(-1, SIZE),
        lambda: ctypes.create_string_buffer(SIZE),
    ],
)
def test_an_item_weighs_what_it_keeps(make: Any) -> None:
    items = [make() for _ in range(8)]
    assert SIZE <= mean_bytes(items) < 1.5 * SIZE


def test_a_coroutine_weighs_its_variables() -> None:
    items = [begun() for _ in range(8)]
    assert SIZE <= mean_bytes(items) < 1.5 * SIZE
    for one in items:
        one.close()


def test_what_is_shared_weighs_nothing() -> None:
    shared = bytes(SIZE)
    assert mean_bytes([Row(shared) for _ in range(8)]) < SIZE / 2
    assert mean_bytes([]) == 0.0


def test_of_a_dict_keys_weigh_too() -> None:
    assert item_bytes({f"{number:0500d}": number for number in range(50)}) > 500


def test_a_buffer_that_is_written_grows_and_one_that_is_read_does_not() -> None:
    data, text = io.BytesIO(), io.StringIO()
    data.write(bytes(SIZE))
    text.write("." * SIZE)
    assert (written_bytes(data), written_letters(text)) == (SIZE, SIZE)
    data.seek(0)
    data.read(100)
    assert written_bytes(data) == 0
    data.close()
    text.close()
    assert (written_bytes(data), written_letters(text)) == (0, 0)


def test_a_number_of_an_array_has_its_size() -> None:
    assert slot_bytes(array("q")) == 8
    assert slot_bytes(bytearray()) == 1
    area = mmap.mmap(-1, SIZE)
    assert outside_bytes(area) == SIZE
    area.close()
    assert outside_bytes(area) == 0
