"""A finding: what is wrong, where, whose it is, how sure that is, and what to do next."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

type Cause = Literal[
    "blocking_call",  # the loop waits off the CPU: sleep, socket, file, process, a thread's lock
    "long_computation",  # Python code that keeps the loop
    "c_call",  # a C function that keeps the interpreter
    "slow_regex",
    "serialisation",  # JSON, pickle and the like
    "logging",
    "slow_subprocess",  # starting processes on the loop
    "task_storm",
    "deadlock",
    "hot_lock",
    "queue_growth",
    "leak",
    "memory_limit",
    "gc_thrash",
    "manual_gc",
    "gc_off",
    "competing_threads",  # for the interpreter
    "thread_lock",  # threads that wait for one another's lock
    "flood",
    "key_limit",  # a key's own limits let nothing through
    "slow_provider",
    "failing_provider",
    "engine_away",
    "full_pool",  # all threads of a pool are taken
    "busy_loop",  # a task that waits for nothing comes round all the time
    "instrumented",  # a tracer, a profiler or a debug mode is left on
    "overload",
    "throttled",  # by the container's CPU limit
    "starved",  # other processes have the CPUs
    "swapped",
    "service_restarts",
    "stopped",  # the whole process was
]

# A finding below this is not told: what it rests on may be chance.
CONFIDENCE_MIN = 0.5


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`function` is as profiles have it, `pkg.mod:Class.method`; empty where none is to blame.

    `also` are other functions that belong to it: who calls, who holds, who waits. `weight` orders
    findings: about the share of the node's time or requests that it takes, from 0 to 1.
    """

    cause: Cause
    text: str
    function: str = ""
    file: str = ""
    line: int = 0
    service: str = ""
    also: tuple[str, ...] = ()
    confidence: Annotated[float, Meta(ge=0, le=1)]
    weight: float = 0.0
    cost: str = ""
    evidence: tuple[str, ...] = ()
    advice: str = ""
    commands: tuple[str, ...] = ()
    follows_from: str = ""  # the cause and function that most likely brought it about
