"""The store of a node on its own, looked at from outside: does it hold state, put it aside.

Nothing here opens it; that takes a server, see `private_store.py`.
"""

from pathlib import Path

from aiex.clock import Clock

_STREAMS = "jetstream/*/streams/*"


def holds_state(store: Path) -> bool:
    """Whether any stream in it has a message. A node that only ever started has empty ones."""
    return any(block.stat().st_size for block in store.glob(f"{_STREAMS}/msgs/*.blk"))


def put_aside(store: Path, clock: Clock) -> Path:
    """Keep it under another name, so that it is not used and nothing is lost; the new name."""
    aside = store.with_name(f"{store.name}.moved-{clock.wall_s() * 1000:.0f}")
    store.rename(aside)
    return aside
