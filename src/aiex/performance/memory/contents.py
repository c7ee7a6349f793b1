"""The newest item of a container, and how large its items are, from a few of them."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiex.performance.memory.type_names import is_a, own_attributes, own_size

SAMPLES = 16
SLOT_BYTES = {dict: 100, set: 48, bytearray: 1}
LIST_SLOT_BYTES = 9


def newest(one: Any) -> list[Any]:
    """A few items, the newest first where the container has an order; of dicts the values."""
    if is_a(one, list):
        return list.__getitem__(one, slice(-SAMPLES, None))[::-1]
    if is_a(one, deque):
        return list(islice(deque.__reversed__(one), SAMPLES))
    if is_a(one, dict):
        return [value for _, value in islice(reversed(dict.items(one)), SAMPLES)]
    if is_a(one, set):
        return list(islice(set.__iter__(one), SAMPLES))
    return []


def item_bytes(one: Any) -> float:
    """What one more item takes: its place, itself, and what it alone seems to have."""
    items = newest(one)
    slot = next((size for kind, size in SLOT_BYTES.items() if is_a(one, kind)), None)
    place = LIST_SLOT_BYTES if slot is None else slot
    if not items:
        return place
    return place + sum(map(_deep_bytes, items)) / len(items)


def _deep_bytes(one: Any) -> int:
    """With the attributes of an object and the items of a short tuple or list; one step deep."""
    size = own_size(type(one))(one)
    if is_a(one, list):
        return size + _own_bytes(list.__iter__(one))
    if is_a(one, tuple):
        return size + _own_bytes(tuple.__iter__(one))
    attributes = own_attributes(one)
    return size + _own_bytes(iter(attributes.values())) if attributes else size


def _own_bytes(parts: Iterator[Any]) -> int:
    return sum(own_size(type(part))(part) for part in islice(parts, SAMPLES))
