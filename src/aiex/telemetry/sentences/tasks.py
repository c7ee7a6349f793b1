"""What is seen of tasks, in words."""

import logging
from typing import Any

from aiex.performance import TasksDeadlocked, TasksGrew

EVENTS = (
    TasksDeadlocked,
    TasksGrew,
)


def line(event: Any) -> tuple[int, str]:
    match event:
        case TasksDeadlocked(circle, task_count, behind, ends_by_timeout):
            others = f" {behind} more wait for them." if behind else ""
            end = " A time limit will end it." if ends_by_timeout else ""
            who = "a task waits for itself" if task_count == 1 else f"{task_count} tasks deadlocked"
            return logging.ERROR, f"{who}: {circle}{others}{end}"
        case TasksGrew(coroutine, service, before, now, within_s):
            return (
                logging.WARNING,
                f"tasks of {coroutine} ({service}) went from {before} to {now} within "
                f"{within_s:.0f} s; `aiex tasks` shows what they wait for",
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")
