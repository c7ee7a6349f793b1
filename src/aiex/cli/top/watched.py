"""What was seen of the nodes so far, answer by answer. Does no I/O."""

from typing import NamedTuple

from msgspec.structs import replace

from aiex.cli.asked_nodes import NodeAnswer
from aiex.cli.top.feed import Look
from aiex.cli.top.pane import Seen, View
from aiex.cli.top.panes import TYPES_EVERY_S, way_of
from aiex.performance import Snapshot
from aiex.performance.snapshot import Section

TYPES: frozenset[Section] = frozenset({"types"})
NOTHING: frozenset[Section] = frozenset()


class Trouble(NamedTuple):
    """Since when nobody answers, and why."""

    since_s: float
    text: str


class Watched:
    """`seen` is by node, and stays while nobody answers: it is told that it is old."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}
        self.silent: dict[str, str] = {}
        self.trouble: Trouble | None = None
        self.failure_count = 0
        self.look = Look(())
        self.view: View | None = None
        self._types_at_s = float("-inf")

    def left_out(self, view: View, now_s: float) -> frozenset[Section]:
        """What need not be asked for again yet: the same question was answered a moment ago."""
        is_fresh = view == self.view and now_s - self._types_at_s < TYPES_EVERY_S
        return TYPES if is_fresh and "types" in way_of(view).sections else NOTHING

    def answered(self, look: Look, view: View, now_s: float) -> None:
        """`look` was asked for `view`; one that is silent is no longer shown as if it were not."""
        self.seen = {one.node: self._seen(one, view) for one in look.answers}
        if any(one.answer.types is not None for one in look.answers):
            self._types_at_s = now_s
        self.silent = {one.node: one.text or one.reason for one in look.failures}
        self.view, self.look = view, look
        self.trouble, self.failure_count = None, 0
        if not look.answers:
            self.unanswered("; ".join(f"{node}: {why}" for node, why in self.silent.items()), now_s)

    def unanswered(self, text: str, now_s: float) -> None:
        since_s = self.trouble.since_s if self.trouble is not None else now_s
        self.trouble = Trouble(since_s, text)
        self.failure_count += 1

    def _seen(self, one: NodeAnswer[Snapshot], view: View) -> Seen:
        had = self.seen.get(one.node)
        if had is None or self.view is None:
            return Seen(one.node, one.answer)
        is_same = (self.view.pane, self.view.by) == (view.pane, view.by)
        if one.answer.types is None and had.now.types is not None and is_same:
            now = replace(one.answer, types=had.now.types)
            # Types that were counted once more are compared with those before, not with themselves.
            return Seen(one.node, now, _with_types_of(had))
        return Seen(one.node, one.answer, had.now)


def _with_types_of(had: Seen) -> Snapshot:
    before = had.before
    return replace(had.now, types=before.types if before is not None else None)
