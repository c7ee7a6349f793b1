"""A thing that is wrong with a cluster, and the rule that finds it."""

from collections.abc import Callable, Iterator

import msgspec

from aiex.cluster.diagnosis.evidence import Evidence


class Finding(msgspec.Struct, frozen=True):
    """`text` is what is wrong, `next_step` what to do; `rule` stays the same over releases."""

    rule: str
    text: str
    next_step: str


type Found = Iterator[tuple[str, str]]


class Rule(msgspec.Struct, frozen=True):
    """`find` gives sentences with their next steps, or nothing.

    Where one finding makes another one plain (three nodes with two secrets have no quorum either),
    the other rule names it in `unless` and says nothing then.
    """

    name: str
    find: Callable[[Evidence], Found]
    unless: tuple[str, ...] = ()
