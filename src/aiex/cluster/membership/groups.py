"""Which groups a node is in, as it tells others, and what changed between two tellings. Pure."""

import re
from collections.abc import Iterable, Iterator

from aiex.cluster.events import GroupJoined, GroupLeft
from aiex.errors import GroupRefused

# Parts join groups, not users; all of them fit into each heartbeat (2 KiB at most).
GROUPS_LEN_MAX = 32
GROUP_PATTERN = r"^[a-z0-9][a-z0-9._-]{0,63}$"

type Life = tuple[str, int]  # a node's name and incarnation


def with_group(groups: tuple[str, ...], group: str) -> tuple[str, ...]:
    """The groups after joining one; raises `GroupRefused`."""
    if group in groups:
        return groups
    if not re.fullmatch(GROUP_PATTERN, group):
        raise GroupRefused(f"'{group}' is no name of a group: a-z, 0-9 and -._, 64 at most.")
    if len(groups) >= GROUPS_LEN_MAX:
        raise GroupRefused(f"A node is in at most {GROUPS_LEN_MAX} groups; leave one first.")
    return tuple(sorted((*groups, group)))


def without_group(groups: tuple[str, ...], group: str) -> tuple[str, ...]:
    return tuple(one for one in groups if one != group)


def group_changes(
    life_before: Life, before: Iterable[str], life: Life, after: Iterable[str]
) -> Iterator[GroupJoined | GroupLeft]:
    """The events that lead from one telling to the next; a new life is in its groups anew."""
    was = {(group, *life_before) for group in before}
    now = {(group, *life) for group in after}
    for gone in sorted(was - now):
        yield GroupLeft(*gone)
    for new in sorted(now - was):
        yield GroupJoined(*new)
