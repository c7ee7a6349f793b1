"""What this part has to be told of the node it looks into; `node` fills it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiex.performance.analysis import TrafficWatch
from aiex.performance.snapshot import Surroundings
from aiex.work import WorkOf


@dataclass(frozen=True, slots=True)
class Host:
    """`is_idle` says whether no request is in flight, `work_of` whose work a request's task does.

    `loop_was_late` is told of every ring of the loop, in seconds. `traffic` counts requests while
    somebody analyzes; `surroundings` tells those who watch the node of what is not looked into.
    """

    node: str
    version: str
    data_dir: Path
    is_idle: Callable[[], bool]
    work_of: WorkOf
    loop_was_late: Callable[[float], None]
    traffic: TrafficWatch
    surroundings: Surroundings
