"""The store of a node on its own, looked at from outside: what does it hold, put it aside.

Nothing here opens it; that takes a server, see `private_store.py`.
"""

from pathlib import Path

from aiex.clock import Clock
from aiex.private_file import write_private

_STREAMS = "jetstream/*/streams/*"
_CAME_HOME_BY = "came-home-by"


def holds_state(store: Path) -> bool:
    """Whether any stream in it has a message. A node that only ever started has empty ones."""
    return any(block.stat().st_size for block in store.glob(f"{_STREAMS}/msgs/*.blk"))


def came_home_by(store: Path) -> str:
    """The id of the move that brought what is in it home; empty for what was written here."""
    try:
        return (store / _CAME_HOME_BY).read_text()
    except OSError:
        return ""


def mark_home(store: Path, move_id: str) -> None:
    """Say in the store itself what brought its content, so that a rename cannot part the two."""
    write_private(store / _CAME_HOME_BY, move_id.encode())


def put_aside(store: Path, clock: Clock) -> Path:
    """Keep it under another name, so that it is not used and nothing is lost; the new name."""
    aside = store.with_name(f"{store.name}.moved-{clock.wall_s() * 1000:.0f}")
    store.rename(aside)
    return aside
