"""A store looked at from outside: does it hold state, and where it goes when it is not used."""

from pathlib import Path

from aiex.engine.standalone_store import holds_state, put_aside
from aiex.testing.clock import FakeClock


def store_with(directory: Path, content: bytes) -> Path:
    store = directory / "standalone"
    messages = store / "jetstream" / "$G" / "streams" / "KV_keys" / "msgs"
    messages.mkdir(parents=True)
    (messages / "1.blk").write_bytes(content)
    return store


def test_a_store_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert not holds_state(tmp_path / "standalone")


def test_streams_without_a_message_are_no_state(tmp_path: Path) -> None:
    assert not holds_state(store_with(tmp_path, b""))


def test_one_message_is_state(tmp_path: Path) -> None:
    assert holds_state(store_with(tmp_path, b"a message"))


async def test_what_is_put_aside_is_kept_each_time_under_another_name(tmp_path: Path) -> None:
    clock = FakeClock()
    first = put_aside(store_with(tmp_path, b"first"), clock)
    await clock.advance(1.0)
    second = put_aside(store_with(tmp_path, b"second"), clock)
    assert first != second
    assert holds_state(first)
    assert holds_state(second)
    assert not (tmp_path / "standalone").exists()
