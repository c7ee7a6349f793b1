"""The libraries' memory allocators, told to give back what they do not use.

Beside Python's there are two in a node: jemalloc in granian, mimalloc in pyreqwest. By default both
keep what a burst needed. They read their settings from the environment when they are loaded, so
this is done first of all. Measured effects and their price: `docs/internals/memory.md`.
"""

from collections.abc import MutableMapping

SETTINGS = {
    # One arena, since one thread of granian's does nearly all of it. Free pages go back as soon as
    # somebody allocates again: with jemalloc's ten seconds, or one, a crowd's pages were still
    # there minutes after it, for a node at rest allocates too seldom to count the time.
    "_RJEM_MALLOC_CONF": "narenas:1,dirty_decay_ms:10,muzzy_decay_ms:0",
    # Memory is taken as it is needed, and given back at once.
    "MIMALLOC_ARENA_EAGER_COMMIT": "0",
    "MIMALLOC_PURGE_DELAY": "0",
}


def set_allocators(environment: MutableMapping[str, str]) -> None:
    """Add what the environment does not say itself. No use once the libraries are loaded."""
    for name, text in SETTINGS.items():
        environment.setdefault(name, text)
