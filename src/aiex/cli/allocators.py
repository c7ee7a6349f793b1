"""The libraries' memory allocators, told to give back what they do not use.

Beside Python's there are two in a node: jemalloc in granian, mimalloc in pyreqwest. By default both
keep what a burst needed. They read their settings from the environment when they are loaded, so
this is done first of all. Measured effects and their price: `docs/internals/memory.md`.
"""

from collections.abc import MutableMapping

SETTINGS = {
    # One arena, since one thread of granian's does nearly all of it; free pages go back after 1 s.
    "_RJEM_MALLOC_CONF": "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0",
    # Memory is taken as it is needed, not in segments of megabytes, and given back at once.
    "MIMALLOC_EAGER_COMMIT": "0",
    "MIMALLOC_ARENA_EAGER_COMMIT": "0",
    "MIMALLOC_PURGE_DELAY": "0",
}


def set_allocators(environment: MutableMapping[str, str]) -> None:
    """Add what the environment does not say itself. No use once the libraries are loaded."""
    for name, text in SETTINGS.items():
        environment.setdefault(name, text)
