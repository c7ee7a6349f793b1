"""Everything that looks inside this node, built once, chapter by chapter."""

from collections.abc import Callable, Mapping
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Handler
from aiex.events import Emit
from aiex.performance.questions import Questions
from aiex.performance.threads import ThreadCpu
from aiex.performance.tracer import Tracer
from aiex.service import Service


class Performance:
    """`services` run under the node's supervision, in a branch of their own; `handlers` answer.

    `gauges` are read when metrics are.
    """

    def __init__(self, *, node: str, version: str, clock: Clock, emit: Emit) -> None:
        self._questions = Questions([ThreadCpu()], clock)
        self._tracer = Tracer(node=node, clock=clock, emit=emit)

    def services(self) -> list[Service]:
        """In start order. Whatever becomes of them, no request fails."""
        return [self._tracer]

    def handlers(self) -> Mapping[type[Any], Handler]:
        """What each request of `PERFORMANCE_REQUESTS` is answered by."""
        return {**self._questions.handlers(), **self._tracer.handlers()}

    def gauges(self) -> Mapping[str, Callable[[], float]]:
        """By the metric's name."""
        return {}
