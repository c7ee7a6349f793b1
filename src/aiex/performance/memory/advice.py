"""What to do about a leak, in words, with the next command to type."""

from aiex.performance.memory.leak import LeakKind

# By kind: advice, and the command that shows more or helps.
_ADVICE: dict[LeakKind, tuple[str, str]] = {
    "container": (
        "It gets items and never loses any: give it a bound (a deque with maxlen, an LRU), or "
        "remove items when what they belong to ends.",
        "aiex memory --holders",
    ),
    "cache": (
        "A functools cache without a bound keeps every argument it was called with: give it a "
        "maxsize (lru_cache(maxsize=1024)).",
        "aiex memory --holders",
    ),
    "registry": (
        "A class keeps what all its objects register: let them take themselves out again, or "
        "hold them weakly (weakref.WeakSet).",
        "aiex memory --holders",
    ),
    "log handlers": (
        "Handlers are added to a logger and not removed: add one where the program starts, not "
        "where it works.",
        "aiex memory --holders",
    ),
    "context": (
        "Values in context variables pile up: reset the variable with the token that set gave, "
        "and keep no contexts.",
        "aiex memory --types",
    ),
    "tasks": (
        "Tasks are begun and do not end: await or cancel them, best in an asyncio.TaskGroup with "
        "a deadline.",
        "aiex memory --types",
    ),
    "closures": (
        "Functions made anew are kept, with all their variables: look where they are registered "
        "as callbacks, and take them out when done.",
        "aiex memory --types",
    ),
    "cycles": (
        "They refer to one another and wait for the collector, which does not come or cannot free "
        "them: hold one direction weakly, and look at how the collector is set.",
        "aiex memory --types",
    ),
    "objects": (
        "Objects of one type grow in number and nobody with a name has them all: look at where "
        "they are made.",
        "aiex profile memory --seconds 5",
    ),
    "native": (
        "Neither Python nor malloc has it: a library with an allocator of its own, or mapped "
        "memory. Compare what runs with what ran before it grew, and restart the node before its "
        "limit.",
        "aiex memory",
    ),
    "malloc": (
        "C code takes memory and does not free it (an extension, ctypes), or Python holds large "
        "texts or buffers: see which library the growth began with.",
        "aiex profile memory --seconds 5",
    ),
    "fragments": (
        "It is freed and malloc keeps it, in pieces: giving it back costs milliseconds.",
        "aiex memory trim",
    ),
    "threads": (
        "Threads are begun and do not end: use one pool with a bound, and join what is begun.",
        "aiex memory",
    ),
    "files": (
        "Files or sockets are opened and not closed: open them with `with`, or close them in a "
        "`finally`.",
        "aiex memory",
    ),
}


def advice(kind: LeakKind) -> tuple[str, str]:
    """What to do, and the command."""
    return _ADVICE[kind]
