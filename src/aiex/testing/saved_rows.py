"""Rows of the table `threads` put through a node's admin API, one acknowledged page after another.

The rows say that a thread was deleted: valid, small, and nobody acts on them.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.error import URLError

from aiex.testing.node_process import AdminRefused, NodeProcess

TABLE = "threads"
# Both rows of a thread are in one batch, since they begin alike.
PARTS = ("left", "right")


def put_threads(node: NodeProcess, names: Iterable[str], owner: str = "") -> None:
    """Both rows of each thread; they are acknowledged when this returns."""
    lines = [_line(name, part, owner) for name in names for part in PARTS]
    answer = node.admin(
        "/admin/v1/store/import", "POST", {"table": TABLE, "lines": lines, "there": "replace"}
    )
    assert answer["written"] == len(lines), answer


def threads_of(node: NodeProcess) -> dict[str, dict[str, str]]:
    """By thread, the owner in each of its rows."""
    page: Any = node.admin(f"/admin/v1/store/tables/{TABLE}/rows?limit=1000")
    assert page["is_all"], "these tests have fewer rows"
    found: dict[str, dict[str, str]] = {}
    for one in page["rows"]:
        found.setdefault(one["row"]["thread"], {})[one["row"]["part"]] = one["row"]["owner"]
    return found


@contextmanager
def threads_changing(
    nodes: Callable[[int], NodeProcess], names: Iterable[str]
) -> Iterator[list[int]]:
    """While the block runs, the owners of these threads count up, both rows of one in a batch.

    Yields the rounds that were acknowledged. A node that is away is not waited for.
    """
    threads, rounds, is_over = list(names), list[int](), threading.Event()

    def change() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            with suppress(AdminRefused, URLError, ConnectionError, TimeoutError):
                put_threads(nodes(number), threads, owner=str(number))
                rounds.append(number)

    writer = threading.Thread(target=change)
    writer.start()
    try:
        yield rounds
    finally:
        is_over.set()
        writer.join()


def _line(name: str, part: str, owner: str) -> str:
    row = {"thread": name, "part": part, "owner": owner, "kept": {"type": "deleted"}}
    return json.dumps({"is": "row", "sequence": 1, "at_s": 1.0, "version": 1, "row": row})
