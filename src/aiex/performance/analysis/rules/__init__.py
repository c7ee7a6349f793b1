"""Every rule: evidence in, findings out. Pure; each file is a group of causes."""

from collections.abc import Callable, Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.rules.blocked_loop import blocked_loop, short_waits
from aiex.performance.analysis.rules.busy_loop import hot_functions, overload
from aiex.performance.analysis.rules.collector import gc_thrash, manual_gc
from aiex.performance.analysis.rules.instruments import left_on
from aiex.performance.analysis.rules.keys import flood, key_limits
from aiex.performance.analysis.rules.leaks import leaks, memory_limit
from aiex.performance.analysis.rules.locks import deadlocks, hopeless_waits, hot_locks
from aiex.performance.analysis.rules.logging import too_much_logging
from aiex.performance.analysis.rules.machine import engine_away, starved, swapped, throttled
from aiex.performance.analysis.rules.pools import full_pools
from aiex.performance.analysis.rules.providers import providers
from aiex.performance.analysis.rules.queues import queue_growth
from aiex.performance.analysis.rules.restless import restless
from aiex.performance.analysis.rules.services import restarts
from aiex.performance.analysis.rules.task_storm import task_storm
from aiex.performance.analysis.rules.threads import competing_threads, thread_locks, threads_in_line

type Rule = Callable[[Evidence], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    blocked_loop,
    short_waits,
    hot_functions,
    restless,
    full_pools,
    left_on,
    too_much_logging,
    competing_threads,
    thread_locks,
    threads_in_line,
    deadlocks,
    hot_locks,
    hopeless_waits,
    task_storm,
    queue_growth,
    leaks,
    memory_limit,
    gc_thrash,
    manual_gc,
    flood,
    key_limits,
    providers,
    engine_away,
    throttled,
    starved,
    swapped,
    restarts,
    overload,
)

__all__ = ["RULES", "Rule"]
