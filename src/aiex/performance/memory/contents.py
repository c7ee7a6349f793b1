"""The newest item of a container, and how large its items are, from a few of them."""

import gc
from collections import deque
from itertools import islice
from queue import SimpleQueue
from typing import Any

from aiex.performance.memory.buffers import BUFFERS, slot_bytes
from aiex.performance.memory.type_names import is_a
from aiex.performance.memory.weights import mean_bytes

SAMPLES = 16
SLOT_BYTES = {dict: 100, set: 48, frozenset: 48}
LIST_SLOT_BYTES = 9
TEXTS = (bytes, str)


def has_no_items(one: Any) -> bool:
    """Whether it is a text or a buffer, which is not made of objects."""
    return is_a(one, *TEXTS, *(kind for kind, _ in BUFFERS))


def newest(one: Any) -> list[Any]:
    """A few items, the newest first where the container has an order; of dicts the values."""
    if is_a(one, list):
        return list.__getitem__(one, slice(-SAMPLES, None))[::-1]
    if is_a(one, tuple):
        return list(tuple.__getitem__(one, slice(-SAMPLES, None)))[::-1]
    if is_a(one, deque):
        return list(islice(deque.__reversed__(one), SAMPLES))
    if is_a(one, dict):
        return [value for _, value in islice(reversed(dict.items(one)), SAMPLES)]
    if is_a(one, set):
        return list(islice(set.__iter__(one), SAMPLES))
    if is_a(one, frozenset):
        return list(islice(frozenset.__iter__(one), SAMPLES))
    if is_a(one, SimpleQueue):
        return gc.get_referents(one)[-SAMPLES:][::-1]
    return []


def item_bytes(one: Any) -> float:
    """What one more item takes: its place, its key, itself, and what it alone keeps."""
    if has_no_items(one):
        return slot_bytes(one)
    slot = next((size for kind, size in SLOT_BYTES.items() if is_a(one, kind)), LIST_SLOT_BYTES)
    return slot + _key_bytes(one) + mean_bytes(newest(one))


def _key_bytes(one: Any) -> float:
    if not is_a(one, dict):
        return 0.0
    return mean_bytes([key for key, _ in islice(reversed(dict.items(one)), SAMPLES)])
