"""On whose behalf code runs: which service of the node, and of a request its route and model.

It travels in the context (PEP 567), so a task has it from what created it: a profile's samples and
a task's owner are told by it. Whoever begins work of its own says so with `current_work.set`.
"""

from contextvars import ContextVar

import msgspec


class Work(msgspec.Struct, frozen=True):
    """Labels of bounded number: never an id, a key, or anything else that a client chose."""

    service: str = ""  # dotted, as the supervisor calls it; empty: nobody said
    route: str = ""
    model: str = ""


NOBODY = Work()

current_work: ContextVar[Work] = ContextVar("aiex_work", default=NOBODY)
