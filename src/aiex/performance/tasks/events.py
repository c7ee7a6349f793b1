"""What the chapter says when it sees it."""

import msgspec


class TasksDeadlocked(msgspec.Struct, frozen=True):
    """A circle of tasks that wait for one another was found; said once for each circle."""

    circle: str  # every task of it, what it waits for and where
    task_count: int
    behind: int  # tasks that wait for those
    ends_by_timeout: bool


class TasksGrew(msgspec.Struct, frozen=True):
    """There are many times as many tasks as a little while ago; said once until they are fewer."""

    coroutine: str  # of which there are the most new ones
    service: str
    before: int  # tasks of it, then
    now: int
    within_s: float
