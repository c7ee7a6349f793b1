"""What a fault is: what is planted how strong, and what is true of it."""

from typing import Literal

import msgspec

# Where it lives: a service that the node runs, a provider's settings, or a client's requests.
type Place = Literal["guest", "provider", "client"]


class Strength(msgspec.Struct, frozen=True):
    """The least that users notice, and the most that leaves a node to be asked."""

    least: float
    most: float


class Fault(msgspec.Struct, frozen=True):
    """`functions` are those of its module that may be named, `Class.method`; `causes` likewise.

    `matters` says what users or operators notice at the least strength. `who_matters` where it is
    not a function that has to be named, but a service, a key or a provider.
    """

    kind: str
    causes: tuple[str, ...]
    matters: str
    strengths: dict[str, Strength]
    functions: tuple[str, ...] = ()
    place: Place = "guest"


class Truth(msgspec.Struct, frozen=True):
    """What is wrong with a node, as whoever planted it knows.

    A finding names it with one of the causes and, where there are `functions`, one of them; else it
    has to mention the word `mentions`.
    """

    kind: str
    causes: tuple[str, ...]
    functions: tuple[str, ...]  # `module:Class.method`
    service: str
    strengths: dict[str, float]
    mentions: str = ""
    matters: str = ""
