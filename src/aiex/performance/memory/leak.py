"""A leak as it is told: what grows, where, how fast, how sure that is, and what to do.

Nothing here shows what an object contains: names of types, functions and attributes, and numbers.
"""

from typing import Literal

import msgspec

type LeakKind = Literal[
    "container",  # a list, dict, set or deque that only grows
    "cache",  # functools.cache, lru_cache(None)
    "registry",  # a container that a class holds for all of its instances
    "log handlers",
    "context",  # contextvars
    "tasks",
    "closures",
    "cycles",  # what only the collector could free, and does not
    "objects",  # of one type, without one container that has them all
    "native",  # resident memory that neither Python nor malloc accounts for
    "malloc",  # malloc'd by C code: extensions, ctypes
    "fragments",  # freed, and kept by malloc: `aiex memory trim` gives it back
    "threads",
    "files",  # file descriptors: sockets, files, pipes
]


class Leak(msgspec.Struct, frozen=True):
    """Rates are over `span_s`, the time that was looked at; 0 where they are not known.

    `confidence` is from 0 to 1: how much speaks against chance, warm-up and load. `limit_in_s` is
    when the memory's limit (for `threads` and `files` theirs) is reached at this rate; None: never,
    or not within a year.
    """

    kind: LeakKind
    type: str  # of what grows: `pkg.mod:Class`; or `rss`, `threads`, `files`
    holder: str = ""  # who has it: `attribute _rows of pkg.mod:Class`
    site: str = ""  # where it is made: `pkg.mod:function (file.py:12)`
    rate_bytes_s: float = 0.0
    rate_objects_s: float = 0.0
    grown_bytes: float = 0.0
    grown_objects: float = 0.0
    span_s: float = 0.0
    confidence: float = 0.0
    limit_in_s: float | None = None
    since_s: float = 0.0  # wall clock
    advice: str = ""
    command: str = ""  # the next one to type
